"""Row: AWS says at any call that the credentials have expired."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.chaos.frame import Case, Row, Size
from tests.chaos.service import Versions, published
from tests.chaos.wire import Wire, nothing, saying
from tests.chaos.world import World, difference, digest
from tests.tasks.faults import interceptor
from tiercel.domain.base.errors import UnreachableError

_EXPIRED = saying("ExpiredToken", 400)


@dataclass(frozen=True)
class Clean:
    """A creation, and the state that it leaves when nothing happens to it."""

    versions: Versions
    state: dict[str, Any]

    def case(self, number: int, call: str) -> Case:
        return Case(f"call {number}, {call}", partial(self._check, number))

    def _check(self, number: int) -> None:
        world, subject, commit = self.versions.world, self.versions.subject, self.versions.second
        self.versions.nothing_is_live()
        wire = Wire(_EXPIRED, number)
        with interceptor(wire) as url, world.through(url):
            failure = _failure(world, versions=self.versions)
        if failure:
            # The keys of this process itself: nobody but a person can renew them.
            assert is_own(wire.met), failure
            assert "the credentials have expired" in failure.what
            assert "log in again" in failure.remedy
            world.deploy(subject, commit)
        assert wire.met, "no call was met"
        state = world.state(subject)
        assert digest(state) == digest(self.state), difference(state, self.state)


def _failure(world: World, versions: Versions) -> UnreachableError | None:
    try:
        world.deploy(versions.subject, versions.second)
    except UnreachableError as error:
        return error
    return None


def is_own(met: list[str]) -> bool:
    return met in (["AssumeRole"], ["GetCallerIdentity"])


def _cases(world: World, size: Size) -> Iterator[Case]:
    versions = published(world, "expired")
    versions.nothing_is_live()
    wire = Wire(nothing, 0)
    with interceptor(wire) as url, world.through(url):
        world.deploy(versions.subject, versions.second)
    clean = Clean(versions, world.state(versions.subject))
    yield from size.few([clean.case(n, call) for n, call in enumerate(wire.seen, 1)], 3)


ROW = Row(
    key="expired",
    title="expired token at every call",
    target="100 %",
    measured="A creation is repeated once for each call that it makes, and this "
    "call is answered with ExpiredToken. Where the call was made with a session of Tiercel's own, "
    "the deploy has to renew the session and end in the state of a clean run. Where it was made "
    "with the keys of the process itself (the first AssumeRole and GetCallerIdentity), the run "
    "has to say that a person has to log in, and the next run has to end in that state.",
    not_shown="Sessions that expire by the clock: unit tests of the clients show that those are "
    "renewed ahead of time.",
    cases=_cases,
)
