"""`tiercel ephemeral up`, `list`, `extend` and `down`: environments on demand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tiercel.cli.terminal.options import RepositoryArgument
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.releases import show_released
from tiercel.cli.terminal.running.deployed_runs import run_deployment
from tiercel.cli.terminal.running.releasing import commit_to_release, open_releases_named, owned
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.cli.terminal.settings import RunSettings, Settings, shared
from tiercel.domain.base.errors import ExitCode, error_from

if TYPE_CHECKING:
    from tiercel.domain.ephemeral.environments import EphemeralRecord
    from tiercel.domain.organization.access import Records
    from tiercel.flows.ephemeral_up import CameUp

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Environments on demand, which go after a time.",
)

_UP = "ephemeral-up/ephemeral-up-preprod"
_DOWN = "ephemeral-down/ephemeral-down-preprod"
_Name = Annotated[str, typer.Argument(help="The environment, as `ephemeral list` names it.")]


@app.command("up")
@shared(RunSettings)
def up(
    repository: RepositoryArgument,
    commit: Annotated[
        str, typer.Argument(help="A branch, which it then follows, or a commit id.")
    ] = "",
    *,
    pull_request: Annotated[
        int, typer.Option(min=0, help="From this pull request, whose branch it follows.")
    ] = 0,
    live_of: Annotated[str, typer.Option(help="From what runs in preprod or prod.")] = "",
    name: Annotated[str, typer.Option(help="Its name; else after what it is made from.")] = "",
    service: Annotated[
        list[str] | None, typer.Option(help="A service, with all it depends on; else all.")
    ] = None,
    hours: Annotated[
        int, typer.Option(min=0, help="How long it lives; 0: what tiercel.toml says.")
    ] = 0,
    purpose: Annotated[str, typer.Option(help="What it is for, for those who wonder.")] = "",
    standard: Annotated[
        bool, typer.Option("--standard", help="Wait until every resource is ready.")
    ] = False,
    settings: RunSettings,
) -> None:
    """Bring up an environment on demand, or bring it to a newer commit."""
    output = settings.output
    wish = _taken(name, service or (), hours, purpose)
    if commit:
        repository, commit = commit_to_release(settings, "preprod", repository, commit)
    else:
        repository, _ = commit_to_release(settings, "preprod", repository, "develop")
    given: dict[str, str | int | bool] = {
        "repository": repository,
        "commit": commit,
        "pull_request": pull_request,
        "live_of": live_of,
        "standard_mode": standard,
    }
    given |= wish
    given = {key: value for key, value in given.items() if value or key == "repository"}
    if settings.local:
        owned(repository)
    given |= _asked(settings, repository, commit, pull_request, live_of, name)
    if not settings.local:
        run_deployment(output, _UP, **given)
        return
    from tiercel.flows.ephemeral_up import ephemeral_up

    with open_releases_named(settings, "preprod"):
        finished = run_flow(ephemeral_up, output, **given)
    _show_up(output, finished.result)


def _taken(name: str, services: Iterable[str], hours: int, purpose: str) -> dict[str, str | int]:
    """Return what is wished, before anybody hears of it; RefusedInputError if no flow takes it."""
    from tiercel.domain.configuration.requests import (
        require_given_on_demand_name,
        require_hours,
        require_purpose,
        require_services,
    )

    return {
        "name": require_given_on_demand_name(name) if name else "",
        "services": require_services(" ".join(services)),
        "hours": require_hours(hours),
        "purpose": require_purpose(purpose),
    }


def _asked(
    settings: RunSettings, repository: str, commit: str, pull_request: int, live_of: str, name: str
) -> dict[str, str | int | bool]:
    """Ask at GitHub, so that it is known there who did; without a token nobody asks.

    Raises RefusedInputError for what no flow would take.
    """
    from tiercel.domain.ephemeral.origins import origin_of
    from tiercel.domain.organization.names import Names
    from tiercel.tasks.github.pull_requests import read_pull_request
    from tiercel.tasks.github.transport.asking import request_deployment
    from tiercel.tasks.github.transport.credentials import has_credentials

    topology = settings.topology()
    _ = topology.on_demand
    current = topology.current_name(repository)
    origin = origin_of(commit, pull_request, live_of)
    if not has_credentials():
        return {}
    ref = commit
    if pull_request:
        ref = read_pull_request.fn(current, pull_request).head_commit
    elif live_of:
        ref = topology.environment(live_of).branch
    title = Names.ephemeral(topology, name or origin.name(current)).title
    return {"asked_by_deployment": request_deployment.fn(current, ref, title)}


@app.command("down")
@shared(RunSettings)
def down(name: _Name, *, settings: RunSettings) -> None:
    """Delete every stack of an environment on demand; nothing to do if it is gone."""
    from tiercel.domain.configuration.requests import require_given_on_demand_name

    output = settings.output
    require_given_on_demand_name(name)
    settings.settle("preprod")
    if not settings.local:
        run_deployment(output, _DOWN, name=name)
        return
    from tiercel.domain.ephemeral.environments import known
    from tiercel.flows.ephemeral_down import ephemeral_down

    finished = run_flow(ephemeral_down, output, name=name)
    result = finished.result
    output.document("ephemeral",
        _row(known(result.record, name))
        | {"deleted": [{"stack": one.stack, "seconds": one.seconds,
                        "retained": [kept.line() for kept in one.retained]}
                       for one in result.deleted]}
    )  # fmt: skip
    if not output.as_json:
        count = sum(1 for one in result.deleted if one.stack_id)
        output.result(f"{name} is gone: {count} stacks deleted")
        for one in result.deleted:
            for kept in one.retained:
                output.line(f"still there, of {one.stack}: {kept.line()}")


@app.command("list")
@shared(Settings)
def list_them(
    *,
    gone: Annotated[bool, typer.Option("--all", help="Also those that are gone.")] = False,
    settings: Settings,
) -> None:
    """Say which environments on demand there are, whose, until when, and where they answer.

    A record that cannot be read is told, and the command fails after it has shown the others.
    """
    from tiercel.tasks.records.ephemeral import read_environments

    output = settings.output
    all_found = read_environments.fn(_records(settings))
    found = all_found.readable if gone else all_found.active
    output.document("ephemeral-list", [_row(one) for one in found])
    if not settings.as_json:
        _show_list(output, found)
    if all_found.unreadable:
        for one in all_found.unreadable:
            output.error_note(error_from(one.failure))
        raise typer.Exit(int(ExitCode.REFUSED))


def _show_list(output: Output, found: Iterable[EphemeralRecord]) -> None:
    from tiercel.domain.pages.environment.environments_page import short_origin

    rows = [
        (
            one.name,
            one.state.value,
            one.owner or "nobody",
            f"{one.origin} {short_origin(one)}",
            _left(one),
            one.address or one.purpose,
        )
        for one in found
    ]
    header = ("name", "state", "owner", "from", "time left", "address")
    output.table("Environments on demand", header, rows, least=("from", "owner"))


@app.command("extend")
@shared(Settings)
def extend(
    name: _Name,
    *,
    hours: Annotated[int, typer.Option(min=1, help="So long it lives from now, at least.")] = 24,
    settings: Settings,
) -> None:
    """Let an environment on demand live longer, within what tiercel.toml allows."""
    from tiercel.domain.configuration.requests import require_given_on_demand_name
    from tiercel.domain.ephemeral.environments import extended, known
    from tiercel.tasks.records.ephemeral import change_environment

    require_given_on_demand_name(name)
    limits, now = settings.topology().on_demand, datetime.now(UTC)
    changed = change_environment.fn(
        _records(settings), name, lambda found: extended(known(found, name), hours, limits, now)
    )
    settings.output.document("ephemeral", _row(changed))
    if not settings.as_json:
        settings.output.result(f"{name} lives until {changed.expires:%Y-%m-%d %H:%M} UTC")


def _records(settings: Settings) -> Records:
    """Return the records of the environment in whose accounts those on demand live."""
    topology = settings.topology()
    _ = topology.on_demand
    return settings.target(settings.names(topology.verifying.name)).records


def _row(record: EphemeralRecord) -> dict[str, Any]:
    return record.model_dump(mode="json", exclude={"format", "depends_on", "generation"})


def _left(record: EphemeralRecord) -> str:
    """Return how long an environment lives, in hours and minutes."""
    seconds = (record.expires - datetime.now(UTC)).total_seconds()
    if not record.is_active:
        return ""
    if seconds <= 0:
        return "expired"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"


def _show_up(output: Output, result: CameUp) -> None:
    """Print what was released, and where the environment answers."""
    record = result.record
    if output.as_json:
        released = {
            name: {"stack": one.stack.name, "release": one.release.intent.number,
                   "changed": one.changed, "outputs": one.outputs}
            for name, one in result.released.items()
        }  # fmt: skip
        output.document("ephemeral", _row(record) | {"released": released})
        return
    show_released(output, result.released, f"environment {record.name}")
    output.line(f"{record.name} lives until {record.expires:%Y-%m-%d %H:%M} UTC")
    if record.address:
        output.line(f"It answers at {record.address}")
