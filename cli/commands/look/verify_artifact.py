"""`tiercel verify-artifact`: check by hand what a deploy checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.options import StackArgument
from tiercel.cli.terminal.settings import Settings, shared

if TYPE_CHECKING:
    from tiercel.domain.artifact.dsse import Envelope
    from tiercel.domain.artifact.manifest import Manifest
    from tiercel.domain.organization.access import Target
    from tiercel.domain.release.ledger import Release
    from tiercel.tasks.aws.signing import SigningKey


@shared(Settings)
def verify_artifact(
    stack: StackArgument,
    *,
    release: Annotated[
        int | None, typer.Option(min=1, max=99_999_999, help="A release of it; else the newest.")
    ] = None,
    settings: Settings,
) -> None:
    """Verify that a release's artifact is what the environment's key has signed.

    Package by package, manifest, statement and signature. Nothing is changed.
    """
    from tiercel.domain.organization.names import names_of_stack

    output, names = settings.output, names_of_stack(settings.topology(), stack)
    found, manifest, envelope, key = _verified(settings.target(names), stack, release)
    document = _document(found, manifest, envelope, key)
    output.document("artifact", document)
    if not settings.as_json:
        facts = [(name, str(value)) for name, value in document.items() if name != "objects"]
        facts += [("verified", one.key) for one in manifest.objects]
        output.table(f"{stack}: release {found.intent.number} is genuine", ("", ""), facts)


def _verified(
    target: Target, stack: str, number: int | None
) -> tuple[Release, Manifest, Envelope, SigningKey]:
    from tiercel.tasks.aws import signing
    from tiercel.tasks.records import artifacts, ledger, provenance

    records = target.records
    found = (
        ledger.read_release.fn(records, stack, number)
        if number
        else ledger.newest_release.fn(records, stack)
    )
    if found is None:
        raise ledger.no_release(stack, number or 1, records.bucket)
    intent = found.intent
    manifest = artifacts.read_artifact.fn(
        records, intent.service, intent.artifact_id, intent.artifact_digest
    )
    key = signing.read_signing_key.fn(records.access, target.names.signing_key_arn)
    return found, manifest, provenance.verify_artifact.fn(records, manifest, key), key


def _document(
    release: Release, manifest: Manifest, envelope: Envelope, key: SigningKey
) -> dict[str, object]:
    from tiercel.domain.artifact.provenance import read_statement

    statement = read_statement(envelope.payload)
    assert statement is not None  # noqa: S101 - it was verified
    asked = statement.predicate.definition.external
    run = statement.predicate.run
    return {
        "stack": release.intent.stack,
        "release": release.intent.number,
        "artifact_id": manifest.artifact_id,
        "digest": manifest.digest,
        "verified_in": seen.words if (seen := release.intent.verified_in) else "",
        "signed_by": key.arn,
        "signatures": [one.keyid for one in envelope.signatures],
        "repository": asked.repository,
        "commit": asked.commit,
        "service": asked.service,
        "builder": run.builder.id,
        "flow_run": run.metadata.invocation_id,
        "started": run.metadata.started.isoformat(),
        "finished": run.metadata.finished.isoformat(),
        "objects": [{"key": one.key, "sha256": one.sha256} for one in manifest.objects],
    }
