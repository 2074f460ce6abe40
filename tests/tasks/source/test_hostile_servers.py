"""What a server of git's can try: to be told a token that is another's, and to fill the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.support.codes import because
from tests.tasks.conftest import Origin
from tests.tasks.faults import serving
from tiercel.domain.base.errors import RefusedInputError, UnreachableError
from tiercel.tasks.github.transport.client import forget_github
from tiercel.tasks.source.fetch import fetch_commit
from tiercel.tasks.source.git import git_for

pytestmark = pytest.mark.process
TOKEN = "ghp_secret"


class Redirecting(BaseHTTPRequestHandler):
    """Sends whoever comes to another host: at once, or once git asks for the commits."""

    at_once = True
    status = 302
    other = ""
    told: list[str] = []  # noqa: RUF012 - made anew for each test

    def do_GET(self) -> None:
        self.told.append(self.headers.get("Authorization", ""))
        if self.at_once:
            self._send_away()
            return
        lines = (
            b"# service=git-upload-pack\n",
            None,
            b"version 2\n",
            b"ls-refs\n",
            b"fetch\n",
            None,
        )
        body = b"".join(b"%04x%s" % (len(one) + 4, one) if one else b"0000" for one in lines)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.told.append(self.headers.get("Authorization", ""))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._send_away()

    def _send_away(self) -> None:
        self.send_response(self.status)
        self.send_header("Location", f"{self.other}{self.path}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("TIERCEL_CACHE_DIR", str(tmp_path / "cache"))
    forget_github()
    yield TOKEN
    forget_github()


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_server_that_redirects_git_takes_the_token_to_no_other_host(
    monkeypatch: pytest.MonkeyPatch, status: int, at_once: bool
) -> None:
    class Elsewhere(Redirecting):
        told: list[str] = []  # noqa: RUF012

    with serving(Elsewhere) as other:

        class Here(Redirecting):
            told: list[str] = []  # noqa: RUF012

        Here.status, Here.at_once = status, at_once
        Here.other = other.replace("127.0.0.1", "localhost")
        with serving(Here) as here:
            monkeypatch.setenv("GITHUB_SERVER_URL", here)
            with pytest.raises(UnreachableError, check=because("source.redirected")) as failure:
                fetch_commit.fn("acme/shop", "develop", "develop")
    assert Here.told
    assert all(one.startswith("Basic ") for one in Here.told)
    assert Elsewhere.told == []
    assert TOKEN not in str(failure.value)


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("url", ["http://192.0.2.1", "http://github.example", "http://127.0.0.1.x"])
def test_a_token_is_sent_without_encryption_to_this_machine_only(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("GITHUB_SERVER_URL", url)
    with pytest.raises(UnreachableError, check=because("source.not_encrypted")):
        fetch_commit.fn("acme/shop", "develop", "develop")


def test_a_pack_that_is_larger_than_a_mirror_may_be_is_not_kept(origin: Origin) -> None:
    origin.commit({"a": "1"})
    mirror = origin.fetch().mirror
    origin.commit({f"large/{number}": os.urandom(40_000) for number in range(120)})
    with git_for(mirror) as git:
        small = replace(git, most_file_bytes=1_000_000)
        fetch = ("fetch", "--quiet", origin.bare.as_uri(), "refs/heads/develop")
        ended = small.run(*fetch, check=False, extra={"GIT_ALLOW_PROTOCOL": "file"})
    assert ended.returncode
    (left,) = (mirror / "objects/pack").glob("tmp_pack_*")
    assert left.stat().st_size == 1_000_000


def test_a_repository_that_is_too_large_is_refused_and_not_tried_again(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.commit({"a": "1"})
    script = tmp_path / "bin/git"
    script.parent.mkdir()
    script.write_text(
        """#!/bin/sh
mkdir -p $GIT_OBJECT_DIRECTORY/pack
truncate -s 8G $GIT_OBJECT_DIRECTORY/pack/tmp_pack_x
echo fatal: fetch-pack: invalid index-pack output >&2
exit 128
"""
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(RefusedInputError, check=because("source.repository_too_large")) as refusal:
        origin.fetch()
    assert not refusal.value.transient
    assert not list((tmp_path / "cache").rglob("tmp_pack_*"))
