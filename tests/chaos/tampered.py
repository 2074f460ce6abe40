"""Row: artifacts that somebody has tampered with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from domain.errors import TiercelError
from tests.chaos.frame import Case, Row, Size
from tests.chaos.service import Versions, published
from tests.chaos.world import World

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


_OTHER_BYTES = "a package has other bytes than its manifest says"
_EXISTS = "an immutable object exists already with other bytes"
_MISSING = "a package of the artifact is missing"
_DAMAGED = "a manifest is damaged"
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
        Tampering(f"manifest: {name}", ".json", change, _DAMAGED)
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
    Tampering("manifest: removed", ".json", _gone, "no artifact is published for"),
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
        keys = [entry["key"] for entry in json.loads(body)["objects"]]
        objects = {key: world.read("infrastructure", bucket, key) for key in keys}
        return cls(versions, objects | {manifest: body})

    @contextmanager
    def tampered(self, how: Tampering) -> Iterator[None]:
        """Inside, one object is what the tampering made of it."""
        world = self.versions.world
        account = "runtime" if how.staged else "infrastructure"
        bucket = world.names.staging_bucket if how.staged else world.names.artifact_bucket
        s3 = world.root(account, "s3")
        (key,) = [key for key in self.objects if key.endswith(how.part)]
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
    assert not {name for name in called if not name.startswith("Describe")}, called


def _cases(world: World, size: Size) -> Iterator[Case]:
    artifact = Artifact.of(published(world, "tampered"))
    cases = [Case(how.name, partial(_is_refused, artifact, how)) for how in TAMPERINGS]
    quick = [case for case in cases if "staged" in case.name or "manifest" in case.name]
    yield from size.few(cases if size.full else quick, 4)


ROW = Row(
    key="tampered",
    title="tampered artifacts",
    target="100 % refused before CloudFormation is called",
    measured="As the account's root, which no rule of the bucket stops, one object of a published "
    "artifact is changed, cut, emptied or removed: package, template, manifest, or the copy in the "
    "staging bucket. The deploy has to fail with the message that the runbook has for it, and by "
    "the journal CloudFormation was asked for nothing but to describe the stack.",
    not_shown="A manifest that is exchanged for another valid one together with its packages: who "
    "may write to the artifact bucket can do that as long as artifacts are not signed.",
    cases=_cases,
)
