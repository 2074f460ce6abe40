"""Small git repositories for tests, known to the sandbox under a name of their own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tiercel.sandbox.repositories import import_repository


@dataclass(frozen=True)
class Repository:
    name: str
    folder: Path
    state: Path

    def commit(self, files: Mapping[str, str], message: str = "Change it") -> str:
        for path, text in files.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--allow-empty", f"--message={message}")
        return import_repository(self.folder, self.state, self.name)

    def merge_into_main(self) -> str:
        """What develop has becomes main's, as a release branch would bring it."""
        git(self.folder, "branch", "--force", "main", "develop")
        return import_repository(self.folder, self.state, self.name)


@dataclass(frozen=True)
class RepositoryMaker:
    state: Path
    folder: Path

    def make(self, name: str) -> Repository:
        folder = self.folder / name
        folder.mkdir(parents=True)
        git(folder, "init", "--quiet", "--initial-branch=develop")
        return Repository(f"acme/{name}", folder, self.state)


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-c", "user.name=Tester", "-c", "user.email=tester@localhost", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
    ).stdout
