"""Artifacts of another account's key, signed again when they are restored."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.codes import because
from tests.tasks import aws_fixtures
from tests.tasks.aws_fixtures import unique
from tiercel.domain.artifact.dsse import Envelope, Signature
from tiercel.domain.base.errors import RefusedInputError, UntrustedArtifactError
from tiercel.domain.organization.access import Access, Records
from tiercel.domain.organization.names import Names
from tiercel.domain.release.ledger_export import ExportedKey
from tiercel.tasks.aws.objects import read_object
from tiercel.tasks.aws.signing import SigningKey, read_signing_key
from tiercel.tasks.records.ledger_export import sign_restored

infrastructure = aws_fixtures.infrastructure
aws = aws_fixtures.aws

pytestmark = pytest.mark.usefixtures("aws")

FORMER = "arn:aws:kms:eu-central-1:999999999999:key/00000000-0000-4000-8000-000000000001"


@dataclass
class Export:
    """What an export of an account that is lost has, made by hand."""

    folder: Path
    service: str
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def __post_init__(self) -> None:
        exported = ExportedKey(arn=FORMER, public=self.public)
        self._write("signing-keys/former.json", exported.model_dump_json().encode())

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.public).hexdigest()

    @property
    def place(self) -> str:
        return f"provenance/{self.service}/{'a' * 64}/{'b' * 64}"

    def sign(self, statement: bytes, *, told: bytes | None = None) -> None:
        """Write the provenance of an artifact; `told` stands in it instead of what was signed."""
        signed = Envelope(payload=statement, signatures=())
        signature = self.key.sign(signed.message, ec.ECDSA(SHA256()))
        made = Envelope(
            payload=told or statement, signatures=(Signature(keyid=FORMER, sig=signature),)
        )
        self._write(f"{self.place}/{FORMER.rpartition('/')[2]}.json", made.to_bytes())

    def _write(self, name: str, body: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return Export(tmp_path / "export", unique("moved"))


@pytest.fixture
def key(infrastructure: Access, preprod: Names) -> SigningKey:
    return read_signing_key.fn(infrastructure, preprod.signing_key_arn)


def test_what_the_former_key_signed_gets_a_second_signature_once(
    infrastructure: Access, preprod: Names, key: SigningKey, export: Export
) -> None:
    export.sign(b"statement")
    asked = (Records(infrastructure, preprod.artifact_bucket), key, export.folder)

    assert sign_restored.fn(*asked, export.fingerprint) == 1
    assert sign_restored.fn(*asked, export.fingerprint.upper()) == 0

    stored = read_object(infrastructure, preprod.artifact_bucket, f"{export.place}/{key.id}.json")
    assert stored is not None
    envelope = Envelope.model_validate_json(stored)
    assert envelope.payload == b"statement"
    assert key.made(envelope)
    assert SigningKey(FORMER, FORMER, export.public).made(envelope)


@pytest.mark.parametrize("told", [b"another statement", b""], ids=["changed", "damaged"])
def test_a_statement_that_the_former_key_did_not_sign_is_refused(
    infrastructure: Access, preprod: Names, key: SigningKey, export: Export, told: bytes
) -> None:
    export.sign(b"statement", told=told or None)
    if not told:
        next((export.folder / export.place).iterdir()).write_bytes(b"{}")
    asked = (Records(infrastructure, preprod.artifact_bucket), key, export.folder)

    with pytest.raises(UntrustedArtifactError, match="is not genuine") as refused:
        sign_restored.fn(*asked, export.fingerprint)

    assert export.service in refused.value.where
    name = f"{export.place}/{key.id}.json"
    assert read_object(infrastructure, preprod.artifact_bucket, name) is None


def test_a_key_with_another_fingerprint_is_not_believed(
    infrastructure: Access, preprod: Names, key: SigningKey, export: Export
) -> None:
    export.sign(b"statement")
    another = Export(export.folder, export.service)
    noted = export.fingerprint
    assert another.fingerprint != noted

    with pytest.raises(RefusedInputError, check=because("ledger.no_such_key")):
        sign_restored.fn(
            Records(infrastructure, preprod.artifact_bucket), key, export.folder, noted
        )
