from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tiercel.domain.artifact.dsse import (
    PAYLOAD_TYPE,
    Envelope,
    Signature,
    pre_authentication_encoding,
)


def test_the_encoding_is_that_of_the_specifications_example() -> None:
    # https://github.com/secure-systems-lab/dsse/blob/master/protocol.md#test-vectors
    encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_lengths_are_counted_in_bytes() -> None:
    assert pre_authentication_encoding("\u00e9", "\u00e9".encode()) == "DSSEv1 2 é 2 é".encode()
    assert pre_authentication_encoding("", b"") == b"DSSEv1 0  0 "


@given(st.text(max_size=8), st.binary(max_size=8), st.text(max_size=8), st.binary(max_size=8))
def test_two_different_messages_are_never_encoded_alike(
    kind: str, payload: bytes, other_kind: str, other_payload: bytes
) -> None:
    same = (kind, payload) == (other_kind, other_payload)
    one = pre_authentication_encoding(kind, payload)
    assert (one == pre_authentication_encoding(other_kind, other_payload)) is same


def envelope(payload: bytes = b"{}") -> Envelope:
    return Envelope(payload=payload, signatures=(Signature(keyid="key-1", sig=b"\x00\xff"),))


def test_an_envelope_has_the_names_and_the_base64_of_the_specification() -> None:
    assert json.loads(envelope().to_bytes()) == {
        "payloadType": "application/vnd.in-toto+json",
        "payload": base64.b64encode(b"{}").decode(),
        "signatures": [{"keyid": "key-1", "sig": "AP8="}],
    }


@given(st.binary(max_size=50))
def test_an_envelope_comes_back_as_it_was(payload: bytes) -> None:
    written = envelope(payload)
    assert Envelope.model_validate_json(written.to_bytes()) == written
    assert written.message == pre_authentication_encoding(PAYLOAD_TYPE, payload)


def test_a_second_signature_leaves_payload_and_first_signature_alone() -> None:
    both = envelope().signed_by(Signature(keyid="key-2", sig=b"two"))
    assert both.payload == envelope().payload
    assert (both.signature_of("key-1"), both.signature_of("key-2")) == (b"\x00\xff", b"two")
    assert both.signature_of("key-3") is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"payloadType": "x", "payload": "!!", "signatures": []}',
        b'{"payloadType": "x", "payload": 1, "signatures": []}',
        b'{"payloadType": "x", "payload": "", "signatures": [{"keyid": "k"}]}',
        b'{"payloadType": "x", "payload": "", "signatures": [], "more": 1}',
    ],
)
def test_what_is_no_envelope_is_refused(body: bytes) -> None:
    with pytest.raises(ValidationError):
        Envelope.model_validate_json(body)
