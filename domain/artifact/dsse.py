"""The envelope around a signed text: DSSE, with the in-toto payload type.

Source of the format: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
"""

from __future__ import annotations

import base64
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer

from tiercel.domain.base.digests import canonical_json
from tiercel.domain.base.values import Frozen

PAYLOAD_TYPE = "application/vnd.in-toto+json"


def _decoded(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError("must be text in base64")  # noqa: TRY004 - pydantic's kind of error
    return base64.b64decode(value, validate=True)


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


Base64 = Annotated[bytes, BeforeValidator(_decoded), PlainSerializer(_encoded, return_type=str)]


class Signature(Frozen):
    """A signature and the name of the key that is said to have made it."""

    keyid: str
    sig: Base64


class Envelope(Frozen):
    """A payload and its signatures. Nothing of it may be believed before one was verified."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    payload_type: Annotated[str, Field(alias="payloadType")] = PAYLOAD_TYPE
    payload: Base64
    signatures: tuple[Signature, ...]

    @property
    def message(self) -> bytes:
        """The bytes that a signature covers."""
        return pre_authentication_encoding(self.payload_type, self.payload)

    def signature_of(self, keyid: str) -> bytes | None:
        """Return the signature that names a key as its maker, None if there is none."""
        return next((one.sig for one in self.signatures if one.keyid == keyid), None)

    def signed_by(self, signature: Signature) -> Self:
        """Return the same payload with one more signature."""
        return self.model_copy(update={"signatures": (*self.signatures, signature)})

    def to_bytes(self) -> bytes:
        """Return the JSON form that is stored."""
        return canonical_json(self.model_dump(mode="json", by_alias=True))


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed: type and payload, each with its length in bytes before it."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
