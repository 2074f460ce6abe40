"""What these tests share: a running stand-in, its clients, repositories and a webhook's end."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import github
import httpx
from github import Auth, Github, GithubRetry
from github.PullRequest import PullRequest
from github.Repository import Repository

from tests.support.patience import PATIENCE_SECONDS
from tests.support.plain_http import NO_CERTIFICATES
from tiercel.sandbox.github.http.client import RunningGithub
from tiercel.sandbox.github.http.journal import Observer
from tiercel.sandbox.github.http.server import create_application, create_server
from tiercel.sandbox.machine.processes import bind

T = TypeVar("T")
_NUMBERS = itertools.count(1)


def client(api: str, auth: Auth.Auth | None, **more: Any) -> Github:
    """PyGithub as a program would use it, without waiting between requests."""
    settings: dict[str, Any] = {
        "retry": None,
        "seconds_between_requests": 0,
        "seconds_between_writes": 0,
        "per_page": 100,
    }
    return Github(auth=auth, base_url=api, **(settings | more))


def patient_retry(total: int = 3) -> GithubRetry:
    return GithubRetry(
        total=total, backoff_factor=0.01, max_rate_limit_wait=5, allowed_methods={"GET", "HEAD"}
    )


class StandIn:
    """The stand-in in a thread of this process."""

    def __init__(self, root: Path, observers: Sequence[Observer] = (), port: int = 0) -> None:
        self.root = root
        # A socket that knows that it is TCP: otherwise asyncio leaves Nagle's delay on.
        self._listener = socket.socket(fileno=bind(port).detach())
        self.port = int(self._listener.getsockname()[1])
        self.folder = root / "github"
        self.running = RunningGithub(self.folder, self.port)
        self.api, self.server = self.running.api_url, self.running.server_url
        self.repositories = root / "repositories"
        application = create_application(self.folder, self.repositories, self.port, observers)
        self.api_routes = application.api.router.routes()
        self._uvicorn = create_server(application)
        self._thread = threading.Thread(
            target=self._uvicorn.run, kwargs={"sockets": [self._listener]}, daemon=True
        )
        self._thread.start()
        eventually(lambda: self._uvicorn.started)

    def stop(self) -> None:
        self._uvicorn.should_exit = True
        self._thread.join(timeout=20)
        self._listener.close()
        assert not self._thread.is_alive()

    def github(self, login: str = "author", **more: Any) -> Github:
        return client(self.api, Auth.Token(self.running.token(login)), **more)

    def http(self, token: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(
            base_url=self.api,
            headers=headers,
            trust_env=False,
            verify=NO_CERTIFICATES,
            timeout=60,  # git may work for a single answer, on a machine that is busy
        )

    def control(self, method: str, path: str, /, **body: Any) -> Any:
        return self.running.control(method, path, **body)

    def fault(self, kind: str, **more: Any) -> None:
        self.control("POST", "/faults", kind=kind, **more)

    def token(self, login: str, **more: Any) -> str:
        made: str = self.control("POST", "/tokens", login=login, **more)["token"]
        return made

    def url(self, name: str, token: str) -> str:
        return f"http://x-access-token:{token}@127.0.0.1:{self.port}/{name}.git"


@dataclass(frozen=True)
class Place:
    """A repository of the stand-in, and a work tree to push from."""

    stand_in: StandIn
    name: str
    tree: Path

    @classmethod
    def create(cls, stand_in: StandIn, folder: Path, owner: str = "acme") -> Place:
        """Copy a repository with one commit, and let the stand-in adopt it."""
        name = f"{owner}/shop-{next(_NUMBERS)}"
        template = stand_in.root / "template"
        if not template.exists():
            git(
                stand_in.root, "init", "--quiet", "--initial-branch=main", "--template=", "template"
            )
            first = cls(stand_in, name, template)
            first.commit({"README.md": "shop\n"}, "The first commit")
        shutil.copytree(template, folder / "tree")
        bare = stand_in.repositories / f"{name}.git"
        shutil.copytree(template / ".git", bare)
        (bare / "index").unlink()
        git(bare, "config", "core.bare", "true")
        stand_in.control("POST", "/repositories", owner=owner, name=bare.stem)
        return cls(stand_in, name, folder / "tree")

    def url(self, login: str = "author") -> str:
        return self.stand_in.url(self.name, self.stand_in.running.token(login))

    def commit(self, files: Mapping[str, str | bytes], message: str = "Change it") -> str:
        for path, content in files.items():
            target = self.tree / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        git(self.tree, "add", "--all")
        git(self.tree, "commit", "--quiet", "--allow-empty", f"--message={message}")
        return git(self.tree, "rev-parse", "HEAD").strip()

    def branch(self, name: str, files: Mapping[str, str | bytes], start: str = "main") -> str:
        """Commit on a new branch, push it as the author and go back to `main`."""
        git(self.tree, "checkout", "--quiet", "-b", name, start)
        sha = self.commit(files, f"Work on {name}")
        self.push(name)
        git(self.tree, "checkout", "--quiet", "main")
        return sha

    def push(self, *references: str, login: str = "author") -> str:
        return git(self.tree, "push", self.url(login), *references)

    def try_push(self, *references: str, login: str = "author") -> tuple[int, str]:
        """Push what may be refused; return the exit code and what git says."""
        done = run_git(self.tree, "push", self.url(login), *references)
        return done.returncode, done.stderr

    def pull_main(self) -> str:
        git(self.tree, "checkout", "--quiet", "main")
        git(self.tree, "pull", "--quiet", "--ff-only", self.url(), "main")
        return git(self.tree, "rev-parse", "HEAD").strip()

    def repo(self, login: str = "author", **more: Any) -> Repository:
        return self.stand_in.github(login, **more).get_repo(self.name)

    def open(
        self, branch: str, base: str = "main", title: str = "Do it", **more: Any
    ) -> PullRequest:
        return self.repo().create_pull(base=base, head=branch, title=title, **more)

    def pull(self, branch: str, files: Mapping[str, str | bytes], **more: Any) -> PullRequest:
        """Push a branch and open a pull request for it."""
        self.branch(branch, files)
        return self.open(branch, **more)

    def bare(self, *arguments: str) -> str:
        """Run git in the stand-in's own bare repository."""
        return git(self.stand_in.repositories / f"{self.name}.git", *arguments)


def run_git(folder: Path, *arguments: str, data: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-c", "user.name=Tester", "-c", "user.email=tester@localhost", *arguments],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        input=data,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
        },
    )


def git(folder: Path, *arguments: str, data: str = "") -> str:
    done = run_git(folder, *arguments, data=data)
    assert done.returncode == 0, done.stderr
    return done.stdout


def eventually(condition: Callable[[], T], patience: float = PATIENCE_SECONDS) -> T:
    """Return the first true answer; fail when there is none in time."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.01)
    raise AssertionError(f"not within {patience} s")


def refusal(call: Callable[[], object]) -> github.GithubException:
    """Return the exception with which PyGithub refuses; fail when there is none."""
    try:
        call()
    except github.GithubException as error:
        return error
    raise AssertionError("it was accepted")


def merge_ref(place: Place, number: int) -> str:
    return place.bare("for-each-ref", "--format=%(objectname)", f"refs/pull/{number}/merge").strip()


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
