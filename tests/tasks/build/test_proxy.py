"""The proxy of builds, asked without a build."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.adversary.builds_network import listening
from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.organization.reach import Reach
from tiercel.tasks.build.isolation.introduction import Introduction
from tiercel.tasks.build.isolation.proxy import BuildProxy
from tiercel.tasks.build.isolation.requests import ProxyRequest, read_request

NOBODY = Introduction({}, Path())


@contextmanager
def proxied(reach: Reach, introduction: Introduction = NOBODY) -> Iterator[tuple[str, int]]:
    """Serve a proxy on a socket that is handed to it as from a build; give its address."""
    outside, inside = socket.socketpair()
    proxy = BuildProxy(reach, introduction, lambda _: None)
    with inside, socket.create_server(("127.0.0.1", 0)) as listener:
        socket.send_fds(inside, [b"listener"], [listener.fileno()])
        proxy.serve(outside)
        try:
            yield listener.getsockname()
        finally:
            proxy.close()


def said(proxy: tuple[str, int], request: str) -> str:
    with closing(socket.create_connection(proxy, 5)) as connection:
        connection.sendall(request.encode())
        return b"".join(iter(lambda: connection.recv(4096), b"")).decode()


def parsed(head: bytes, through: tuple[str, int] | None = None) -> ProxyRequest:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(head)
        theirs.shutdown(socket.SHUT_WR)
        return read_request(ours, through)


def test_what_an_index_has_is_carried() -> None:
    with listening() as server:
        host = f"127.0.0.1:{server.port}"
        with proxied(Reach(indexes=(host,))) as proxy:
            answer = said(proxy, f"GET http://{host}/simple/?a=1 HTTP/1.1\r\nHost: {host}\r\n\r\n")
    assert answer.startswith("HTTP/1.0 200")
    assert server.asked == ["GET /simple/?a=1 "]


def test_a_tunnel_carries_what_it_is_given() -> None:
    with listening() as server:
        host = f"127.0.0.1:{server.port}"
        with proxied(Reach(indexes=(host,))) as proxy:
            answer = said(proxy, f"CONNECT {host} HTTP/1.1\r\n\r\nGET /x HTTP/1.0\r\n\r\n")
    assert "HTTP/1.0 200" in answer
    assert server.asked == ["GET /x "]


@pytest.mark.parametrize(
    "request_line",
    ["CONNECT evil.example:443", "GET http://169.254.169.254/latest", "CONNECT [::1]:22"],
)
def test_what_is_no_index_is_refused_before_it_is_looked_up(request_line: str) -> None:
    with proxied(Reach(indexes=("index.example",))) as proxy:
        answer = said(proxy, f"{request_line} HTTP/1.1\r\n\r\n")
    assert answer.startswith("HTTP/1.1 403")


def test_a_name_that_leads_to_loopback_is_not_followed() -> None:
    with listening() as server, proxied(Reach(indexes=(f"127.1:{server.port}",))) as proxy:
        answer = said(proxy, f"GET http://127.1:{server.port}/ HTTP/1.1\r\n\r\n")
    assert answer.startswith("HTTP/1.1 403")
    assert server.asked == []


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET /relative HTTP/1.1\r\n\r\n",
        b"GET ftp://x/ HTTP/1.1\r\n\r\n",
        b"GET http://user@/ HTTP/1.1\r\n\r\n",
        b"get http://x/ HTTP/1.1\r\n\r\n",
        b"GET http://x/ HTTP/2\r\n\r\n",
        b"GET http://x/ y HTTP/1.1\r\n\r\n",
        b"GET http://x/ HTTP/1.1\r\n folded\r\n\r\n",
        b"GET http://x/ HTTP/1.1\r\nA b: c\r\n\r\n",
        b"GET http://x/ HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
        b"GET http://x/ HTTP/1.1\r\nA: b\rHost: other\r\n\r\n",
        b"GET http://x/\x0bHTTP/1.1\x0bHost:other HTTP/1.1\r\n\r\n",
        b"CONNECT x HTTP/1.1\r\n\r\n",
        b"CONNECT x:99999 HTTP/1.1\r\n\r\n",
        b"CONNECT x/y:1 HTTP/1.1\r\n\r\n",
        b"G" * 100_000,
    ],
)
def test_what_is_no_request_is_not_answered(head: bytes) -> None:
    with pytest.raises((ValueError, ConnectionError)):
        parsed(head)


def test_headers_for_the_proxy_are_not_passed_on() -> None:
    asked = parsed(
        b"GET http://x:8080/a HTTP/1.1\r\nHost: x\r\nProxy-Authorization: p\r\n"
        b"Connection: keep-alive\r\nAuthorization: theirs\r\n\r\nrest"
    )
    assert (asked.host, asked.port, asked.target) == ("x", 8080, "/a")
    assert asked.as_sent(("Authorization", "ours")) == (
        b"GET /a HTTP/1.1\r\nHost: x:8080\r\nAuthorization: ours\r\nConnection: close\r\n\r\nrest"
    )


@pytest.mark.parametrize("said_by_the_build", ["", "Host: other\r\n", "host: a\r\nHOST: b\r\n"])
@pytest.mark.parametrize(
    ("target", "through", "host"),
    [
        ("http://Index.example/a", None, "index.example"),
        ("http://index.example:8080/a", None, "index.example:8080"),
        ("http://[2001:db8::1]:443/a", None, "[2001:db8::1]:443"),
        ("/a", ("index.example", 443), "index.example"),
        ("/a", ("index.example", 80), "index.example:80"),
        ("/a", ("2001:db8::1", 443), "[2001:db8::1]"),
    ],
)
def test_a_host_is_told_its_own_name_whatever_the_build_says(
    said_by_the_build: str, target: str, through: tuple[str, int] | None, host: str
) -> None:
    head = f"GET {target} HTTP/1.1\r\n{said_by_the_build}A: b\r\n\r\n"
    assert (
        parsed(head.encode(), through).as_sent(("Authorization", "ours"))
        == (
            f"GET /a HTTP/1.1\r\nHost: {host}\r\nA: b\r\n"
            "Authorization: ours\r\nConnection: close\r\n\r\n"
        ).encode()
    )


@pytest.mark.parametrize("target", ["x", "/a\nHost:other", "/a\tHTTP/1.1\rHost:other"])
def test_what_is_asked_in_a_tunnel_is_a_path_on_one_line(target: str) -> None:
    with pytest.raises(ValueError, match="it "):
        parsed(f"GET {target} HTTP/1.1\r\n\r\n".encode(), ("index.example", 443))


def test_an_index_is_told_who_asks_and_the_build_is_not(tmp_path: Path) -> None:
    credential = tmp_path / "credential"
    credential.write_text("reader:secret\n")
    with listening() as server:
        host = f"127.0.0.1:{server.port}"
        introduction = Introduction.read({host: str(credential)}, tmp_path)
        with proxied(Reach(indexes=(host,)), introduction) as proxy:
            said(proxy, f"GET http://{host}/ HTTP/1.1\r\nAuthorization: mine\r\n\r\n")
            refused = said(proxy, f"PUT http://{host}/ HTTP/1.1\r\n\r\n")
    assert server.asked == ["GET / Basic cmVhZGVyOnNlY3JldA=="]
    assert refused.startswith("HTTP/1.1 405")


def test_a_tunnel_to_a_private_index_ends_at_the_proxy(tmp_path: Path) -> None:
    """The index has a certificate of its own; the build trusts the authority it was given."""
    theirs = Introduction({"x": "x"}, tmp_path / "theirs")
    ours = Introduction({"localhost": "Bearer secret"}, tmp_path / "ours")
    for one in (theirs, ours):
        one.folder.mkdir()
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with theirs._context("localhost").wrap_socket(connection, server_side=True) as inner:
                asked.append(inner.recv(4096))
                inner.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        threading.Thread(target=serve, daemon=True).start()
        port = listener.getsockname()[1]
        ours = Introduction({f"localhost:{port}": "Bearer secret"}, ours.folder)
        trust = ssl.create_default_context(cadata=theirs.authority.decode())
        ours.__dict__["_trust"] = trust  # a cached property: what the machine trusts
        with proxied(Reach(indexes=(f"localhost:{port}",)), ours) as proxy:
            connection = socket.create_connection(proxy, 5)
            connection.sendall(f"CONNECT localhost:{port} HTTP/1.1\r\n\r\n".encode())
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
            builds = ssl.create_default_context(cadata=ours.authority.decode())
            with builds.wrap_socket(connection, server_hostname="localhost") as inside:
                inside.sendall(b"GET /simple/ HTTP/1.1\r\nHost: other.example\r\n\r\n")
                answer = b"".join(iter(lambda: inside.recv(4096), b""))
    assert answer.endswith(b"ok")
    assert b"GET /simple/ HTTP/1.1" in asked[0]
    assert f"Host: localhost:{port}\r\n".encode() in asked[0]
    assert b"other.example" not in asked[0]
    assert b"Authorization: Bearer secret" in asked[0]


@pytest.mark.parametrize("content", [None, "geheim \u2603".encode()])
def test_a_credential_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "credential"
    if content:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError) as refusal:
        Introduction.read({"pypi.example": str(file)}, tmp_path)
    assert refusal.value.code == "builds.index_credential"
    assert str(file) in refusal.value.where
