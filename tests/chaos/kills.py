"""Row: SIGKILL before and after every call."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.chaos.frame import Case, Row, Size
from tests.chaos.service import Versions, published
from tests.chaos.victims import Victims, victims
from tests.chaos.wire import Ask, Wire, nothing
from tests.chaos.world import World, difference, digest
from tests.tasks.faults import Answer, Question, interceptor
from tiercel.domain.base.errors import ExitCode

_PATIENCE_SECONDS = 30.0
_TRIES = 3


@dataclass
class Killer:
    """Kills the victim before a call reaches AWS, or after, when no answer has come back yet."""

    before: bool
    victim: int = 0
    known: threading.Event = field(default_factory=threading.Event)

    def __call__(self, _: Question, ask: Ask) -> Answer | None:
        if not self.before:
            ask()
        assert self.known.wait(_PATIENCE_SECONDS)
        os.kill(self.victim, signal.SIGKILL)
        return None


@dataclass(frozen=True)
class Round:
    """A deploy from a known state to a known state, made by a clean run at first."""

    name: str
    versions: Versions
    prepare: Callable[[], None]
    calls: list[str]
    clean: dict[str, Any]
    operations: list[str]

    @classmethod
    def measured(cls, name: str, versions: Versions, prepare: Callable[[], None]) -> Round:
        """Deploy once and see which calls it makes and what it leaves."""
        world, wire = versions.world, Wire(nothing, 0)
        prepare()
        with interceptor(wire) as url, world.through(url):
            assert world.deploy(versions.subject, versions.second)
        state, operations = world.state(versions.subject), world.operations(versions.subject)
        return cls(name, versions, prepare, wire.seen, state, operations)

    def cases(self, running: Victims) -> Iterator[Case]:
        for number, call in enumerate(self.calls, 1):
            for before in (True, False):
                when = "before" if before else "after"
                name = f"{self.name}: killed {when} call {number}, {call}"
                yield Case(name, partial(self._check, running, number, before=before))

    def _check(self, running: Victims, number: int, *, before: bool) -> None:
        world, subject, commit = self.versions.world, self.versions.subject, self.versions.second
        assert any(self._killed(running, number, before=before) for _ in range(_TRIES)), (
            "it was never killed: it makes fewer calls than a clean run"
        )
        world.deploy(subject, commit)
        state = world.state(subject)
        assert digest(state) == digest(self.clean), difference(state, self.clean)
        assert world.operations(subject) == self.operations, "an operation was started twice"

    def _killed(self, running: Victims, number: int, *, before: bool) -> bool:
        """How often a stack is looked at varies, so a deploy may end before its last calls."""
        self.prepare()
        given = {"repository": self.versions.subject.name, "commit": self.versions.second}
        return killed(running, number, "deploy", given, before=before)


def killed(
    running: Victims,
    number: int,
    flow: str,
    parameters: Mapping[str, str],
    *,
    before: bool,
    counts: Callable[[Question], bool] = lambda _: True,
) -> bool:
    """Run a flow that is killed at a call; False if it ended well before it made so many.

    To wait for somebody's word is to end well.
    """
    killer = Killer(before)
    with interceptor(Wire(killer, number, counts)) as url:
        killer.victim = running.start(flow, url, **parameters)
        killer.known.set()
        code, said = running.end(killer.victim)
    assert code in (0, ExitCode.WAITING, -signal.SIGKILL), said
    return code < 0


def _cases(world: World, size: Size) -> Iterator[Case]:
    versions = published(world, "killed")
    creation = Round.measured("creation", versions, versions.nothing_is_live)
    with victims(world) as running:
        yield from size.few(list(creation.cases(running)), 3)
        if size.full:
            update = Round.measured("update", versions, versions.first_is_live)
            yield from update.cases(running)


ROW = Row(
    key="kills",
    title="SIGKILL before and after every ledger write and every AWS call of a deploy, "
    "then run again",
    target="same final state hash as a clean run, 100 %",
    measured="A clean deploy is made through a proxy that counts its calls of AWS; ledger and "
    "lease are among them, because they are objects in S3. Then, for each call, a deploy in a "
    "process of its own is killed with SIGKILL before the call reaches AWS, and another one after "
    "AWS has carried it out and before the answer is back. The deploy is run again without harm. "
    "The hash is that of the ledger (without times, run ids and what only the plan knew), the "
    "stack's status, template, outputs and resources, the function's aliases and the staged "
    "packages. The stack's events say that no operation was started twice. A creation and an "
    "update are swept.",
    not_shown="Calls that a second deploy makes only because of the first one's death are not "
    "killed in their turn. A release that is taken up after its change set was executed is "
    "recorded without the digest and the ARN of its plan.",
    cases=_cases,
)
