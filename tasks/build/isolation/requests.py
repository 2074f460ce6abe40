"""What a build asks the proxy: the head of one request, as little of it as has to be known."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

_LONGEST_HEAD = 64 * 1024
_HTTP, _HTTPS = 80, 443
_HOP_BY_HOP = ("connection", "keep-alive", "proxy-", "upgrade")
"""Names of headers, or their beginnings, that are for the proxy: RFC 9110, section 7.6.1."""
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}|[0-9A-Fa-f:.]{2,45}")
_TARGET = re.compile(r"[!-~]+")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\x00-\x08\x0a-\x1f\x7f]*)")
"""Neither has a character in it that a server may take for the end of a line: another header."""

TUNNEL_OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"


@dataclass(frozen=True)
class ProxyRequest:
    """One request: for a tunnel to a host, or for something that a host has.

    Of `headers` one is Host, and names the host that is connected to: who serves several hosts
    at one address tells them apart by it, and only this one may be sent a credential.
    `rest` are bytes that came after the head.
    """

    method: str
    host: str
    port: int
    target: str
    headers: tuple[tuple[str, str], ...]
    rest: bytes = b""

    @property
    def is_tunnel(self) -> bool:
        """Whether the build wants to speak to the host itself."""
        return self.method == "CONNECT"

    def as_sent(self, *added: tuple[str, str]) -> bytes:
        """Return the request as the host gets it: one for each connection, `added` replaced."""
        names = {name.lower() for name, _ in added}
        kept = [
            (name, value)
            for name, value in self.headers
            if name.lower() not in names and not name.lower().startswith(_HOP_BY_HOP)
        ]
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in (*kept, *added, ("Connection", "close"))]
        return "\r\n".join((*lines, "", "")).encode("latin-1") + self.rest


def read_request(connection: socket.socket, through: tuple[str, int] | None = None) -> ProxyRequest:
    """Read one request; inside a tunnel `through` is the host that it leads to.

    Raises ValueError for what is none, OSError when the connection ends.
    """
    head = b""
    while b"\r\n\r\n" not in head:
        if len(head) > _LONGEST_HEAD:
            raise ValueError("the head of the request is too long")
        received = connection.recv(8192)
        if not received:
            raise ConnectionResetError("no request came")
        head += received
    text, _, rest = head.partition(b"\r\n\r\n")
    first, *lines = text.decode("latin-1").split("\r\n")
    method, target, version = first.split(" ")
    if not re.fullmatch("[A-Z]{1,20}", method) or not version.startswith("HTTP/1."):
        raise ValueError("it is no request of HTTP/1")
    if not _TARGET.fullmatch(target):
        raise ValueError("it asks for something that is no target")
    host, port, path = _destination(method, target, through)
    named = ("Host", _authority(host, port, _HTTPS if through else _HTTP))
    others = [header for header in map(_header, lines) if header[0].lower() != "host"]
    return ProxyRequest(method, host, port, path, (named, *others), rest)


def refusal(status: str, why: str) -> bytes:
    """Return the answer to a request that is not carried on."""
    body = f"{why}\n".encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def _destination(method: str, target: str, through: tuple[str, int] | None) -> tuple[str, int, str]:
    if through:
        if not target.startswith("/"):
            raise ValueError("it does not name what it asks for")
        return (*through, target)
    parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
    host = parts.hostname or ""
    if not _HOST.fullmatch(host) or (method != "CONNECT" and parts.scheme != "http"):
        raise ValueError("it names no host")
    if method == "CONNECT":
        if parts.port is None:
            raise ValueError("it names no port")
        return host, parts.port, ""
    query = f"?{parts.query}" if parts.query else ""
    return host, parts.port or _HTTP, f"{parts.path or '/'}{query}"


def _authority(host: str, port: int, usual: int) -> str:
    """Return a host as the header Host has it: RFC 9112, section 3.2.2, and 3.2 for the port."""
    name = f"[{host}]" if ":" in host else host
    return name if port == usual else f"{name}:{port}"


def _header(line: str) -> tuple[str, str]:
    header = _HEADER.fullmatch(line)
    if not header:
        raise ValueError("it has a header that is none")
    return header[1], header[2].strip(" \t")
