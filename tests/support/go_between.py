"""A go-between on the way to a server, which can be cut."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class GoBetween:
    """Passes on what a client and a server say to each other, until `cut`."""

    listener: socket.socket
    upstream: tuple[str, int]
    sockets: list[socket.socket] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def cut(self) -> None:
        """Refuse every new connection and end those that there are."""
        for one in [self.listener, *self.sockets]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.upstream)
                self.sockets += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def go_between(url: str) -> Iterator[GoBetween]:
    """Stand before the server of an address."""
    parts = urlsplit(url)
    listener = socket.create_server(("127.0.0.1", 0))
    passing = GoBetween(listener, (parts.hostname or "", parts.port or 80))
    thread = threading.Thread(target=passing.serve, daemon=True)
    thread.start()
    try:
        yield passing
    finally:
        passing.cut()
        thread.join()
