"""`tiercel status` and `tiercel releases`: what the ledgers say."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.options import Config, Json, Sandbox, State
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.session import DEFAULT_STATE, use_config, use_sandbox
from tiercel.domain.base.digests import short
from tiercel.domain.base.errors import RefusedInputError, TiercelError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.organization.requests import STACK_PATTERN
from tiercel.tasks.source.topology_file import config_path, read_topology

if TYPE_CHECKING:
    from tiercel.domain.organization.access import Records
    from tiercel.domain.organization.names import Names
    from tiercel.domain.organization.topology import Topology
    from tiercel.domain.release.ledger import Release


def status(
    *,
    sandbox: Sandbox = False,
    state: State = DEFAULT_STATE,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Say what is live where, since when and by whom: the release that each stack runs.

    An environment that your credentials do not reach is named; if there is no other, the
    command fails.
    """
    output = Output(as_json=as_json)
    sandbox_state = state if sandbox else None
    document: dict[str, object] = {}
    failures: list[TiercelError] = []
    for environment in topology_of(config, sandbox_state).environments:
        try:
            live = _live(environment, config, sandbox_state)
        except TiercelError as error:
            failures.append(error)
            document[environment] = {"error": error.failure.document()}
            continue
        document[environment] = [release_row(release) for release in live]
        if not as_json:
            _table(output, f"Live in {environment}", live)
    if len(failures) == len(document):
        raise failures[0]
    for failure in failures:
        output.error_note(failure)
    output.document(document)


def releases(
    environment: Annotated[str, typer.Argument(help="preprod or prod.")] = "preprod",
    *,
    newest: Annotated[int, typer.Option(min=1, max=1000, help="How many of each stack.")] = 10,
    show: Annotated[
        str, typer.Option(metavar="STACK/NUMBER", help="Everything about one release.")
    ] = "",
    sandbox: Sandbox = False,
    state: State = DEFAULT_STATE,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """List the releases of an environment, the newest of each stack first."""
    output = Output(as_json=as_json)
    sandbox_state = state if sandbox else None
    topology_of(config, sandbox_state).environment(environment)
    if show:
        _show(output, show, ledger_of(environment, config, sandbox_state))
        return
    history = _history(environment, config, sandbox_state, newest)
    output.document([release_row(release) for release in history])
    if not as_json:
        _table(output, f"Releases of {environment}", history)


def topology_of(config: Path | None, sandbox_state: Path | None) -> Topology:
    """Return what the configuration says, of the sandbox if one is named."""
    if sandbox_state:
        use_sandbox(sandbox_state, config)
    use_config(config)
    return read_topology(config_path())


def _live(environment: str, config: Path | None, sandbox_state: Path | None) -> list[Release]:
    """Return the release that each stack runs, also one whose smoke test failed."""
    from tiercel.tasks.records.ledger import read_running_releases  # noqa: PLC0415

    return read_running_releases.fn(ledger_of(environment, config, sandbox_state))


def _history(
    environment: str, config: Path | None, sandbox_state: Path | None, newest: int
) -> list[Release]:
    from tiercel.tasks.records.ledger import read_ledger  # noqa: PLC0415

    return read_ledger.fn(ledger_of(environment, config, sandbox_state), newest)


def ledger_of(environment: str, config: Path | None, sandbox_state: Path | None) -> Records:
    """Return an environment's ledger, as its orchestrator reads and writes it."""
    from tiercel.domain.organization.access import Target  # noqa: PLC0415
    from tiercel.tasks.aws.clients import forget_clients  # noqa: PLC0415

    if sandbox_state:
        use_sandbox(sandbox_state, config, environment)
        forget_clients()
    return Target(names_of(environment), "tiercel-status").records


def names_of(environment: str) -> Names:
    """Return the names of an environment of the configuration in use."""
    from tiercel.domain.organization.names import Names  # noqa: PLC0415

    return Names.of(read_topology(config_path()), environment)


def release_row(release: Release) -> dict[str, object]:
    """Return a release as the JSON documents of all commands have it."""
    intent, outcome = release.intent, release.outcome
    return {
        "stack": intent.stack,
        "release": intent.number,
        "status": release.status.value,
        "service": intent.service,
        "commit": intent.commit,
        "repository": intent.repository,
        "artifact_digest": intent.artifact_digest,
        "at": _ended(release).isoformat(),
        "seconds": outcome.seconds if outcome else None,
        "requested_by": intent.requested_by,
        "message": outcome.message if outcome else "",
        "purpose": intent.purpose.value,
        "restores": intent.restores,
        "rejected": release.rejection.reason if release.rejection else None,
    }


def _show(output: Output, name: str, ledger: Records) -> None:
    from tiercel.tasks.records.ledger import no_release, read_release  # noqa: PLC0415

    stack, _, number = name.rpartition("/")
    if not re.fullmatch(STACK_PATTERN, stack) or not number.isdecimal():
        raise RefusedInputError(
            "ledger.bad_release_name",
            f"{name!r} names no release",
            remedy="write STACK/NUMBER, as in acme-preprod-orders/3",
        )
    found = read_release.fn(ledger, stack, int(number))
    if found is None:
        raise no_release(stack, int(number), ledger.bucket)
    output.document(found.model_dump(mode="json"))
    if not output.as_json:
        output.table(f"Release {number} of {stack}", ("what", "value"), detail_rows(found))


def detail_rows(release: Release) -> list[tuple[str, str]]:
    """Return what the ledger says of one release, line by line, for people."""
    intent, outcome, rejection = release.intent, release.outcome, release.rejection
    parts: dict[str, object] = {
        "status": release.status.value,
        "rejected": f"{rejection.at:%Y-%m-%d %H:%M} by {rejection.by}: {rejection.reason}"
        if rejection
        else "",
        "purpose": intent.purpose.value,
        "restores": intent.restores or "",
        "commit": f"{intent.repository}@{intent.commit}",
        "asked by": f"{intent.requested_by} at {intent.at:%Y-%m-%d %H:%M:%S}",
        "run": intent.flow_run_url or intent.flow_run,
        "artifact": intent.artifact_digest,
        "template": intent.template_sha256,
        "parameters": ", ".join(f"{key}={value}" for key, value in intent.parameters.items()),
    }
    if outcome:
        parts |= {
            "plan": outcome.plan_digest,
            "change set": outcome.change_set,
            "ended": f"{outcome.at:%Y-%m-%d %H:%M:%S}, after {outcome.seconds:.1f} s",
            "steps": ", ".join(f"{step} {took:.1f} s" for step, took in outcome.durations.items()),
            "smoke test": outcome.smoke_test,
            "message": outcome.message,
        }
    return [(name, str(value)) for name, value in parts.items() if value]


def _ended(release: Release) -> datetime:
    return release.outcome.at if release.outcome else release.intent.at


def _table(output: Output, title: str, history: list[Release]) -> None:
    output.table(
        title,
        ("stack", "release", "status", "since", "commit", "artifact", "asked by"),
        [
            (
                release.intent.stack,
                str(release.intent.number),
                "rejected" if release.rejection else release.status.value,
                f"{_ended(release):%Y-%m-%d %H:%M:%S}",
                short_commit(release.intent.commit),
                short(release.intent.artifact_digest),
                release.intent.requested_by.rpartition(":")[2],
            )
            for release in history
        ],
    )
