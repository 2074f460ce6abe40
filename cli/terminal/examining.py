"""What `tiercel doctor` looks at: this machine, AWS, the Prefect server, GitHub."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from tiercel.cli.terminal.settings import Settings
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.onboarding.health import (
    Examined,
    Health,
    clock_health,
    failed,
    git_health,
    no_github_credentials,
    program_health,
    python_health,
    well,
    workers_health,
)

if TYPE_CHECKING:
    from tiercel.domain.organization.topology import Topology

_PROGRAMS = {
    "npm": "services with a package.json",
    "terraform": "accounts to provision from this machine",
}
_GIT_SECONDS = 10.0


def examine(settings: Settings) -> Iterator[Examined]:
    """Look at everything, one after the other; what cannot be looked at is said, too."""
    yield from _tools()
    try:
        topology = _topology(settings)
    except TiercelError as error:
        yield failed("configuration", "tiercel.toml", error)
        return
    yield well("configuration", "tiercel.toml", f"{len(topology.environments)} environments")
    yield _isolation(topology)
    for name in topology.environments:
        yield from _environment(settings, name)
    yield from _server(list(topology.environments))
    yield _github()


def _topology(settings: Settings) -> Topology:
    from tiercel.tasks.engine.policy_files import require_fitting_policies
    from tiercel.tasks.source.topology_file import config_path

    topology = settings.topology()
    require_fitting_policies(topology, str(config_path()))
    return topology


def _tools() -> Iterator[Examined]:
    from tiercel.tasks.engine.processes import Command, run_command

    versions = ", ".join(f"{one} {metadata.version(one)}" for one in ("tiercel", "prefect"))
    yield well("tools", "versions", versions)
    yield python_health(sys.version_info[:2], platform.python_version())
    asked = Command(
        ("git", "--version"), Path(), {"PATH": os.environ.get("PATH", "")}, _GIT_SECONDS
    )
    yield git_health(run_command(asked).stdout.decode(errors="replace"))
    for name, needed_for in _PROGRAMS.items():
        yield program_health(name, shutil.which(name) or "", needed_for)


def _isolation(topology: Topology) -> Examined:
    """Look whether builds can run where they shall: on this machine, which may be no worker."""
    from tiercel.tasks.build.places import place_of

    where = topology.builds.where.value
    try:
        place = place_of(topology.builds)
    except TiercelError as error:
        return failed("builds", where, error)
    if place.name != where:
        return Examined(
            area="builds",
            what=where,
            health=Health.DOUBTFUL,
            found=f"beside the sandbox they run in `{place.name}`: this machine cannot isolate",
            remedy="install bubblewrap, if this machine is to be a worker",
        )
    return well("builds", where, "this machine can")


def _environment(settings: Settings, name: str) -> Iterator[Examined]:
    from tiercel.tasks.aws.caller import who_becomes, who_calls

    names = settings.names(name)
    target = settings.target(names)
    try:
        caller = who_calls(names.environment.region)
        yield well(name, "credentials", caller.arn)
        yield clock_health(name, caller.ahead)
    except TiercelError as error:
        yield failed(name, "credentials", error)
        return
    for what, access in (("orchestrator", target.orchestrator), ("auditor", target.auditor)):
        try:
            yield well(name, what, f"becomes {who_becomes(access).arn}")
        except TiercelError as error:
            yield failed(name, what, error)


def _server(pools: list[str]) -> Iterator[Examined]:
    from tiercel.deployments.health import look_at_server

    try:
        seen = asyncio.run(look_at_server(pools))
    except TiercelError as error:
        yield failed("Prefect", "server", error)
        return
    yield well("Prefect", "server", f"{seen.version} at {seen.url}")
    for pool, online in seen.online.items():
        yield workers_health(pool, online)


def _github() -> Examined:
    from tiercel.tasks.github.transport.credentials import has_credentials

    if not has_credentials():
        return no_github_credentials()
    from tiercel.tasks.github.transport.client import require_accepted

    try:
        require_accepted()
    except TiercelError as error:
        return failed("GitHub", "credentials", error)
    return well("GitHub", "credentials", "GitHub takes them")
