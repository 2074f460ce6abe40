"""Every command: where it is, and what it does in one sentence. Importing this imports nothing.

The help of `tiercel` itself is made of this, so that it is there at once: to ask the commands would
import all of them.
"""

from __future__ import annotations

import shutil
import textwrap
from typing import NamedTuple


class KnownCommand(NamedTuple):
    """Where a command is, as MODULE:NAME, and what it says of itself."""

    where: str
    summary: str


COMMANDS = {
    "demo": KnownCommand(
        "tiercel.cli.demo.command:demo",
        "Take changes from pull requests through Preprod to Prod and ask both for an answer.",
    ),
    "init": KnownCommand(
        "tiercel.cli.commands.set_up.init:init",
        "Look at a repository, and write a tiercel.toml and workflows for it; nothing is called.",
    ),
    "publish": KnownCommand(
        "tiercel.cli.commands.release.publish:publish",
        "Build a commit's services and publish what Preprod does not have yet.",
    ),
    "plan": KnownCommand(
        "tiercel.cli.commands.release.plan:plan",
        "Show what a deploy or promotion of a commit would do; nothing is executed or left behind.",
    ),
    "deploy": KnownCommand(
        "tiercel.cli.commands.release.deploy:deploy",
        "Deploy a commit's published artifacts to Preprod.",
    ),
    "candidate": KnownCommand(
        "tiercel.cli.commands.release.candidate:candidate",
        "Verify in Preprod what a hotfix or release branch brings, so that it can be promoted.",
    ),
    "promote": KnownCommand(
        "tiercel.cli.commands.release.promote:promote",
        "Release to Prod what Preprod verified for the same source, tag it and announce it.",
    ),
    "verify": KnownCommand(
        "tiercel.cli.commands.release.verify:verify",
        "Build and test what a pull request would bring; nothing is deployed.",
    ),
    "trigger": KnownCommand(
        "tiercel.cli.commands.release.trigger:trigger",
        "Start what an event on GitHub calls for; once, however often it is told.",
    ),
    "ephemeral": KnownCommand(
        "tiercel.cli.commands.environment.ephemeral:app",
        "Environments on demand, which go after a time.",
    ),
    "rollback": KnownCommand(
        "tiercel.cli.commands.release.rollback:rollback",
        "Release an earlier release of a stack again, from what the ledger has of it.",
    ),
    "rebuild": KnownCommand(
        "tiercel.cli.commands.environment.rebuild:rebuild",
        "Delete every stack of an environment, prove it empty, rebuild it and time that.",
    ),
    "drills": KnownCommand(
        "tiercel.cli.commands.look.drills:drills",
        "List the drills of an environment that have ended, or open the page of one.",
    ),
    "approve": KnownCommand(
        "tiercel.cli.commands.release.approve:approve",
        "Approve the plan of a promotion that waits.",
    ),
    "decline": KnownCommand(
        "tiercel.cli.commands.release.approve:decline",
        "Decline the plan of a promotion that waits, which ends it.",
    ),
    "traffic": KnownCommand(
        "tiercel.cli.commands.release.traffic:app",
        "Traffic that shifts from one version to the next.",
    ),
    "hold": KnownCommand(
        "tiercel.cli.commands.release.hold:hold",
        "Stop promotions to an environment until somebody lets them go on.",
    ),
    "resume": KnownCommand(
        "tiercel.cli.commands.release.hold:resume",
        "Let promotions to an environment go on.",
    ),
    "drift": KnownCommand(
        "tiercel.cli.commands.look.drift:drift",
        "Look for what was changed past Tiercel: resources, stacks, roles and policies.",
    ),
    "reject": KnownCommand(
        "tiercel.cli.commands.release.reject:reject",
        "Rule a release out for good: it is neither promoted nor gone back to any more.",
    ),
    "status": KnownCommand(
        "tiercel.cli.commands.look.status:status",
        "Say what is live where, since when and by whom: the release that each stack runs.",
    ),
    "releases": KnownCommand(
        "tiercel.cli.commands.look.releases:releases",
        "List the releases of an environment's own stacks, the newest of each stack first.",
    ),
    "logs": KnownCommand(
        "tiercel.cli.commands.look.logs:logs",
        "Show the log of the run of a stack's release, and the newest errors of its functions.",
    ),
    "diff": KnownCommand(
        "tiercel.cli.commands.look.diff:diff",
        "Compare two releases, commits or environments: services, parameters' names, resources.",
    ),
    "open": KnownCommand(
        "tiercel.cli.commands.look.open:app",
        "Addresses of pages, opened where there is a browser.",
    ),
    "schema": KnownCommand(
        "tiercel.cli.commands.look.schema:schema",
        "Print the JSON Schema of a kind of document that commands print with --json.",
    ),
    "metrics": KnownCommand(
        "tiercel.cli.commands.look.metrics:metrics",
        "Show deployment frequency, lead time, change failure rate and time to restore.",
    ),
    "verify-artifact": KnownCommand(
        "tiercel.cli.commands.look.verify_artifact:verify_artifact",
        "Verify that a release's artifact is what the environment's key has signed.",
    ),
    "ledger": KnownCommand(
        "tiercel.cli.commands.environment.ledger:app",
        "An environment's history as files.",
    ),
    "reap": KnownCommand(
        "tiercel.cli.commands.environment.reap:reap",
        "Destroy environments on demand that are over, and delete what no stack owns.",
    ),
    "retention": KnownCommand(
        "tiercel.cli.commands.environment.retention:retention",
        "Show what an artifact bucket keeps and why; with --delete, let the rest go.",
    ),
    "doctor": KnownCommand(
        "tiercel.cli.commands.look.doctor:doctor",
        "Look at tools, versions, credentials, clock, server and workers, and say what to do.",
    ),
    "check": KnownCommand(
        "tiercel.cli.commands.look.check:check",
        "Try an environment's accounts for real and compare them with what they must be.",
    ),
    "gitflow": KnownCommand(
        "tiercel.cli.commands.set_up.gitflow:app",
        "Whether GitHub demands what the promise needs, and setting it.",
    ),
    "config": KnownCommand(
        "tiercel.cli.commands.set_up.config:app",
        "The configuration, tiercel.toml.",
    ),
    "provision": KnownCommand(
        "tiercel.cli.commands.set_up.provision:provision",
        "Bring an environment's two accounts to what terraform/ describes.",
    ),
    "up": KnownCommand(
        "tiercel.cli.commands.set_up.up:up",
        "Bring the work pools, deployments and automations to the server of PREFECT_API_URL.",
    ),
    "worker": KnownCommand(
        "tiercel.cli.commands.set_up.worker:worker",
        "Execute the runs of a work pool until SIGTERM or SIGINT, with this process's credentials.",
    ),
    "completion": KnownCommand(
        "tiercel.cli.commands.set_up.completion:completion",
        "Print the script by which a shell completes commands and options; nothing is installed.",
    ),
    "sandbox": KnownCommand(
        "tiercel.cli.commands.set_up.sandbox:app",
        "Four AWS accounts on this machine.",
    ),
}
"""By name, in the order of the help: only the one that is used is imported."""
_SUBJECTS = {
    "demo": "Try it",
    "set_up": "Set up, and keep running",
    "release": "Release",
    "look": "Look",
    "environment": "Environments, and what they hold",
}
_WIDEST = 100
_NAME = max(map(len, COMMANDS))


def overview() -> str:
    """Return the help of `tiercel`: its commands by subject, as wide as the terminal is."""
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    lines = [
        "Usage: tiercel [--version] COMMAND [ARGS]...",
        "",
        "GitFlow releases from GitHub to pairs of AWS accounts.",
        "`tiercel COMMAND --help` has every option.",
    ]
    for subject, title in _SUBJECTS.items():
        lines += ["", f"{title}:"]
        for name, command in COMMANDS.items():
            if command.where.rpartition(".")[0].endswith(subject):
                lines += _entry(name, command.summary, width)
    return "\n".join(lines)


def _entry(name: str, summary: str, width: int) -> list[str]:
    beginning = f"  {name:<{_NAME}}  "
    return textwrap.wrap(
        summary, max(width, 2 * len(beginning)), initial_indent=beginning,
        subsequent_indent=" " * len(beginning), break_long_words=False,
    )  # fmt: skip
