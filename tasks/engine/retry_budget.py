"""How often one run may try again in all: a budget that its tasks share.

A task alone gives up after a few tries. A release of many services that meets a service which
is down would try hundreds of times, and add to the load that keeps it down:
https://docs.aws.amazon.com/wellarchitected/latest/reliability-pillar/rel_mitigate_interaction_failure_limit_retries.html
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

RETRIES_OF_A_RUN = 60


class RetryBudget:
    """Retries that are left; tasks in several threads take from it."""

    def __init__(self, retries: int) -> None:
        """Begin with so many."""
        self._left = retries
        self._lock = threading.Lock()

    def spend(self) -> bool:
        """Take one retry; False if none is left."""
        with self._lock:
            if self._left == 0:
                return False
            self._left -= 1
            return True


_budget: ContextVar[RetryBudget | None] = ContextVar("retry budget", default=None)
_once: ContextVar[bool] = ContextVar("tries once", default=False)


@contextmanager
def retry_budget(retries: int = RETRIES_OF_A_RUN) -> Iterator[None]:
    """Let all tasks that are called inside share one budget."""
    token = _budget.set(RetryBudget(retries))
    try:
        yield
    finally:
        _budget.reset(token)


def may_retry() -> bool:
    """Take a retry from the run's budget; outside of a run there is no limit."""
    budget = _budget.get()
    return budget is None or budget.spend()


@contextmanager
def one_try() -> Iterator[None]:
    """Let tasks that are called inside try once, and GitHub be given up on after some seconds.

    For what only tells something: whoever goes back to an earlier release while a service is away
    does not wait for that.
    """
    token = _once.set(True)
    try:
        yield
    finally:
        _once.reset(token)


def tries_once() -> bool:
    """Tell whether whatever fails here is to be left at that."""
    return _once.get()
