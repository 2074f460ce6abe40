"""`tiercel ledger export` and `restore`: the history of an environment as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.commands.releases import ledger_of, names_of, topology_of
from tiercel.cli.terminal.options import Config, Json, Sandbox, State
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.session import DEFAULT_STATE

if TYPE_CHECKING:
    from tiercel.domain.organization.access import Access
    from tiercel.tasks.aws.signing import SigningKey

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
    from tiercel.tasks.records.ledger_export import export_ledger  # noqa: PLC0415 - Prefect takes a second

    output = Output(as_json=as_json)
    sandbox_state = state if sandbox else None
    _check(environment, config, sandbox_state)
    records = ledger_of(environment, config, sandbox_state)
    key = _signing_key(environment, records.access)
    count = export_ledger.fn(records, key, folder)
    output.document({"objects": count, "folder": str(folder), "signing_key": key.fingerprint})
    if not as_json:
        output.result(f"{count} objects of {environment} are in {folder}")
        output.line(f"They were signed with the key {key.fingerprint}: note it somewhere else.")


@app.command("restore")
def restore(
    environment: Environment,
    folder: Folder,
    *,
    sign_again: Annotated[
        str | None,
        typer.Option(help="Sign with this environment's key what the key of this fingerprint did."),
    ] = None,
    sandbox: Sandbox = False,
    state: State = DEFAULT_STATE,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Create what an export has and the environment's bucket lacks; nothing is overwritten."""
    from tiercel.tasks.records.ledger_export import restore_ledger, sign_restored  # noqa: PLC0415

    output = Output(as_json=as_json)
    sandbox_state = state if sandbox else None
    _check(environment, config, sandbox_state)
    records = ledger_of(environment, config, sandbox_state)
    created, count = restore_ledger.fn(records, folder)
    signed = 0
    if sign_again:
        key = _signing_key(environment, records.access)
        signed = sign_restored.fn(records, key, folder, sign_again)
    output.document({"created": created, "objects": count, "signed": signed})
    if not as_json:
        output.result(f"{created} of {count} objects restored to {environment}, the others stood")
        if sign_again:
            output.line(f"{signed} artifacts signed with the key of {environment}")


def _signing_key(environment: str, access: Access) -> SigningKey:
    from tiercel.tasks.aws.signing import read_signing_key  # noqa: PLC0415

    return read_signing_key.fn(access, names_of(environment).signing_key_arn)


def _check(environment: str, config: Path | None, sandbox_state: Path | None) -> None:
    topology_of(config, sandbox_state).environment(environment)
