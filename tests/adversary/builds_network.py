"""Builds and tests that reach for what lies in the network."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.adversary.frame import Attack, Kind, Removal
from tests.adversary.removals import OWN_NETWORK
from tests.adversary.workplace import SECRET, Workplace, not_isolated
from tiercel.domain.organization.reach import Reach

_ANY_HOST = (
    Removal(
        "domain.organization.reach:Reach.allows",
        "return self.is_index(host, port) or (self.public and port in _PUBLIC_PORTS)",
        "return True",
    ),
    Removal("domain.organization.reach:Reach.allows_address", "return found.is_global",
            "return True"),
    Removal("tasks.build.isolation.proxy:BuildProxy._addresses",
            "(self.reach.is_index(host, port) or not _is_own(name))", "True"),
)  # fmt: skip


@dataclass
class Listening:
    """A server on this machine's loopback, and what it was asked."""

    port: int
    asked: list[str] = field(default_factory=list)


@contextmanager
def listening(redirect: str = "") -> Iterator[Listening]:
    """Serve on loopback; with `redirect`, every answer sends to that address."""
    found = Listening(0)

    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self) -> None:
            credential = self.headers.get("Authorization", "")
            found.asked.append(f"{self.command} {self.path} {credential}")
            self.send_response(302 if redirect else 200)
            if redirect:
                self.send_header("Location", redirect)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_PUT = _answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield found
        finally:
            server.shutdown()


def _ask(port: int, path: str = "/") -> str:
    address = f"http://127.0.0.1:{port}{path}"
    return f"import urllib.request; urllib.request.urlopen({address!r}, timeout=5)"


def _ask_by_proxy(port: int, method: str = "GET") -> str:
    """Ask as an installer does, but for this machine too, which installers ask without a proxy."""
    return f"""
import os, urllib.request
del os.environ['no_proxy'], os.environ['NO_PROXY']
asked = urllib.request.Request('http://127.0.0.1:{port}/', method='{method}')
urllib.request.urlopen(asked, timeout=5)
"""


def _prefect(folder: Path) -> bool:
    """A build starts a run of its own by Prefect's API on the worker's loopback."""
    with listening() as server:
        Workplace(folder).python(_ask(server.port, "/api/deployments"))
    return bool(server.asked)


def _resolver(folder: Path) -> bool:
    """A build carries data out in names that it looks up."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as resolver:
        resolver.bind(("127.0.0.1", 0))
        resolver.settimeout(0.2)
        address = resolver.getsockname()
        Workplace(folder).python(
            f"import socket; socket.socket(2, 2).sendto(b'{SECRET}.example', {address})"
        )
        try:
            return SECRET.encode() in resolver.recv(512)
        except TimeoutError:
            return False


def _abstract_socket(folder: Path) -> bool:
    """A build speaks to a program of the machine by a socket that lies in no folder."""
    name = f"\0tiercel-{folder.name}-{folder.parent.name}"
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(name)
        server.listen()
        server.settimeout(0.2)
        Workplace(folder).python(f"import socket; socket.socket(1).connect({name!r})")
        try:
            server.accept()[0].close()
        except TimeoutError:
            return False
    return True


def _test_reaches_index(folder: Path) -> bool:
    """A pull request's test asks an index, and carries out in the names what it has read."""
    with listening() as server:
        index = (f"127.0.0.1:{server.port}",)
        Workplace(folder).python(_ask_by_proxy(server.port), as_test=True, indexes=index)
    return bool(server.asked)


def _other_host(folder: Path) -> bool:
    """A build asks the proxy for a host that is no index."""
    with listening() as server:
        Workplace(folder).python(_ask_by_proxy(server.port))
    return bool(server.asked)


def _redirected(folder: Path) -> bool:
    """An index sends a build to a host that is none."""
    with listening() as server, listening(f"http://127.0.0.1:{server.port}/") as index:
        Workplace(folder).python(_ask_by_proxy(index.port), indexes=(f"127.0.0.1:{index.port}",))
        assert index.asked
    return bool(server.asked)


def _rebound(folder: Path) -> bool:
    """The name of an index leads to the worker's own loopback."""
    with listening() as server:
        name = f"127.1:{server.port}"
        script = _ask_by_proxy(server.port).replace("127.0.0.1", "127.1")
        Workplace(folder).python(script, indexes=(name,))
    return bool(server.asked)


def _private_by_network(_: Path) -> bool:
    """A build that may reach public hosts asks for one whose name leads into the network."""
    public = Reach(public=True)
    inner = (
        *("10.0.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1"),
        *("::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "fd00::1", "::1"),
    )
    return any(public.allows_address("evil.example", 443, address) for address in inner)


def _metadata(_: Path) -> bool:
    """An index's name leads to the address where a machine gets its credentials."""
    index = Reach(indexes=("index.example",), public=True)
    return any(
        index.allows_address("index.example", 443, address)
        for address in ("169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254")
    )


def _writes_to_index(folder: Path) -> bool:
    """A build publishes a package of its own with the worker's credential."""
    credential = folder / "credential"
    credential.write_text(f"reader:{SECRET}")
    with listening() as server:
        host = f"127.0.0.1:{server.port}"
        Workplace(folder).python(
            _ask_by_proxy(server.port, "PUT"),
            indexes=(host,),
            index_credentials={host: str(credential)},
        )
    return any(one.startswith("PUT / Basic") for one in server.asked)


ATTACKS = (
    *(
        Attack(name, Kind.REACH, "a network of its own", (OWN_NETWORK,), deed,
               impossible=not_isolated)
        for name, deed in (
            ("a build starts a run by Prefect's API", _prefect),
            ("a build looks names up", _resolver),
            ("a build speaks to an abstract socket", _abstract_socket),
        )
    ),
    Attack(
        "a test asks an index", Kind.REACH, "no way out for tests",
        (Removal("tasks.build.isolated:Isolated.test", "_run(job, job.test)",
                 "_run(job, job.test, (Reach(indexes=job.builds.indexes), "
                 "Introduction({}, job.scratch)))"),),
        _test_reaches_index, impossible=not_isolated,
    ),
    Attack("a build asks the proxy for another host", Kind.REACH, "the proxy's list of indexes",
           _ANY_HOST, _other_host, impossible=not_isolated),
    Attack("an index sends a build elsewhere", Kind.REACH, "the proxy's list of indexes",
           _ANY_HOST, _redirected, impossible=not_isolated),
    Attack(
        "the name of an index leads to loopback", Kind.REACH, "loopback by its own name alone",
        (Removal("domain.organization.reach:Reach.allows_address",
                 "not found.is_loopback or means_loopback(host)", "True"),),
        _rebound, impossible=not_isolated,
    ),
    Attack("a public name leads to a private address", Kind.REACH, "public addresses alone",
           (Removal("domain.organization.reach:Reach.allows_address", "return found.is_global",
                    "return True"),), _private_by_network),
    Attack(
        "a name leads to the metadata service", Kind.REACH, "no link-local address",
        (Removal("domain.organization.reach:Reach.allows_address",
                 "found in _METADATA or found.is_link_local or found.is_multicast", "False"),),
        _metadata,
    ),
    Attack("a build publishes to an index", Kind.FORGE, "the proxy reads and never writes",
           (Removal("tasks.build.isolation.introduction:Introduction._carry",
                    "request.method not in _READING", "False"),),
           _writes_to_index, impossible=not_isolated),
)  # fmt: skip
