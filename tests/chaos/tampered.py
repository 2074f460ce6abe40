"""Row: artifacts that somebody has tampered with."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.chaos.frame import Case, Row, Size
from tests.chaos.service import Versions, published
from tests.chaos.world import World
from tiercel.domain.base.errors import TiercelError

Bytes = Callable[[bytes], bytes | None]
"""What becomes of an object's bytes; None removes it."""


@dataclass(frozen=True)
class Tampering:
    """One object of an artifact, what is done to it, and the words of the refusal.

    `objects` finds the keys of the object among those of the artifact's bucket. A further part of
    the artifact, such as a signature, is one more of these. `staged` tampers with the copy in
    the RuntimeAccount in place of the artifact itself.
    """

    name: str
    part: str
    change: Bytes
    refused: str
    staged: bool = False


def _other(body: bytes) -> bytes:
    return body + b" "


def _cut(body: bytes) -> bytes:
    return body[: len(body) // 2]


def _emptied(_: bytes) -> bytes:
    return b""


def _gone(_: bytes) -> None:
    return None


def _flipped(body: bytes) -> bytes:
    return bytes([body[0] ^ 1]) + body[1:]


def _edited(**changes: Any) -> Bytes:
    return lambda body: json.dumps(json.loads(body) | changes).encode()


def _changed_in_payload(body: bytes) -> bytes:
    envelope = json.loads(body)
    payload = base64.b64decode(envelope["payload"]).replace(b'"sha256":"', b'"sha256":"0', 1)
    return json.dumps(envelope | {"payload": base64.b64encode(payload).decode()}).encode()


def _signature(**changes: str) -> Bytes:
    def change(body: bytes) -> bytes:
        envelope = json.loads(body)
        signatures = [one | changes for one in envelope["signatures"]]
        return json.dumps(envelope | {"signatures": signatures}).encode()

    return change


_OTHER_BYTES = "is not the one that was signed"
_NO_DER = base64.b64encode(bytes(70)).decode()
_OTHER_KEY = "arn:aws:kms:eu-central-1:111111111111:key/another"
_EXISTS = "an immutable object exists already with other bytes"
_MISSING = "a package of the artifact is missing"
_DAMAGED = "a manifest is damaged"
_ONE_MORE = [{"name": "Added", "required": False}]
_HARMED = (("longer", _other), ("cut", _cut), ("empty", _emptied), ("one bit", _flipped))

TAMPERINGS = (
    *(
        Tampering(f"{part}: {name}", part, change, _OTHER_BYTES)
        for part in (".zip", ".template")
        for name, change in _HARMED
    ),
    *(Tampering(f"{part}: removed", part, _gone, _MISSING) for part in (".zip", ".template")),
    *(
        Tampering(f"staged {part}: {name}", part, change, _EXISTS, staged=True)
        for part in (".zip", ".template")
        for name, change in _HARMED
    ),
    *(
        Tampering(f"manifest: {name}", "manifests/", change, _DAMAGED)
        for name, change in (
            ("cut", _cut),
            ("empty", _emptied),
            ("not JSON", _flipped),
            ("of another tree", _edited(artifact_id="ab" * 32)),
            ("a field more", _edited(surprise=1)),
            ("a field of another type", _edited(objects="none")),
            ("a key that leaves the packages", _edited(template={"key": "../../x", "size": 1})),
        )
    ),
    Tampering("manifest: removed", "manifests/", _gone, "no artifact is published for"),
    Tampering(
        "manifest: another valid one", "manifests/", _edited(parameters=_ONE_MORE), _OTHER_BYTES
    ),
    *(
        Tampering(f"provenance: {name}", "provenance/", change, refused)
        for name, change, refused in (
            ("cut", _cut, "is damaged"),
            ("empty", _emptied, "is damaged"),
            ("not JSON", _flipped, "is damaged"),
            ("another statement", _changed_in_payload, "the statement of the provenance of"),
            ("another signature", _signature(sig=_NO_DER), "the signature of the provenance of"),
            ("another key", _signature(keyid=_OTHER_KEY), "was signed with another key"),
            ("no signature", _edited(signatures=[]), "was signed with another key"),
            ("removed", _gone, "has no provenance"),
        )
    ),
)


@dataclass(frozen=True)
class Artifact:
    """The artifact of a service's second commit, with the bytes that it really has."""

    versions: Versions
    objects: dict[str, bytes]

    @classmethod
    def of(cls, versions: Versions) -> Artifact:
        world, (manifest, body) = versions.world, versions.newest
        bucket = world.names.artifact_bucket
        said = json.loads(body)
        keys = [entry["key"] for entry in said["objects"]]
        prefix = f"provenance/{said['service']}/{said['artifact_id']}/"
        listed = world.root("infrastructure", "s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
        keys += [entry["Key"] for entry in listed["Contents"]]
        objects = {key: world.read("infrastructure", bucket, key) for key in keys}
        return cls(versions, objects | {manifest: body})

    @contextmanager
    def tampered(self, how: Tampering) -> Iterator[None]:
        """Inside, one object is what the tampering made of it."""
        world = self.versions.world
        account = "runtime" if how.staged else "infrastructure"
        bucket = world.names.staging_bucket if how.staged else world.names.artifact_bucket
        s3 = world.root(account, "s3")
        (key,) = [key for key in self.objects if how.part in key]
        body = how.change(self.objects[key])
        if body is None:
            s3.delete_object(Bucket=bucket, Key=key)
        else:
            s3.put_object(Bucket=bucket, Key=key, Body=body)
        try:
            yield
        finally:
            s3.put_object(Bucket=bucket, Key=key, Body=self.objects[key])


def _is_refused(artifact: Artifact, how: Tampering) -> None:
    versions, world = artifact.versions, artifact.versions.world
    versions.nothing_is_live()
    since = world.mark()
    with artifact.tampered(how):
        try:
            world.deploy(versions.subject, versions.second)
        except TiercelError as error:
            refusal = error
        else:
            raise AssertionError("it was deployed")
    assert how.refused in refusal.what, refusal
    assert refusal.remedy
    called = {one.operation for one in world.calls(since) if one.service == "cloudformation"}
    if not how.staged:
        assert not called, called
    assert not {name for name in called if not name.startswith("Describe")}, called


def _cases(world: World, size: Size) -> Iterator[Case]:
    artifact = Artifact.of(published(world, "tampered"))
    cases = [Case(how.name, partial(_is_refused, artifact, how)) for how in TAMPERINGS]
    quick = [case for case in cases if "removed" not in case.name]
    yield from size.few(cases if size.full else quick, 4)


ROW = Row(
    key="tampered",
    title="tampered artifacts",
    target="100 % refused before CloudFormation is called",
    measured="As the account's root, which no rule of the bucket stops, one object of a published "
    "artifact is changed, cut, emptied or removed: package, template, manifest, provenance, or the "
    "copy in the staging bucket; statement, signature and key of the provenance are exchanged. The "
    "deploy has to fail with the message that the runbook has for it, and by the journal "
    "CloudFormation was not called; for the staging bucket, asked for nothing but to describe the "
    "stack.",
    not_shown="Who may become the orchestrator, or change the signing key's alias, can sign.",
    cases=_cases,
)
