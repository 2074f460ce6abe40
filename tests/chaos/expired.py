"""Row: AWS says at any call that the credentials have expired."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from domain.errors import UnreachableError
from tests.chaos.frame import Case, Row, Size
from tests.chaos.service import Versions, published
from tests.chaos.wire import Wire, nothing, saying
from tests.chaos.world import World, difference, digest
from tests.tasks.faults import interceptor

_EXPIRED = saying("ExpiredToken", 400)


@dataclass(frozen=True)
class Round:
    """A deploy from a known state to the state that a clean run leaves."""

    name: str
    versions: Versions
    prepare: Callable[[], None]
    clean: dict[str, Any]

    def case(self, number: int, call: str) -> Case:
        return Case(f"{self.name}: call {number}, {call}", partial(self._check, number))

    def _check(self, number: int) -> None:
        world, subject, commit = self.versions.world, self.versions.subject, self.versions.second
        self.prepare()
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
        assert digest(state) == digest(self.clean), difference(state, self.clean)


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
    rounds = [("creation", versions.nothing_is_live)]
    if size.full:
        rounds.append(("update", versions.first_is_live))
    for name, prepare in rounds:
        prepare()
        wire = Wire(nothing, 0)
        with interceptor(wire) as url, world.through(url):
            world.deploy(versions.subject, versions.second)
        one = Round(name, versions, prepare, world.state(versions.subject))
        yield from size.few([one.case(n, call) for n, call in enumerate(wire.seen, 1)], 3)


ROW = Row(
    key="expired",
    title="expired token at every call",
    target="100 %",
    measured="A creation and an update are repeated once for each call that they make, and this "
    "call is answered with ExpiredToken. Where the call was made with a session of Tiercel's own, "
    "the deploy has to renew the session and end in the state of a clean run. Where it was made "
    "with the keys of the process itself (the first AssumeRole and GetCallerIdentity), the run "
    "has to say that a person has to log in, and the next run has to end in that state.",
    not_shown="Sessions that expire by the clock: unit tests of the clients show that those are "
    "renewed ahead of time.",
    cases=_cases,
)
