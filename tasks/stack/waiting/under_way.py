"""Which stacks have an operation in progress: one look for all that wait, not one for each."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, cast

from tiercel.domain.organization.access import Access
from tiercel.domain.stack.states import StackStatus, is_terminal
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import translated
from tiercel.tasks.engine.pace import paced, pause

if TYPE_CHECKING:
    from types_boto3_cloudformation.literals import StackStatusType

_LOOK_SECONDS = 0.5
_IN_PROGRESS = [one.value for one in StackStatus if not is_terminal(one)]


class StacksUnderWay:
    """The stacks of one account and region that are in progress, listed twice a second at most.

    Shared by all threads that wait, so that a hundred stacks cost no more calls than one, and the
    end of each is seen at once. It is a hint: whoever is told that a stack is not in the list any
    more looks at the stack itself.
    """

    def __init__(self, access: Access) -> None:
        """Ask nothing yet; `access` may list stacks."""
        self._access = access
        self._lock = threading.Lock()
        self._listed: frozenset[str] = frozenset()
        self._listed_at = float("-inf")

    def rest(self, stack_id: str, least: float, longest: float) -> None:
        """Pause until the stack does not seem to be in progress any more.

        `least` seconds in any case, so that a list that is behind asks for no haste; at most
        `longest`.
        """
        pause(least)
        rested = least
        while rested < longest and stack_id in self._in_progress():
            pause(_LOOK_SECONDS)
            rested += _LOOK_SECONDS

    def _in_progress(self) -> frozenset[str]:
        """Return the ids as they were listed less than a pause ago: after it had begun."""
        with self._lock:
            now = time.monotonic()
            if now - self._listed_at >= paced(_LOOK_SECONDS):
                self._listed, self._listed_at = self._list(), now
            return self._listed

    def _list(self) -> frozenset[str]:
        access = self._access
        with translated("list stacks", f"account {access.account}, region {access.region}"):
            pages = client("cloudformation", access).get_paginator("list_stacks")
            statuses = cast("list[StackStatusType]", _IN_PROGRESS)
            return frozenset(
                one["StackId"]
                for page in pages.paginate(StackStatusFilter=statuses)
                for one in page["StackSummaries"]
            )
