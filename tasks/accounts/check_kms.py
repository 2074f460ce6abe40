"""KMS for a check: how a key is set up, and whether it encrypts and signs."""

from __future__ import annotations

import json
from typing import Any, Final

from tiercel.domain.accounts.observations import KeySeen, Unread
from tiercel.domain.base.errors import UnreachableError
from tiercel.domain.base.values import PolicyDocument
from tiercel.domain.organization.access import Access
from tiercel.tasks.accounts.reading import seen
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import translated
from tiercel.tasks.engine.task import world_task

_TEXT = b"tiercel check"
_ALGORITHM: Final = "ECDSA_SHA_256"
_SYMMETRIC = "SYMMETRIC_DEFAULT"


@world_task("read key", "read key {alias}")
def read_key(access: Access, alias: str) -> KeySeen | Unread | None:
    """Return the key that an alias leads to, with its policy; None if it leads to none."""
    kms = client("kms", access)
    answer = seen(
        "describe a key", alias, lambda: kms.describe_key(KeyId=alias), ("NotFoundException",)
    )
    if answer is None or isinstance(answer, Unread):
        return answer
    key = answer["KeyMetadata"]
    arn = str(key["Arn"])
    policy: Any = seen(
        "read a key's policy", arn, lambda: _policy(kms.get_key_policy(KeyId=arn)["Policy"])
    )
    rotates: Any = None
    if key["KeySpec"] == _SYMMETRIC:
        rotates = seen(
            "read a key's rotation",
            arn,
            lambda: bool(kms.get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"]),
        )
    return KeySeen(
        arn=arn,
        state=key["KeyState"],
        spec=key["KeySpec"],
        usage=key["KeyUsage"],
        policy=policy,
        rotates=rotates,
    )


@world_task("try encryption")
def try_encryption(access: Access, key_arn: str) -> None:
    """Encrypt, decrypt, and make a key for data; TiercelError if one of these fails."""
    kms = client("kms", access)
    with translated("encrypt and decrypt", key_arn):
        secret = kms.encrypt(KeyId=key_arn, Plaintext=_TEXT)["CiphertextBlob"]
        plain = kms.decrypt(KeyId=key_arn, CiphertextBlob=secret)["Plaintext"]
        kms.generate_data_key(KeyId=key_arn, KeySpec="AES_256")
    if plain != _TEXT:
        raise UnreachableError(
            "check.decrypted_otherwise",
            "KMS decrypts to other bytes than were encrypted",
            where=key_arn,
        )


@world_task("try signing")
def try_signing(access: Access, key_arn: str) -> bytes:
    """Sign a text and verify it; return the signature for others to verify."""
    with translated("sign", key_arn):
        signed = client("kms", access).sign(
            KeyId=key_arn, Message=_TEXT, MessageType="RAW", SigningAlgorithm=_ALGORITHM
        )
    signature = bytes(signed["Signature"])
    _verify(access, key_arn, signature)
    return signature


@world_task("try verifying")
def try_verifying(access: Access, key_arn: str, signature: bytes) -> None:
    """Verify another role's signature; TiercelError if that is refused or it is not right."""
    _verify(access, key_arn, signature)


def _verify(access: Access, key_arn: str, signature: bytes) -> None:
    """KMS answers a signature that is not right with an error of its own."""
    with translated("verify a signature", key_arn):
        client("kms", access).verify(
            KeyId=key_arn,
            Message=_TEXT,
            MessageType="RAW",
            Signature=signature,
            SigningAlgorithm=_ALGORITHM,
        )


def _policy(text: str) -> PolicyDocument:
    document: PolicyDocument = json.loads(text)
    return document
