"""Keeps what this process knows from other processes of the same user."""

from __future__ import annotations

import ctypes
import sys

_PR_SET_DUMPABLE = 4


def make_unreadable() -> None:
    """Let no process of this user read this one's memory and environment, or trace it.

    It lasts until another program is executed: processes that are forked have it, too. Root
    is not kept back, and only Linux has it: PR_SET_DUMPABLE in prctl(2), proc(5).
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
