"""The only way out of an isolated build: a forwarding proxy, outside of its namespaces.

It accepts connections on a socket that lies in the build's network namespace. A host is looked
up here, judged by its address, and that very address is connected to. RFC 9110, section 9.3.6,
for CONNECT; section 7.2 of RFC 9112 for the form of what is asked without TLS.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from tiercel.domain.artifact.indexes import line_that_lacks
from tiercel.domain.organization.reach import Reach
from tiercel.tasks.build.isolation.requests import (
    TUNNEL_OPEN,
    ProxyRequest,
    read_request,
    refusal,
)
from tiercel.tasks.build.isolation.streams import relay

_CONNECT_SECONDS = 20.0
_HEAD_SECONDS = 30.0
_IDLE_SECONDS = 120.0
_MOST_CONNECTIONS = 128


class Introducer(Protocol):
    """Who speaks for a build to the indexes that want to know who asks."""

    def knows(self, request: ProxyRequest) -> bool:
        """Tell whether it has a credential for what is asked for."""

    def forward(self, request: ProxyRequest, client: socket.socket, server: socket.socket) -> None:
        """Carry what is asked to the index, with the credential; until one side ends."""


@dataclass
class BuildProxy:
    """Serves one build. `refused` is told, in words, what the build may not reach."""

    reach: Reach
    introducer: Introducer
    refused: Callable[[str], None]
    _open: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closed: bool = False

    def serve(self, channel: socket.socket) -> None:
        """Take the listening socket that comes through the channel, and serve it in a thread."""
        threading.Thread(target=self._listen, args=(channel,), daemon=True).start()

    def close(self) -> None:
        """End all connections; nobody is served any more."""
        with self._lock:
            self._closed = True
            connections = list(self._open)
        for one in connections:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _listen(self, channel: socket.socket) -> None:
        with contextlib.suppress(OSError), self._kept(channel):
            _, descriptors, _, _ = socket.recv_fds(channel, 64, 1)
            for descriptor in descriptors:
                with self._kept(socket.socket(fileno=descriptor)) as listener:
                    slots = threading.BoundedSemaphore(_MOST_CONNECTIONS)
                    while True:
                        slots.acquire()
                        client, _ = listener.accept()
                        threading.Thread(
                            target=self._serve, args=(client, slots), daemon=True
                        ).start()

    @contextlib.contextmanager
    def _kept(self, one: socket.socket) -> Iterator[socket.socket]:
        """Close a socket at the end, and let `close` end it before."""
        with one:
            with self._lock:
                if self._closed:
                    raise ConnectionAbortedError
                self._open.add(one)
            try:
                yield one
            finally:
                with self._lock:
                    self._open.discard(one)

    def _serve(self, client: socket.socket, slots: threading.BoundedSemaphore) -> None:
        try:
            with contextlib.suppress(OSError, ValueError), self._kept(client):
                client.settimeout(_HEAD_SECONDS)
                request = read_request(client)
                if not self.reach.allows(request.host, request.port):
                    self._refuse(client, request, self._unnamed(request))
                    return
                self._forward(client, request)
        finally:
            slots.release()

    def _forward(self, client: socket.socket, request: ProxyRequest) -> None:
        addresses, why = self._addresses(request)
        server = next((one for one in map(_connected, addresses) if one), None)
        if server is None:
            self._refuse(client, request, why or "it does not answer")
            return
        with self._kept(server):
            for one in (client, server):
                one.settimeout(_IDLE_SECONDS)
            if self.introducer.knows(request):
                self.introducer.forward(request, client, server)
            elif request.is_tunnel:
                client.sendall(TUNNEL_OPEN)
                server.sendall(request.rest)
                relay(client, server)
            else:
                server.sendall(request.as_sent())
                relay(client, server)

    def _addresses(self, request: ProxyRequest) -> tuple[list[tuple[str, int]], str]:
        """Return where a host may be reached, or why it may not."""
        host, port = request.host, request.port
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            return [], f"its name cannot be looked up: {error}"
        names = list(dict.fromkeys(str(address[0]) for *_, address in found))
        allowed = [
            name
            for name in names
            if self.reach.allows_address(host, port, name)
            and (self.reach.is_index(host, port) or not _is_own(name))
        ]
        if allowed:
            return [(name, port) for name in allowed], ""
        return [], f"no build may reach {', '.join(names)}"

    def _unnamed(self, request: ProxyRequest) -> str:
        line = line_that_lacks(self.reach, [(request.host, request.port)])
        return f"it is not among [builds] indexes; {line}"

    def _refuse(self, client: socket.socket, request: ProxyRequest, why: str) -> None:
        text = f"{request.host}:{request.port}: {why}"
        self.refused(text)
        client.sendall(refusal("403 Forbidden", text))


def _connected(address: tuple[str, int]) -> socket.socket | None:
    with contextlib.suppress(OSError):
        return socket.create_connection(address, _CONNECT_SECONDS)
    return None


def _is_own(address: str) -> bool:
    """Tell whether an address is this machine's: only to those can a socket be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family) as probe:
        probe.bind((address, 0))
        return True
    return False
