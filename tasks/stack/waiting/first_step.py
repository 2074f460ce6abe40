"""A smoke test while traffic shifts: the new version is asked once it has its first share."""

from __future__ import annotations

from collections.abc import Sequence

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.access import Access
from tiercel.domain.organization.services import SmokeTest
from tiercel.domain.pages.links import Links
from tiercel.domain.stack.events import StackEvent
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.smoke_tests import shown
from tiercel.domain.traffic.first_step import FirstStep, to_ask
from tiercel.domain.traffic.shifts import Shift
from tiercel.tasks.engine.task import run_logger, world_task
from tiercel.tasks.stack.smoke_tests import ask_version, tried
from tiercel.tasks.stack.stacks import physical_id
from tiercel.tasks.stack.waiting.operation import follow_stack
from tiercel.tasks.stack.waiting.shifts import stop_shift


@world_task("wait for stack, ask at first step", "wait for {service}")
def wait_and_ask(  # noqa: PLR0913 - as wait_for_stack, and what to ask
    access: Access,
    name: str,
    service: str,
    test: SmokeTest,
    planned: int = 0,
    *,
    is_new: bool = False,
    links: Links | None = None,
) -> tuple[Stack, list[StackEvent], FirstStep | None]:
    """Wait as `wait_for_stack` does, and run the smoke test once the new version has a share.

    A version that does not answer as expected gets no more: its shift is stopped, the traffic goes
    back, and CloudFormation rolls the stack back, which is waited for. Returns None in the third
    place where nothing shifted, or nobody could ask: then the test is due when all is over.
    """
    asking = _Asking(access, service, test)
    stack, events = follow_stack(
        access, name, service, planned, is_new=is_new, links=links, looks=asking.look
    )
    return stack, events, asking.first


class _Asking:
    """Asks the first time that there is somebody to ask, and never again."""

    def __init__(self, access: Access, service: str, test: SmokeTest) -> None:
        self.first: FirstStep | None = None
        self._access, self._service, self._test = access, service, test
        self._named: str | None = None
        self._given_up = False

    def look(self, stack: Stack, shifts: Sequence[Shift]) -> None:
        if self.first or self._given_up or all(one.is_over for one in shifts):
            return
        try:
            self._ask(stack, shifts)
        except TiercelError as error:
            self._given_up = True
            run_logger().warning(
                "%s: the smoke test waits until the shift is over: %s", self._service, error
            )

    def _ask(self, stack: Stack, shifts: Sequence[Shift]) -> None:
        called = self._test.invoke or ""
        self._named = self._named or physical_id(self._access, stack.stack_id, called)
        self._given_up = self._named is None  # the test says so itself when all is over
        shift = to_ask(shifts, self._named) if self._named else None
        if shift is None:
            return
        where = f"deployment {shift.deployment}, {shift.what}"
        answer, problem = tried(lambda: ask_version(self._access, shift, self._test, where))
        self.first = FirstStep(deployment=shift.deployment, answer=shown(answer), problem=problem)
        if not problem:
            run_logger().info(
                "%s: version %s passed the smoke test with %g %% of the traffic: %s",
                self._service, shift.new_version, shift.percent, self.first.answer,
            )  # fmt: skip
            return
        stopped = stop_shift.fn(self._access, shift.deployment)
        what = "is being stopped" if stopped else "was over already"
        run_logger().warning(
            "%s: version %s failed the smoke test, %s %s: %s",
            self._service, shift.new_version, shift.deployment, what, problem,
        )  # fmt: skip
