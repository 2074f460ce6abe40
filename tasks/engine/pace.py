"""How long this process waits, read in one place, and waiting that a cancellation ends.

Tasks wait in threads, which nobody can interrupt from outside: without `pause`, Ctrl-C and a
cancellation in Prefect would take effect when the wait is over, minutes later.
"""

from __future__ import annotations

import ipaddress
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import urlsplit

from tiercel.domain.base.errors import run_cancelled

PACE_VARIABLE = "TIERCEL_SANDBOX_PACE"
"""A share of 1 by which waits are shortened; obeyed beside the sandbox alone."""
_LEAST_SECONDS = 0.02
"""Looking more often than this costs the machine more than it saves time."""

_stop: ContextVar[threading.Event | None] = ContextVar("stop", default=None)


def paced(seconds: float, least: float = _LEAST_SECONDS) -> float:
    """Return how long a wait of so many seconds takes here, in seconds.

    Exactly as long in a product that speaks to AWS. Only where AWS lies on this machine's
    loopback is TIERCEL_SANDBOX_PACE obeyed, so that the variable, forgotten in a unit or an
    image, hurries nothing that is real; what is no share of 1 counts as 1. `least` is what no
    pace goes below: a poll keeps a distance, and a grace keeps room for a slow machine.
    """
    return max(seconds * _pace(), min(seconds, least))


def _pace() -> float:
    if not in_sandbox():
        return 1.0
    try:
        pace = float(os.environ.get(PACE_VARIABLE, "1"))
    except ValueError:
        return 1.0
    return pace if 0 < pace < 1 else 1.0


def in_sandbox() -> bool:
    """Tell whether this process works beside the sandbox: its AWS lies on this machine."""
    return is_loopback(os.environ.get("AWS_ENDPOINT_URL", ""))


def is_loopback(url: str) -> bool:
    """Tell whether an address names this very machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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
    """Sleep at the pace of this process; InterruptedRunError as soon as the run is cancelled."""
    event = _stop.get()
    if event is None:
        time.sleep(paced(seconds))
    elif event.wait(paced(seconds)):
        raise run_cancelled()


class PacedDelays(list[float]):
    """Delays in seconds as Prefect wants them, a list, that follow the pace when one is due."""

    def __getitem__(self, place: int) -> float:  # type: ignore[override]
        """Return one of the delays."""
        return paced(super().__getitem__(place))
