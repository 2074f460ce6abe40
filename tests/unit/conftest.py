"""Unit tests are pure: no network, and the same examples in every run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

# A slow machine is no defect, and a change that breaks nothing must not turn red.
settings.register_profile("unit", deadline=None, derandomize=True, database=None)
settings.load_profile("unit")


class SocketGuard:
    """While it is on, every use of a socket fails, and is remembered if the failure is caught."""

    def __init__(self) -> None:
        self.on = False
        self.uses: list[str] = []

    def __call__(self, event: str, _: tuple[Any, ...]) -> None:
        """Judge one audit event: https://docs.python.org/3/library/audit_events.html."""
        if self.on and event.startswith("socket."):
            self.uses.append(event)
            raise AssertionError(f"a unit test must not use the network: {event}")


@pytest.fixture(scope="session")
def _installed_guard() -> SocketGuard:
    guard = SocketGuard()
    sys.addaudithook(guard)
    return guard


@pytest.fixture(autouse=True)
def socket_guard(_installed_guard: SocketGuard) -> Iterator[SocketGuard]:
    _installed_guard.uses.clear()
    _installed_guard.on = True
    yield _installed_guard
    _installed_guard.on = False
    assert not _installed_guard.uses
