"""Carries bytes between two connections."""

from __future__ import annotations

import selectors
import socket

_CHUNK = 64 * 1024
_IDLE_SECONDS = 300.0


def relay(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until both sides have ended, or neither says anything for minutes.

    Raises OSError when a connection breaks.
    """
    with selectors.DefaultSelector() as selector:
        for source, target in ((one, other), (other, one)):
            selector.register(source, selectors.EVENT_READ, (source, target))
        while selector.get_map():
            ready = selector.select(_IDLE_SECONDS)
            if not ready:
                return
            for key, _ in ready:
                if not _carried(*key.data):
                    selector.unregister(key.fileobj)


def _carried(source: socket.socket, target: socket.socket) -> bool:
    received = source.recv(_CHUNK)
    if received:
        target.sendall(received)
        return True
    target.shutdown(socket.SHUT_WR)
    return False
