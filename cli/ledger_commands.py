"""`tiercel status` and `tiercel releases`: what the ledgers say."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Config, Json, Sandbox, State
from cli.output import Output
from cli.session import DEFAULT_STATE, use_config, use_sandbox
from domain.errors import ConfigurationError, TiercelError
from tasks.topology_file import config_path, read_topology

if TYPE_CHECKING:
    from domain.access import Access
    from domain.ledger import Release
    from domain.topology import Topology


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
    for environment in _topology(config, sandbox_state).environments:
        try:
            live = _live(environment, config, sandbox_state)
        except TiercelError as error:
            failures.append(error)
            document[environment] = {"error": error.parts()}
            continue
        document[environment] = [_row(release) for release in live]
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
    sandbox: Sandbox = False,
    state: State = DEFAULT_STATE,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """List the releases of an environment, the newest of each stack first."""
    output = Output(as_json=as_json)
    sandbox_state = state if sandbox else None
    topology = _topology(config, sandbox_state)
    if environment not in topology.environments:
        raise ConfigurationError(
            f"there is no environment {environment!r}",
            where="environments",
            remedy=f"choose one of {', '.join(topology.environments)}",
        )
    history = _history(environment, config, sandbox_state, newest)
    output.document([_row(release) for release in history])
    if not as_json:
        _table(output, f"Releases of {environment}", history)


def _topology(config: Path | None, sandbox_state: Path | None) -> Topology:
    if sandbox_state:
        use_sandbox(sandbox_state, config)
    use_config(config)
    return read_topology(config_path())


def _live(environment: str, config: Path | None, sandbox_state: Path | None) -> list[Release]:
    """Return the release that each stack runs, also one whose smoke test failed."""
    from tasks.ledger import read_running_releases  # noqa: PLC0415

    return read_running_releases.fn(*_bucket(environment, config, sandbox_state))


def _history(
    environment: str, config: Path | None, sandbox_state: Path | None, newest: int
) -> list[Release]:
    from tasks.ledger import read_ledger  # noqa: PLC0415

    return read_ledger.fn(*_bucket(environment, config, sandbox_state), newest)


def _bucket(
    environment: str, config: Path | None, sandbox_state: Path | None
) -> tuple[Access, str]:
    """Return who reads an environment's ledger, and where it lies."""
    from domain.access import orchestrator  # noqa: PLC0415
    from domain.names import Names  # noqa: PLC0415
    from tasks.clients import forget_clients  # noqa: PLC0415

    if sandbox_state:
        use_sandbox(sandbox_state, config, environment)
        forget_clients()
    names = Names.of(read_topology(config_path()), environment)
    return orchestrator(names, "tiercel-status"), names.artifact_bucket


def _row(release: Release) -> dict[str, object]:
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
    }


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
                release.status.value,
                f"{_ended(release):%Y-%m-%d %H:%M:%S}",
                release.intent.commit[:7],
                release.intent.artifact_digest[:12],
                release.intent.requested_by.rpartition(":")[2],
            )
            for release in history
        ],
    )
