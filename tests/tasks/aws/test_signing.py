from __future__ import annotations

import pytest

from tests.tasks import aws_fixtures
from tests.tasks.aws_fixtures import at_once, root, unique
from tests.tasks.faults import Faults, error, once
from tiercel.domain.artifact.dsse import Envelope, Signature
from tiercel.domain.base.errors import UnreachableError
from tiercel.domain.organization.access import Access, orchestrator
from tiercel.domain.organization.names import Names
from tiercel.tasks.aws.signing import SigningKey, read_signing_key, sign_provenance

infrastructure = aws_fixtures.infrastructure
aws = aws_fixtures.aws
faults = aws_fixtures.faults

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def key(infrastructure: Access, preprod: Names) -> SigningKey:
    return read_signing_key.fn(infrastructure, preprod.signing_key_arn)


def signed(access: Access, key: SigningKey, statement: bytes) -> Envelope:
    signature = sign_provenance.fn(access, key, "orders", statement)
    return Envelope(payload=statement, signatures=(signature,))


# With type and lengths before it, a statement of 4,054 bytes is a message of 4,096.
@pytest.mark.parametrize("size", [0, 1, 4054, 4055, 100_000])
def test_a_statement_of_any_length_is_signed_and_verified_without_kms(
    infrastructure: Access, key: SigningKey, size: int
) -> None:
    envelope = signed(infrastructure, key, b"x" * size)

    assert key.made(envelope)
    assert len(envelope.message) > 4096 or size < 4055
    assert not key.made(envelope.model_copy(update={"payload": b"y" + b"x" * size}))
    assert not key.made(envelope.model_copy(update={"payload_type": "text/plain"}))


@pytest.mark.parametrize("sig", [b"", b"\x30\x06\x02\x01\x01\x02\x01\x01", b"\xff" * 70])
def test_what_is_no_signature_of_the_statement_is_not_genuine(
    infrastructure: Access, key: SigningKey, sig: bytes
) -> None:
    envelope = signed(infrastructure, key, b"statement")
    forged = Signature(keyid=key.arn, sig=sig)
    assert not key.made(envelope.model_copy(update={"signatures": (forged,)}))


def test_another_keys_signature_is_not_genuine_whatever_it_is_called(
    infrastructure: Access, key: SigningKey
) -> None:
    made = root("infrastructure", "kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    other = read_signing_key.fn(infrastructure, made["KeyMetadata"]["Arn"])
    kms = root("infrastructure", "kms")
    envelope = Envelope(payload=b"statement", signatures=())
    foreign = kms.sign(KeyId=other.arn, Message=envelope.message, SigningAlgorithm="ECDSA_SHA_256")[
        "Signature"
    ]

    assert other.made(envelope.signed_by(Signature(keyid=other.arn, sig=foreign)))
    for name in (other.arn, key.arn):
        assert not key.made(envelope.signed_by(Signature(keyid=name, sig=foreign)))


def test_an_alias_leads_to_the_key_itself(infrastructure: Access, preprod: Names) -> None:
    key = read_signing_key.fn(infrastructure, preprod.signing_key_arn)
    assert ":key/" in key.arn
    assert key.name == preprod.signing_key_arn


def test_kms_is_asked_once_for_each_run(preprod: Names, faults: Faults) -> None:
    access = orchestrator(preprod, unique("run"))
    faults.inject(once("kms", "GetPublicKey", **error("KMSInvalidStateException", 400)))
    with pytest.raises(UnreachableError, match="cannot read the key"):
        read_signing_key.fn(access, preprod.signing_key_arn)

    keys = at_once(10, lambda _: read_signing_key.fn(access, preprod.signing_key_arn))

    assert keys == [keys[0]] * 10
    faults.inject(once("kms", "GetPublicKey", **error("KMSInvalidStateException", 400)))
    assert read_signing_key.fn(access, preprod.signing_key_arn) == keys[0]
    assert faults.fired() == []


def test_a_key_that_cannot_have_signed_provenance_is_refused(
    infrastructure: Access,
) -> None:
    made = root("infrastructure", "kms").create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    with pytest.raises(UnreachableError) as refusal:
        read_signing_key.fn(infrastructure, made["KeyMetadata"]["Arn"])
    assert refusal.value.code == "provenance.wrong_kind_of_key"
    assert "RSA_2048" in refusal.value.why


def test_a_signature_that_kms_was_too_busy_for_is_made_a_moment_later(
    infrastructure: Access, key: SigningKey, faults: Faults
) -> None:
    faults.inject(once("kms", "Sign", **error("ThrottlingException", 400)))
    assert key.made(signed(infrastructure, key, b"statement"))
    assert faults.fired() == ["Sign"]
