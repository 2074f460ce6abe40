from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.flows.conftest import Become
from tests.support.aws import root_client
from tests.support.commands import invoke_json
from tests.support.repositories import Repository, RepositoryMaker
from tests.support.templates import answering, function, queue, services
from tiercel.domain.artifact.dsse import Envelope, Signature
from tiercel.domain.artifact.manifest import Manifest, TemplateParameter, manifest_key
from tiercel.domain.artifact.provenance import read_statement
from tiercel.domain.base.errors import ArtifactConflictError, ExitCode, UntrustedArtifactError
from tiercel.domain.organization.access import orchestrator
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.promote import promote_to_prod
from tiercel.flows.publish import publish_artifact
from tiercel.sandbox.aws.journal import JournalEntry, journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.aws.objects import list_keys, read_object

pytestmark = pytest.mark.usefixtures("operator")


class Bucket:
    """The artifact bucket of an environment, as its account's root may change it."""

    def __init__(self, sandbox: Sandbox, names: Names) -> None:
        environment = names.environment.name
        self.s3 = root_client(sandbox, f"{environment}-infrastructure-root", "s3")
        self.kms = root_client(sandbox, f"{environment}-infrastructure-root", "kms")
        self.name = names.artifact_bucket
        self.reader = orchestrator(names, "test")

    def provenance_of(self, service: str) -> tuple[str, Envelope]:
        (key,) = list_keys(self.reader, self.name, f"provenance/{service}/")
        body = read_object(self.reader, self.name, key)
        return key, Envelope.model_validate_json(body or b"")

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.name, Key=key, Body=body)

    def remove(self, key: str) -> None:
        self.s3.delete_object(Bucket=self.name, Key=key)

    def change(self, service: str, **parts: Any) -> None:
        key, envelope = self.provenance_of(service)
        self.put(key, envelope.model_copy(update=parts).to_bytes())


@pytest.fixture
def bucket(sandbox: Sandbox, preprod: Names) -> Bucket:
    return Bucket(sandbox, preprod)


def files_of(name: str) -> dict[str, str]:
    return {
        "tiercel.toml": services(**{name: ""}),
        f"{name}/template.json": function(),
        f"{name}/src/app.py": answering(name),
    }


def published(repository: Repository, name: str, commit: str) -> Manifest:
    result = asyncio.run(publish_artifact(repository.name, commit, then_deploy=False))
    return result[name].manifest


def called(sandbox: Sandbox, offset: int, service: str) -> list[JournalEntry]:
    return [entry for entry in read_journal(sandbox.journal, offset) if entry.service == service]


def tag(value: str) -> dict[str, str]:
    return {"Key": "for", "Value": value}


def package(bucket: Bucket, manifest: Manifest) -> None:
    (zipped,) = (one for one in manifest.objects if one.key.endswith(".zip"))
    bucket.put(zipped.key, b"something else")


def template(bucket: Bucket, manifest: Manifest) -> None:
    bucket.put(manifest.template.key, b'{"Resources": {}}')


def manifest_itself(bucket: Bucket, manifest: Manifest) -> None:
    added = TemplateParameter(name="Added", required=False)
    changed = manifest.model_copy(update={"parameters": (added,)})
    bucket.put(manifest_key(manifest.service, manifest.artifact_id), changed.to_bytes())


def statement(bucket: Bucket, manifest: Manifest) -> None:
    _, envelope = bucket.provenance_of(manifest.service)
    said = json.loads(envelope.payload)
    said["subject"][0]["digest"]["sha256"] = "0" * 64
    bucket.change(manifest.service, payload=json.dumps(said).encode())


def signature(bucket: Bucket, manifest: Manifest) -> None:
    _, envelope = bucket.provenance_of(manifest.service)
    one = envelope.signatures[0]
    forged = Signature(keyid=one.keyid, sig=one.sig[:-1] + bytes([one.sig[-1] ^ 1]))
    bucket.change(manifest.service, signatures=(forged,))


def key(bucket: Bucket, manifest: Manifest) -> None:
    made = bucket.kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    other = made["KeyMetadata"]["Arn"]
    _, envelope = bucket.provenance_of(manifest.service)
    sig = bucket.kms.sign(KeyId=other, Message=envelope.message, SigningAlgorithm="ECDSA_SHA_256")[
        "Signature"
    ]
    bucket.change(manifest.service, signatures=(Signature(keyid=other, sig=sig),))


def provenance(bucket: Bucket, manifest: Manifest) -> None:
    bucket.remove(bucket.provenance_of(manifest.service)[0])


TAMPERED: dict[str, tuple[Callable[[Bucket, Manifest], None], str]] = {
    "package": (package, "a package of {} is not the one that was signed"),
    "template": (template, "the template of {} is not the one that was signed"),
    "manifest": (manifest_itself, "the manifest of {} is not the one that was signed"),
    "statement": (statement, "the statement of the provenance of {} was changed"),
    "signature": (signature, "the signature of the provenance of {} is not genuine"),
    "key": (key, "the provenance of {} was signed with another key"),
    "provenance": (provenance, "the artifact of {} has no provenance"),
}


def test_what_was_tampered_with_is_refused_before_cloudformation_is_called(
    sandbox: Sandbox, bucket: Bucket, repositories: RepositoryMaker
) -> None:
    names = {f"forged-{kind}": kind for kind in TAMPERED}
    repository = repositories.make("forged")
    commit = repository.commit(
        {
            "tiercel.toml": services(**dict.fromkeys(names, "")),
            # Objects are stored by content: services with one template would share it.
            **{f"{name}/template.json": queue(Tags=[tag(name)]) for name in names},
            "forged-package/template.json": function(),
            "forged-package/src/app.py": answering("x"),
        }
    )
    published = asyncio.run(publish_artifact(repository.name, commit, then_deploy=False))
    for name, kind in names.items():
        TAMPERED[kind][0](bucket, published[name].manifest)
    before = journal_size(sandbox.journal)

    with pytest.raises(UntrustedArtifactError) as refusal:
        asyncio.run(deploy_to_preprod(repository.name, commit))

    assert refusal.value.exit_code is ExitCode.REFUSED
    told = {cause.what for cause in refusal.value.failure.causes}
    assert {TAMPERED[kind][1].format(name) for name, kind in names.items()} <= told
    asked = [entry.operation for entry in called(sandbox, before, "kms")]
    assert asked == ["GetPublicKey"], "KMS is asked once for the whole run"
    assert called(sandbox, before, "cloudformation") == []
    assert list_keys(bucket.reader, bucket.name, "ledger/acme-preprod-forged-") == []


def test_an_artifact_without_provenance_is_built_again_signed_and_deployed(
    sandbox: Sandbox, bucket: Bucket, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("unsigned")
    commit = repository.commit(files_of("unsigned"))
    first = published(repository, "unsigned", commit)
    provenance(bucket, first)

    again = asyncio.run(publish_artifact(repository.name, commit, then_deploy=False))["unsigned"]
    before = journal_size(sandbox.journal)
    unchanged = asyncio.run(publish_artifact(repository.name, commit, then_deploy=False))
    released = asyncio.run(deploy_to_preprod(repository.name, commit))["unsigned"]

    assert (again.manifest, again.built, again.uploaded) == (first, True, 0)
    assert not unchanged["unsigned"].built
    assert released.changed
    assert [one.operation for one in called(sandbox, before, "kms")].count("Sign") == 0


def test_an_artifact_that_comes_out_differently_is_not_signed(
    bucket: Bucket, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("drifting")
    build = 'build = ["sh", "-c", "date +%s%N > src/now"]'
    commit = repository.commit(files_of("drifting") | {"tiercel.toml": services(drifting=build)})
    manifest = published(repository, "drifting", commit)
    provenance(bucket, manifest)

    with pytest.raises(ArtifactConflictError, match="the artifact of drifting cannot be signed"):
        published(repository, "drifting", commit)

    assert list_keys(bucket.reader, bucket.name, "provenance/drifting/") == []


def test_a_build_killed_before_its_manifest_is_taken_up_and_one_that_differs_is_told(
    bucket: Bucket, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("halfway")
    build = 'build = ["sh", "-c", "date +%s%N > src/now"]'
    commit = repository.commit(files_of("halfway") | {"tiercel.toml": services(halfway=build)})
    first = published(repository, "halfway", commit)
    bucket.remove(manifest_key("halfway", first.artifact_id))

    second = published(repository, "halfway", commit)

    assert second.digest != first.digest
    keys = list_keys(bucket.reader, bucket.name, "provenance/halfway/")
    (own,) = (one for one in keys if second.digest in one)
    body = read_object(bucket.reader, bucket.name, own)
    said = json.loads(Envelope.model_validate_json(body or b"").payload)
    byproducts = said["predicate"]["runDetails"]["byproducts"]
    assert [one["digest"]["sha256"] for one in byproducts] == [first.digest]
    assert asyncio.run(deploy_to_preprod(repository.name, commit))["halfway"].changed


def test_a_person_verifies_a_release_and_what_changed_since_is_not_deployed_again(
    sandbox: Sandbox, bucket: Bucket, preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("touched")
    commit = repository.commit(
        {
            "tiercel.toml": services(touched=""),
            "touched/template.json": queue(Tags=[tag("touched")]),
        }
    )
    manifest = published(repository, "touched", commit)
    asyncio.run(deploy_to_preprod(repository.name, commit))
    found = invoke_json(
        "verify-artifact", preprod.stack("touched"), "--sandbox", "--state", str(sandbox.state)
    )
    said = read_statement(bucket.provenance_of("touched")[1].payload)
    assert said is not None
    assert (found["release"], found["digest"], found["commit"]) == (1, manifest.digest, commit)
    assert found["builder"] == said.predicate.run.builder.id
    assert {one["key"] for one in found["objects"]} == {one.key for one in manifest.objects}

    signature(bucket, manifest)
    before = journal_size(sandbox.journal)
    assert not asyncio.run(deploy_to_preprod(repository.name, commit))["touched"].changed
    assert called(sandbox, before, "kms") == [], "a deploy without change verifies nothing"
    runtime = root_client(sandbox, "preprod-runtime-root", "cloudformation")
    runtime.delete_stack(StackName=preprod.stack("touched"))
    with pytest.raises(UntrustedArtifactError, match="is not genuine"):
        asyncio.run(deploy_to_preprod(repository.name, commit))

    changing = [
        entry.operation
        for entry in called(sandbox, before, "cloudformation")
        if ":root" not in entry.principal and not entry.operation.startswith("Describe")
    ]
    assert changing == []


def test_prod_signs_what_it_verified_and_refuses_what_was_tampered_with_on_either_side(
    sandbox: Sandbox,
    become: Become,
    bucket: Bucket,
    topology: Topology,
    repositories: RepositoryMaker,
) -> None:
    repository = repositories.make("pulled")
    commit = repository.commit(files_of("pulled"))
    manifest = published(repository, "pulled", commit)
    asyncio.run(deploy_to_preprod(repository.name, commit))
    repository.merge_into_main()
    place, genuine = bucket.provenance_of("pulled")
    signature(bucket, manifest)
    become("prod")
    prod = Bucket(sandbox, Names.of(topology, "prod"))
    before = journal_size(sandbox.journal)

    with pytest.raises(UntrustedArtifactError, match="signature of the provenance of pulled"):
        asyncio.run(promote_to_prod(repository.name, "main"))
    assert called(sandbox, before, "cloudformation") == []
    assert list_keys(prod.reader, prod.name, "manifests/pulled/") == []

    bucket.put(place, genuine.to_bytes())
    asyncio.run(promote_to_prod(repository.name, "main"))
    _, stored = prod.provenance_of("pulled")
    assert stored.payload == genuine.payload
    assert [one.keyid.split(":")[4] for one in stored.signatures] == [
        topology.environment(name).infrastructure_account for name in ("preprod", "prod")
    ]

    package(prod, manifest)
    stacks = root_client(sandbox, "prod-runtime-root", "cloudformation")
    stacks.update_termination_protection(
        StackName="acme-prod-pulled", EnableTerminationProtection=False
    )
    stacks.delete_stack(StackName="acme-prod-pulled")
    with pytest.raises(UntrustedArtifactError, match="a package of pulled is not the one"):
        asyncio.run(promote_to_prod(repository.name, "main"))
