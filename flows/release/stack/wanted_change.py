"""What is to become of one stack, as every step towards it has to know it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prefect import get_run_logger

from tiercel.domain.accounts.by_hand import StackByHand
from tiercel.domain.organization.access import Access, Records
from tiercel.domain.organization.names import Names
from tiercel.domain.pages.links import Links
from tiercel.domain.release.ledger import Intent
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.states import ByHand, StackAction
from tiercel.domain.stack.tokens import attempt_in, change_set_name, release_of
from tiercel.domain.template.outside import OutsideReference
from tiercel.domain.traffic.shifts import Shift
from tiercel.flows.engine.concurrency import ended
from tiercel.flows.release.preparation import PlanGate
from tiercel.tasks.stack.waiting.under_way import StacksUnderWay


@dataclass
class TrafficSeen:
    """What traffic did while a stack changed: each shift, and what a version answered meanwhile.

    `answer` is empty unless the smoke test was passed at the first step, `noted` has the tokens of
    the operations that were waited for.
    """

    shifts: list[Shift] = field(default_factory=list)
    answer: str = ""
    noted: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class StackChange:
    """What is to become of one stack. `records` has the ledger, `outside` what comes from there.

    Only the step that deletes a stack is taken by the `destroyer`. What `gate` says is asked for
    after the plan is made, which may have taken long, and before it is executed. What traffic
    did meanwhile is told to `traffic`, however it ends.
    """

    access: Access
    destroyer: Access
    records: Records
    names: Names
    links: Links
    intent: Intent
    template_key: str
    outside: Sequence[OutsideReference]
    production: bool
    tags: Mapping[str, str]
    express: bool
    revert_drift: bool
    under_way: StacksUnderWay | None = None
    gate: PlanGate | None = None
    traffic: TrafficSeen = field(default_factory=TrafficSeen)
    _pages: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def where(self) -> str:
        """The stack, its account and its region."""
        access = self.access
        return f"stack {self.intent.stack}, account {access.account}, region {access.region}"

    def show(self, page: Coroutine[Any, Any, None]) -> None:
        """Show a page while the change goes on: Prefect's server is not what a stack waits for."""
        self._pages.add(asyncio.create_task(page))

    async def pages_shown(self) -> None:
        """Return once all pages are there. One that is missing fails nothing: the log says so."""
        for missing in await ended(self._pages):
            if missing:
                get_run_logger().warning("%s: a page is missing: %r", self.intent.stack, missing)

    def is_own(self, token: str) -> bool:
        """Whether the operation of a token was begun for this very release."""
        release = release_of(token)
        return release is not None and release[0] == self.intent.number

    def note_shifts(self, token: str, shifts: Iterable[Shift]) -> None:
        """Note what traffic did in the operation of a token, each once, if it is this release's."""
        if self.is_own(token):
            known = {one.deployment for one in self.traffic.shifts}
            self.traffic.shifts.extend(one for one in shifts if one.deployment not in known)


def next_token(change: StackChange, stack: Stack | None) -> str:
    """Return the token of the next attempt: one more than this release's last on the stack."""
    number = change.intent.number
    return change_set_name(number, attempt_in(stack.token, number) + 1 if stack else 1)


def remedy_by_hand(change: StackChange, action: StackAction, stack: Stack) -> str:
    """Return what an administrator does before the next step, empty if nothing."""
    if not action.by_hand:
        return ""
    access = change.access
    hand = StackByHand(stack.stack_id, access.account, access.region, protected=stack.protected)
    return hand.deletion() if action.by_hand is ByHand.DELETE else hand.end_of_protection()
