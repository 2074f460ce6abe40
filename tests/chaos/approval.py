"""Row: SIGKILL around the wait for somebody's word, and what goes on while ten promotions wait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.chaos.frame import Case, Row, Size
from tests.chaos.kills import killed
from tests.chaos.upgraded import upgrades
from tests.chaos.victims import Victims, victims
from tests.chaos.waiting import Promoted
from tests.chaos.while_ten_wait import NOISE_SECONDS, SLOWER, while_ten_wait
from tests.chaos.wire import Wire, is_mutating, nothing
from tests.chaos.world import World, difference, digest
from tests.tasks.faults import interceptor

_TRIES = 3


@dataclass
class Halves:
    """A promotion from a known state to a known state: to the wait, and from the word on.

    A clean one is made at first, through a proxy that counts the calls that change anything.
    `live` is how many versions Prod has released before.
    """

    name: str
    promoted: Promoted
    live: int
    calls: dict[str, list[str]] = field(default_factory=dict)
    clean: dict[str, Any] = field(default_factory=dict)

    def measure(self) -> None:
        one = self.promoted
        one.begin(self.live)
        before, after = Wire(nothing, 0, is_mutating), Wire(nothing, 0, is_mutating)
        with interceptor(before) as url:
            one.waits(url)
        found = one.waiting()
        assert found
        one.approve(found.plan.digest)
        with interceptor(after) as url:
            one.go_on(url)
        self.calls = {"to the wait": before.seen, "from the word on": after.seen}
        self.clean = one.state()

    def cases(self, running: Victims) -> Iterator[Case]:
        for half, calls in self.calls.items():
            for number, call in enumerate(calls, 1):
                name = f"{self.name}, {half}: killed before change {number}, {call}"
                yield Case(name, partial(self._check, running, half, number))

    def _check(self, running: Victims, half: str, number: int) -> None:
        assert any(self._killed(running, half, number) for _ in range(_TRIES)), (
            "it was never killed: it makes fewer calls than a clean run"
        )
        one = self.promoted
        if half == "to the wait":
            one.approve(one.waits().plan.digest)
        one.go_on()
        state = one.state()
        assert digest(state) == digest(self.clean), difference(state, self.clean)

    def _killed(self, running: Victims, half: str, number: int) -> bool:
        one = self.promoted
        one.begin(self.live)
        if half == "from the word on":
            one.approve(one.waits().plan.digest)
        prod = Victims(one.gated, running.process, running.answers)
        return killed(prod, number, "promote", one.wanted, before=True, counts=is_mutating)


def _cases(world: World, size: Size) -> Iterator[Case]:
    promoted = Promoted.verified(world, "asked", versions=size.number(2, 1))
    creation, update = Halves("creation", promoted, 0), Halves("update", promoted, 1)
    try:
        with victims(world) as running:
            creation.measure()
            yield from size.few(list(creation.cases(running)), 1)
            if size.full:
                update.measure()
                yield from update.cases(running)
        if size.full:
            yield from upgrades(promoted, update.clean)
    finally:
        promoted.nothing_is_live()
        world.work()
    if size.full:
        yield from while_ten_wait(world)


ROW = Row(
    key="approval",
    title="SIGKILL around the wait for an approval, restarts and upgrades meanwhile, ten that wait",
    target="released once, as it was shown; nothing is left or held, 100 %",
    measured="A promotion of two services, of which the second one's parameter is an output of the "
    "first, needs one approval. It is planned, waits, is approved by a word that the sandbox's "
    "approver has signed, and is carried out: through a proxy that counts the calls of AWS that "
    "change anything. Then, for each of these calls, the run that plans, or the one that follows "
    "the word, is killed with SIGKILL before the call; the promotion is run again, and approved if "
    "it had not been. The hash of what is there in the end is that of the clean promotion: both "
    "stacks, their ledgers and operations, the plan's digest, the one wait and how it ended, every "
    "object but for signatures; no stack is in review and no change set is left. A creation and an "
    "update are swept. While the update waits the worker is upgraded to another Tiercel that knows "
    "more of a change and of a plan, or goes back from that: what was approved is carried out, in "
    "the state of a clean promotion. One that makes another digest of the same plan says so, plans "
    "again and waits for another word. On Prod's own machine ten promotions of ten repositories "
    "wait, run by the shipped worker under Prefect's limits: no lease, no slot, no run and no "
    "process of the worker's is left of them; a deploy to Preprod and a rollback in Prod take "
    f"no more than {SLOWER:g} times, and {NOISE_SECONDS:g} seconds, longer than they did before. "
    "Then the server is restarted, and then the worker is replaced: what waited is released on its "
    "word, by Prod's own `follow_github`.",
    not_shown="Words on GitHub: the world of this row has no GitHub, and a test of a whole flow "
    "has them. Calls that read are not killed at.",
    cases=_cases,
)
