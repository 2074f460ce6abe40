"""Waiting that ends early when the run is cancelled.

Tasks wait in threads, which nobody can interrupt from outside: without this, Ctrl-C and a
cancellation in Prefect would take effect when the wait is over, minutes later.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tiercel.domain.base.errors import run_cancelled

_stop: ContextVar[threading.Event | None] = ContextVar("stop", default=None)


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """Give an event that, once set, ends the pauses of threads started meanwhile."""
    event = threading.Event()
    token = _stop.set(event)
    try:
        yield event
    finally:
        _stop.reset(token)


def pause(seconds: float) -> None:
    """Sleep; InterruptedRunError as soon as the run is cancelled."""
    event = _stop.get()
    if event is None:
        time.sleep(seconds)
    elif event.wait(seconds):
        raise run_cancelled()
