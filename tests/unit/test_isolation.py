from __future__ import annotations

import socket
from typing import Any

import pytest


def test_a_unit_test_cannot_open_a_socket(socket_guard: Any) -> None:
    with pytest.raises(AssertionError, match="must not use the network"):
        socket.socket()
    assert socket_guard.uses == ["socket.__new__"]
    socket_guard.uses.clear()


def test_a_unit_test_cannot_look_up_a_host(socket_guard: Any) -> None:
    with pytest.raises(AssertionError, match="must not use the network"):
        socket.getaddrinfo("localhost", 80)
    assert socket_guard.uses == ["socket.getaddrinfo"]
    socket_guard.uses.clear()
