"""Real git repositories on this machine, and files made by hand."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import prefect.main  # noqa: F401 - it sets up logging when it is first imported, and would forget caplog
import pytest
from hypothesis import settings

from tiercel.tasks.source.fetch import fetch_commit
from tiercel.tasks.source.repository import Commit

# A slow machine is no defect, and a change that breaks nothing must not turn red.
settings.register_profile("tasks", deadline=None, derandomize=True, database=None)
settings.load_profile("tasks")


@dataclass(frozen=True)
class Origin:
    """A repository as GitHub would have it, bare, and a clone in which commits are made."""

    name: str
    bare: Path
    clone: Path

    def git(self, *arguments: str, stdin: bytes | None = None) -> str:
        """Run git in the clone."""
        result = subprocess.run(
            ["git", "-c", "user.name=Tester", "-c", "user.email=tester@localhost", *arguments],
            cwd=self.clone,
            input=stdin,
            check=True,
            capture_output=True,
            env=os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        )
        return result.stdout.decode(errors="surrogateescape").strip()

    def commit(self, files: Mapping[str, str | bytes], branch: str = "develop") -> str:
        """Write files, commit and push everything, and return the commit's id."""
        for path, content in files.items():
            target = self.clone / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.push(branch)

    def push(self, branch: str = "develop") -> str:
        """Commit and push what lies in the clone, and return the commit's id."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=Change it")
        self.git("push", "--quiet", "--force", str(self.bare), f"HEAD:refs/heads/{branch}")
        return self.git("rev-parse", "HEAD")

    def fetch(self, revision: str = "develop", branch: str = "develop") -> Commit:
        """Fetch as a run does."""
        return fetch_commit.fn(self.name, revision, branch)


@dataclass(frozen=True)
class Server:
    """A folder that stands for GitHub: `owner/name.git` below it."""

    folder: Path

    def create(self, name: str = "acme/shop") -> Origin:
        """Create an empty repository."""
        bare, clone = self.folder / f"{name}.git", self.folder / "clones" / name
        clone.mkdir(parents=True)
        origin = Origin(name, bare, clone)
        origin.git("init", "--quiet", "--bare", str(bare))
        origin.git("init", "--quiet", "--initial-branch=develop")
        return origin


@pytest.fixture(autouse=True)
def our_logger_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever configured logging in this process before may have switched our logger off."""
    monkeypatch.setattr(logging.getLogger("tiercel"), "disabled", False)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """GitHub on this machine, and an empty cache of mirrors."""
    folder = tmp_path / "server"
    monkeypatch.setenv("GITHUB_SERVER_URL", folder.as_uri())
    monkeypatch.setenv("TIERCEL_CACHE_DIR", str(tmp_path / "cache"))
    return Server(folder)


@pytest.fixture
def origin(server: Server) -> Origin:
    """The repository acme/shop, empty."""
    return server.create()
