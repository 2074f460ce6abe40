"""Row: every mutating call is applied, but its answer is lost."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.chaos.frame import Case, Row, Size
from tests.chaos.service import Versions, published
from tests.chaos.strange_stacks import fail_to_create
from tests.chaos.wire import Wire, is_mutating, lose_answer, nothing
from tests.chaos.world import World, difference, digest
from tests.tasks.faults import interceptor
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.flows.rollback import roll_back

# A lease is written for every sign of life: the clock decides how often.
_REPEATED = "leases/"
_TRIES = 3
# Every case makes a stack of its own, which is known by its id when it is deleted.
_UUID = re.compile(r"/[0-9a-f]{8}-[0-9a-f-]{27}$")


@dataclass(frozen=True)
class Action:
    """Something that changes the world, and what a clean run of it leaves."""

    name: str
    versions: Versions
    prepare: Callable[[], None]
    act: Callable[[], object]
    calls: list[str]
    clean: dict[str, Any]
    changes: Counter[tuple[str, str]]

    @classmethod
    def measured(
        cls, name: str, versions: Versions, prepare: Callable[[], None], act: Callable[[], object]
    ) -> Action:
        world, wire = versions.world, Wire(nothing, 0, is_mutating)
        prepare()
        since = world.mark()
        with interceptor(wire) as url, world.through(url):
            act()
        state = world.state(versions.subject)
        return cls(name, versions, prepare, act, wire.seen, state, applied(world, since))

    def cases(self) -> Iterator[Case]:
        for number, call in enumerate(self.calls, 1):
            yield Case(f"{self.name}: call {number}, {call}", partial(self._check, number, call))

    def _check(self, number: int, call: str) -> None:
        world = self.versions.world
        for _ in range(_TRIES):  # how many signs of life a lease gives varies
            wire = Wire(lose_answer, number, is_mutating)
            self.prepare()
            since = world.mark()
            with interceptor(wire) as url, world.through(url):
                self.act()
            if wire.met:
                break
        if not wire.met and _REPEATED in call:
            return  # this run gave fewer signs of life than the clean one
        assert wire.met, "no answer was lost"
        state = world.state(self.versions.subject)
        assert digest(state) == digest(self.clean), difference(state, self.clean)
        twice = applied(world, since) - self.changes
        assert not twice, f"applied more often than in a clean run: {dict(twice)}"


def applied(world: World, since: int) -> Counter[tuple[str, str]]:
    """How often each change of an object or a stack was carried out, as the journal says.

    To delete a stack again by its id changes nothing, also in AWS: each id counts once.
    """
    carried_out = [
        (entry.operation, entry.resource)
        for entry in world.calls(since)
        if 200 <= entry.status < 300
        and not entry.principal.endswith(":root")  # what tests do between two cases
        and entry.operation.startswith(("Create", "Delete", "Execute", "Put"))
        and _REPEATED not in entry.resource
    ]
    deleted = {one for one in carried_out if one[0] == "DeleteStack"}
    others = [one for one in carried_out if one[0] != "DeleteStack"]
    return Counter(
        (operation, _UUID.sub("", resource)) for operation, resource in [*others, *deleted]
    )


def _cases(world: World, size: Size) -> Iterator[Case]:
    versions = published(world, "unheard")
    subject = versions.subject

    def deploy() -> None:
        assert world.deploy(subject, versions.second)

    def back() -> None:
        run_flow(roll_back, Output(quiet=True), environment="preprod", stack=subject.stack)

    def both_were_live() -> None:
        versions.first_is_live()
        deploy()

    def creation_failed() -> None:
        versions.nothing_is_live()
        fail_to_create(world, subject.stack)

    actions = [("creation", versions.nothing_is_live, deploy)]
    if size.full:
        actions += [
            ("update", versions.first_is_live, deploy),
            ("rollback", both_were_live, back),
            ("creation after a failed one", creation_failed, deploy),
        ]
    for name, prepare, act in actions:
        yield from size.few(list(Action.measured(name, versions, prepare, act).cases()), 3)


ROW = Row(
    key="lost-answers",
    title="every mutating call applied but its answer lost",
    target="0 duplicates",
    measured="For each call of a deploy that changes anything, the sandbox carries the call out "
    "and a proxy closes the connection in place of the answer. Nothing but the retries of the "
    "product is to help: the state afterwards is that of a clean run, and by the sandbox's "
    "journal no object was written, no change set made or executed and no stack deleted more "
    "often than in a clean run. A creation, an update, a rollback and a creation over a failed "
    "one are swept.",
    not_shown="Writes of the lease are left out of the count, because the clock decides how many "
    "signs of life a run gives; the races show that a lease has one holder.",
    cases=_cases,
)
