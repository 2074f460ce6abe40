"""`tiercel ledger export` and `restore`: the history of an environment as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.ledger_commands import ledger_of, topology_of
from cli.options import Config, Json, Sandbox, State
from cli.output import Output
from cli.session import DEFAULT_STATE
from domain.errors import ConfigurationError

app = typer.Typer(no_args_is_help=True)

Environment = Annotated[str, typer.Argument(help="preprod or prod.")]
Folder = Annotated[Path, typer.Argument(help="The folder of the files.", file_okay=False)]


@app.command("export")
def export(
    environment: Environment,
    folder: Folder,
    *,
    sandbox: Sandbox = False,
    state: State = DEFAULT_STATE,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Write the ledger of an environment and all of its artifacts into a folder."""
    from tasks.ledger_copy import export_ledger  # noqa: PLC0415 - Prefect takes a second

    output = Output(as_json=as_json)
    sandbox_state = state if sandbox else None
    _check(environment, config, sandbox_state)
    count = export_ledger.fn(*ledger_of(environment, config, sandbox_state), folder)
    output.document({"objects": count, "folder": str(folder)})
    if not as_json:
        output.result(f"{count} objects of {environment} are in {folder}")


@app.command("restore")
def restore(
    environment: Environment,
    folder: Folder,
    *,
    sandbox: Sandbox = False,
    state: State = DEFAULT_STATE,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Create what an export has and the environment's bucket lacks; nothing is overwritten."""
    from tasks.ledger_copy import restore_ledger  # noqa: PLC0415

    output = Output(as_json=as_json)
    sandbox_state = state if sandbox else None
    _check(environment, config, sandbox_state)
    created, count = restore_ledger.fn(*ledger_of(environment, config, sandbox_state), folder)
    output.document({"created": created, "objects": count})
    if not as_json:
        output.result(f"{created} of {count} objects restored to {environment}, the others stood")


def _check(environment: str, config: Path | None, sandbox_state: Path | None) -> None:
    known = topology_of(config, sandbox_state).environments
    if environment not in known:
        raise ConfigurationError(
            f"there is no environment {environment!r}",
            where="environments",
            remedy=f"choose one of {', '.join(known)}",
        )
