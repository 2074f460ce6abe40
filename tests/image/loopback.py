"""A network that has nothing but loopback, for this process and everything that it starts."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_NEW_NETWORK = 0x40000000
"""CLONE_NEWNET of sched.h; Python has `os.unshare` from 3.12 on."""


@contextmanager
def loopback_alone() -> Iterator[None]:
    """Let this thread, and the processes that it starts, reach 127.0.0.1 and nothing else.

    What they listen on is reached from nowhere else, too, whatever address that is.
    """
    kernel = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _done(kernel.unshare(_NEW_NETWORK))
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            _done(kernel.setns(before, _NEW_NETWORK))
    finally:
        os.close(before)


def _done(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
