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
    pools_health,
    program_health,
    python_health,
    roles_health,
    well,
)

if TYPE_CHECKING:
    from tiercel.domain.organization.topology import Topology

_PROGRAMS = {
    "npm": "services with a package.json",
    "terraform": "accounts to provision from this machine",
}
_GIT_SECONDS = 10.0


def examine(settings: Settings, environment: str = "") -> Iterator[Examined]:
    """Look at everything, one after the other; what cannot be looked at is said, too.

    Of an `environment` that is named nothing is another's; ConfigurationError if there is none.
    """
    yield from _tools()
    try:
        topology = _topology(settings)
    except TiercelError as error:
        yield failed("configuration", "tiercel.toml", error)
        return
    yield well("configuration", "tiercel.toml", f"{len(topology.environments)} environments")
    yield _isolation(topology)
    names = [settings.names(environment).environment.name] if environment else topology.environments
    # The sandbox has one server and one person for all environments.
    all_asked = settings.sandbox or bool(environment)
    tried = {name: _environment(settings, name) for name in names}
    roles = roles_health({name: found for name, (_, found) in tried.items()}, all_asked=all_asked)
    for name, (found, _) in tried.items():
        yield from [*found, *roles[name]]
    yield from _server(list(names), all_asked=all_asked)
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


def _environment(
    settings: Settings, name: str
) -> tuple[list[Examined], dict[str, str | TiercelError]]:
    """Look at credentials and clock, and try both roles: who one is then, or why not."""
    from tiercel.tasks.aws.caller import who_becomes, who_calls

    names = settings.names(name)
    target = settings.target(names)
    try:
        caller = who_calls(names.environment.region)
    except TiercelError as error:
        return [failed(name, "credentials", error)], {}
    roles: dict[str, str | TiercelError] = {}
    for what, access in (("orchestrator", target.orchestrator), ("auditor", target.auditor)):
        try:
            roles[what] = who_becomes(access).arn
        except TiercelError as error:
            roles[what] = error
    found = [well(name, "credentials", caller.arn), clock_health(name, caller.ahead)]
    return found, roles


def _server(pools: list[str], *, all_asked: bool) -> Iterator[Examined]:
    from tiercel.deployments.health import look_at_server

    try:
        seen = asyncio.run(look_at_server(pools))
    except TiercelError as error:
        yield failed("Prefect", "server", error)
        return
    yield well("Prefect", "server", f"{seen.version} at {seen.url}")
    yield from pools_health(seen.online, all_asked=all_asked)


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
