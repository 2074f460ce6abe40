"""`tiercel ledger export` and `restore`: the history of an environment as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.settings import Settings, shared

if TYPE_CHECKING:
    from tiercel.domain.organization.access import Records
    from tiercel.domain.organization.names import Names
    from tiercel.tasks.aws.signing import SigningKey

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="An environment's history as files."
)

_Environment = Annotated[str, typer.Argument(help="preprod or prod.")]
Folder = Annotated[Path, typer.Argument(help="The folder of the files.", file_okay=False)]


@app.command("export")
@shared(Settings)
def export(environment: _Environment, folder: Folder, *, settings: Settings) -> None:
    """Write the ledger of an environment and all of its artifacts into a folder."""
    from tiercel.tasks.records.ledger_export import export_ledger

    output, names = settings.output, settings.names(environment)
    records = settings.target(names).records
    key = _signing_key(names, records)
    count = export_ledger.fn(records, key, folder)
    output.document(
        "ledger-export", {"objects": count, "folder": str(folder), "signing_key": key.fingerprint}
    )
    if not settings.as_json:
        output.result(f"{count} objects of {environment} are in {folder}")
        output.line(f"They were signed with the key {key.fingerprint}: note it somewhere else.")


@app.command("restore")
@shared(Settings)
def restore(
    environment: _Environment,
    folder: Folder,
    *,
    sign_again: Annotated[
        str | None,
        typer.Option(help="Sign with this environment's key what the key of this fingerprint did."),
    ] = None,
    settings: Settings,
) -> None:
    """Create what an export has and the environment's bucket lacks; nothing is overwritten."""
    from tiercel.tasks.records.ledger_export import restore_ledger, sign_restored

    output, names = settings.output, settings.names(environment)
    records = settings.target(names).records
    created, count = restore_ledger.fn(records, folder)
    signed = 0
    if sign_again:
        key = _signing_key(names, records)
        signed = sign_restored.fn(records, key, folder, sign_again)
    output.document("ledger-restore", {"created": created, "objects": count, "signed": signed})
    if not settings.as_json:
        output.result(f"{created} of {count} objects restored to {environment}, the others stood")
        if sign_again:
            output.line(f"{signed} artifacts signed with the key of {environment}")


def _signing_key(names: Names, records: Records) -> SigningKey:
    from tiercel.tasks.aws.signing import read_signing_key

    return read_signing_key.fn(records.access, names.signing_key_arn)
