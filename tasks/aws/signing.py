"""KMS signs with a key that never leaves it; this process verifies with its public half."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tiercel.domain.artifact.dsse import (
    PAYLOAD_TYPE,
    Envelope,
    Signature,
    pre_authentication_encoding,
)
from tiercel.domain.base.errors import UnreachableError
from tiercel.domain.organization.access import Access
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import translated
from tiercel.tasks.engine.task import world_task

_SPEC = "ECC_NIST_P256"
_ALGORITHM: Final = "ECDSA_SHA_256"
_LONGEST_RAW = 4096
"""Bytes that KMS hashes itself; of longer messages it takes the digest.

https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html
"""

_lock = Lock()


@dataclass(frozen=True)
class SigningKey:
    """A key of KMS: the name by which the topology knows it, its ARN, its public half as DER."""

    name: str
    arn: str
    public: bytes

    @property
    def id(self) -> str:
        """The last part of its ARN."""
        return self.arn.rpartition("/")[2]

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of its public half: 64 hexadecimal digits."""
        return hashlib.sha256(self.public).hexdigest()

    def made(self, envelope: Envelope) -> bool:
        """Tell whether this key signed what is in the envelope.

        The envelope's own word on whose signature it is decides nothing.
        """
        signature = envelope.signature_of(self.arn)
        key = load_der_public_key(self.public)
        if signature is None or not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        try:
            key.verify(signature, envelope.message, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True


@world_task("read signing key", "read signing key {key_id}")
def read_signing_key(access: Access, key_id: str) -> SigningKey:
    """Return a key's public half; KMS is asked once for each run.

    `key_id` comes from the topology, an alias's ARN. Raises UnreachableError for a key that
    cannot have signed provenance.
    """
    with _lock:
        return _read(access, key_id)


@lru_cache(maxsize=16)
def _read(access: Access, key_id: str) -> SigningKey:
    with translated("read the key that signs provenance", key_id):
        answer = client("kms", access).get_public_key(KeyId=key_id)
    if answer.get("KeySpec") != _SPEC:
        raise UnreachableError(
            "provenance.wrong_kind_of_key",
            "the key for provenance is of another kind",
            where=key_id,
            why=f"it is {answer.get('KeySpec')}, and should be {_SPEC}",
            state="nothing was changed",
            remedy="provision the environment's accounts again",
        )
    return SigningKey(key_id, str(answer["KeyId"]), bytes(answer["PublicKey"]))


@world_task("sign provenance", "sign provenance of {service}")
def sign_provenance(access: Access, key: SigningKey, service: str, statement: bytes) -> Signature:
    """Return the key's signature of a statement, as an envelope carries it."""
    message = pre_authentication_encoding(PAYLOAD_TYPE, statement)
    is_long = len(message) > _LONGEST_RAW
    with translated("sign provenance", f"service {service}, key {key.name}"):
        answer = client("kms", access).sign(
            KeyId=key.name,
            Message=hashlib.sha256(message).digest() if is_long else message,
            MessageType="DIGEST" if is_long else "RAW",
            SigningAlgorithm=_ALGORITHM,
        )
    return Signature(keyid=str(answer["KeyId"]), sig=bytes(answer["Signature"]))
