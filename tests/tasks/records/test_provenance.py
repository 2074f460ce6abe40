from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.support.codes import because
from tests.tasks import aws_fixtures
from tests.tasks.aws_fixtures import root, unique
from tiercel.domain.artifact.dsse import Envelope, Signature
from tiercel.domain.artifact.manifest import Manifest, PackagedObject, object_key
from tiercel.domain.artifact.provenance import Build, provenance_key, statement_of
from tiercel.domain.artifact.source_tree import SourceTree
from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.base.errors import (
    ArtifactConflictError,
    ExitCode,
    TiercelError,
    UntrustedArtifactError,
)
from tiercel.domain.organization.access import Access, Records
from tiercel.domain.organization.names import Names
from tiercel.tasks.aws.objects import create_object
from tiercel.tasks.aws.signing import SigningKey, read_signing_key, sign_provenance
from tiercel.tasks.records.provenance import find_provenance, verify_artifact, write_provenance

infrastructure = aws_fixtures.infrastructure
aws = aws_fixtures.aws

pytestmark = pytest.mark.usefixtures("aws")

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Shelf:
    """A signed artifact in the bucket, whose objects the account's root may change."""

    def __init__(self, access: Access, names: Names) -> None:
        self.access, self.bucket = access, names.artifact_bucket
        self.key = read_signing_key.fn(access, names.signing_key_arn)
        name = unique("orders")
        self.tree = SourceTree(service=name, objects={"o": "a" * 40}, template="o/template.yaml")
        self.package = self._packaged(name.encode(), "zip")
        template = self._packaged(b"{}" + name.encode(), "template")
        self.manifest = Manifest(
            service=name,
            artifact_id=self.tree.artifact_id,
            source=self.tree,
            template=template,
            parameters=(),
            objects=(self.package, template),
            assets=(),
        )
        self.envelope = self.signed(self.manifest)
        write_provenance.fn(Records(access, self.bucket), self.manifest, self.key, self.envelope)

    def _packaged(self, body: bytes, suffix: str) -> PackagedObject:
        sha256 = sha256_hex(body)
        key = object_key(sha256, suffix)
        create_object(self.access, self.bucket, key, body)
        return PackagedObject(key=key, sha256=sha256, size=len(body))

    def statement(self, manifest: Manifest, run: str = "run-1") -> bytes:
        build = Build("https://github.com", "acme/shop", "1" * 40, {"o": "tree"}, "builder", run,
                      NOON, NOON)  # fmt: skip
        return statement_of(manifest, build)

    def signed(self, manifest: Manifest, run: str = "run-1") -> Envelope:
        statement = self.statement(manifest, run)
        signature = sign_provenance.fn(self.access, self.key, manifest.service, statement)
        return Envelope(payload=statement, signatures=(signature,))

    def overwrite(self, key: str, body: bytes) -> None:
        root("infrastructure", "s3").put_object(Bucket=self.bucket, Key=key, Body=body)

    def remove(self, key: str) -> None:
        root("infrastructure", "s3").delete_object(Bucket=self.bucket, Key=key)

    @property
    def place(self) -> str:
        return provenance_key(self.manifest, self.key.arn)

    def put(self, envelope: Envelope) -> None:
        self.overwrite(self.place, envelope.to_bytes())

    def verify(self, manifest: Manifest | None = None) -> Envelope:
        return verify_artifact.fn(
            Records(self.access, self.bucket), manifest or self.manifest, self.key
        )


@pytest.fixture
def shelf(infrastructure: Access, preprod: Names) -> Shelf:
    return Shelf(infrastructure, preprod)


def test_a_signed_artifact_is_verified(shelf: Shelf) -> None:
    assert shelf.verify() == shelf.envelope
    assert find_provenance.fn(Records(shelf.access, shelf.bucket), shelf.tree) == [shelf.place]


def test_of_two_runs_that_sign_the_same_the_first_ones_provenance_stands(shelf: Shelf) -> None:
    second = shelf.signed(shelf.manifest, "run-2")
    write_provenance.fn(Records(shelf.access, shelf.bucket), shelf.manifest, shelf.key, second)
    assert shelf.verify() == shelf.envelope


def test_provenance_that_is_not_genuine_is_not_taken_for_another_runs(shelf: Shelf) -> None:
    shelf.overwrite(shelf.place, b"{}")
    with pytest.raises(UntrustedArtifactError, match="is damaged"):
        write_provenance.fn(
            Records(shelf.access, shelf.bucket), shelf.manifest, shelf.key, shelf.envelope
        )


def with_signature(shelf: Shelf, keyid: str, sig: bytes) -> Envelope:
    return shelf.envelope.model_copy(update={"signatures": (Signature(keyid=keyid, sig=sig),)})


def foreign_signature(envelope: Envelope) -> Signature:
    kms = root("infrastructure", "kms")
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    answer = kms.sign(KeyId=made, Message=sha256_bytes(envelope.message), MessageType="DIGEST",
                      SigningAlgorithm="ECDSA_SHA_256")  # fmt: skip
    return Signature(keyid=made, sig=answer["Signature"])


def sha256_bytes(message: bytes) -> bytes:
    return bytes.fromhex(sha256_hex(message))


def another_package(shelf: Shelf) -> None:
    shelf.overwrite(shelf.package.key, b"something else")


def another_template(shelf: Shelf) -> None:
    shelf.overwrite(shelf.manifest.template.key, b'{"Resources": {}}')


def no_package(shelf: Shelf) -> None:
    shelf.remove(shelf.package.key)


def another_statement(shelf: Shelf) -> None:
    changed = shelf.manifest.model_copy(update={"objects": ()})
    shelf.put(shelf.envelope.model_copy(update={"payload": shelf.statement(changed)}))


def another_run_in_the_statement(shelf: Shelf) -> None:
    payload = shelf.statement(shelf.manifest, "run-2")
    shelf.put(shelf.envelope.model_copy(update={"payload": payload}))


def a_bit_of_the_signature(shelf: Shelf) -> None:
    sig = bytearray(shelf.envelope.signatures[0].sig)
    sig[-1] ^= 1
    shelf.put(with_signature(shelf, shelf.key.arn, bytes(sig)))


def no_signature(shelf: Shelf) -> None:
    shelf.put(shelf.envelope.model_copy(update={"signatures": ()}))


def another_key(shelf: Shelf) -> None:
    other = foreign_signature(shelf.envelope)
    shelf.put(shelf.envelope.model_copy(update={"signatures": (other,)}))


def another_key_under_our_keys_name(shelf: Shelf) -> None:
    shelf.put(with_signature(shelf, shelf.key.arn, foreign_signature(shelf.envelope).sig))


def provenance_of_another_artifact(shelf: Shelf) -> None:
    shelf.put(shelf.signed(shelf.manifest.model_copy(update={"objects": ()})))


def another_payload_type(shelf: Shelf) -> None:
    shelf.put(shelf.envelope.model_copy(update={"payload_type": "application/json"}))


def no_envelope(shelf: Shelf) -> None:
    shelf.overwrite(shelf.place, b'{"payload": "')


def no_provenance(shelf: Shelf) -> None:
    shelf.remove(shelf.place)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (another_package, "a package of {} is not the one that was signed"),
        (another_template, "the template of {} is not the one that was signed"),
        (no_package, "a package of the artifact is missing"),
        (another_statement, "the statement of the provenance of {} was changed"),
        (another_run_in_the_statement, "the signature of the provenance of {} is not genuine"),
        (a_bit_of_the_signature, "the signature of the provenance of {} is not genuine"),
        (another_key_under_our_keys_name, "the signature of the provenance of {} is not genuine"),
        (another_payload_type, "the signature of the provenance of {} is not genuine"),
        (another_key, "the provenance of {} was signed with another key"),
        (no_signature, "the provenance of {} was signed with another key"),
        (provenance_of_another_artifact, "the manifest of {} is not the one that was signed"),
        (no_envelope, "the provenance of {} is damaged"),
        (no_provenance, "the artifact of {} has no provenance"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_was_changed_is_refused_and_named(
    shelf: Shelf, change: Callable[[Shelf], None], what: str
) -> None:
    change(shelf)
    with pytest.raises(TiercelError) as refusal:
        shelf.verify()
    assert refusal.value.what == what.format(shelf.manifest.service)
    assert isinstance(refusal.value, UntrustedArtifactError | ArtifactConflictError)
    assert refusal.value.exit_code is ExitCode.REFUSED
    assert refusal.value.where.startswith(f"s3://{shelf.bucket}/p")
    assert refusal.value.remedy
    assert not refusal.value.transient


def test_a_manifest_that_nobody_signed_is_told_from_one_without_provenance(shelf: Shelf) -> None:
    changed = shelf.manifest.model_copy(update={"objects": (shelf.package,)})
    with pytest.raises(UntrustedArtifactError, match=r"the manifest of .* is not the one"):
        shelf.verify(changed)


def test_provenance_by_a_key_that_was_replaced_asks_for_a_new_signature(
    shelf: Shelf, infrastructure: Access
) -> None:
    newer = SigningKey(shelf.key.name, shelf.key.arn.rpartition("/")[0] + "/newer", b"")
    with pytest.raises(UntrustedArtifactError, check=because("provenance.other_key")):
        verify_artifact.fn(Records(infrastructure, shelf.bucket), shelf.manifest, newer)


def test_an_object_without_a_checksum_of_s3s_is_read_and_compared(shelf: Shelf) -> None:
    body = shelf.manifest.service.encode()
    shelf.overwrite(shelf.package.key, body)
    assert shelf.verify() == shelf.envelope
