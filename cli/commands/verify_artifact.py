"""`tiercel verify-artifact`: check by hand what a deploy checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.failures import foreign_stack
from tiercel.cli.terminal.options import Config, Json, Sandbox, State
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.session import DEFAULT_STATE, use_config, use_sandbox
from tiercel.domain.organization.names import Names
from tiercel.tasks.source.topology_file import config_path, read_topology

if TYPE_CHECKING:
    from pathlib import Path

    from tiercel.domain.artifact.dsse import Envelope
    from tiercel.domain.artifact.manifest import Manifest
    from tiercel.domain.release.ledger import Release
    from tiercel.tasks.aws.signing import SigningKey

_RUN = "tiercel-verify-artifact"


def verify_artifact(
    stack: Annotated[str, typer.Argument(help="A stack, such as acme-preprod-orders.")],
    *,
    release: Annotated[
        int | None, typer.Option(min=1, max=99_999_999, help="A release of it; else the newest.")
    ] = None,
    sandbox: Sandbox = False,
    state: State = DEFAULT_STATE,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Verify that a release's artifact is what the environment's key has signed.

    Package by package, manifest, statement and signature. Nothing is changed.
    """
    output = Output(as_json=as_json)
    names = _environment_of(stack, config, state if sandbox else None)
    found, manifest, envelope, key = _verified(names, stack, release)
    document = _document(found, manifest, envelope, key)
    output.document(document)
    if not as_json:
        facts = [(name, str(value)) for name, value in document.items() if name != "objects"]
        facts += [("verified", one.key) for one in manifest.objects]
        output.table(f"{stack}: release {found.intent.number} is genuine", ("", ""), facts)


def _environment_of(stack: str, config: Path | None, sandbox_state: Path | None) -> Names:
    """Return the names of the environment whose prefix the stack has, as its operator."""
    if sandbox_state:
        use_sandbox(sandbox_state, config)
    use_config(config)
    topology = read_topology(config_path())
    for environment in topology.environments:
        names = Names.of(topology, environment)
        if stack.startswith(names.prefix):
            if sandbox_state:
                use_sandbox(sandbox_state, config, environment)
            return names
    raise foreign_stack(stack, (Names.of(topology, name).prefix for name in topology.environments))


def _verified(
    names: Names, stack: str, number: int | None
) -> tuple[Release, Manifest, Envelope, SigningKey]:
    from tiercel.domain.organization.access import Target  # noqa: PLC0415 - boto3 takes a while
    from tiercel.tasks.aws import signing  # noqa: PLC0415
    from tiercel.tasks.aws.clients import forget_clients  # noqa: PLC0415
    from tiercel.tasks.records import artifacts, ledger, provenance  # noqa: PLC0415

    forget_clients()
    records = Target(names, _RUN).records
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
    key = signing.read_signing_key.fn(records.access, names.signing_key_arn)
    return found, manifest, provenance.verify_artifact.fn(records, manifest, key), key


def _document(
    release: Release, manifest: Manifest, envelope: Envelope, key: SigningKey
) -> dict[str, object]:
    from tiercel.domain.artifact.provenance import read_statement  # noqa: PLC0415

    statement = read_statement(envelope.payload)
    assert statement is not None  # noqa: S101 - it was verified
    asked = statement.predicate.definition.external
    run = statement.predicate.run
    return {
        "stack": release.intent.stack,
        "release": release.intent.number,
        "artifact_id": manifest.artifact_id,
        "digest": manifest.digest,
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
