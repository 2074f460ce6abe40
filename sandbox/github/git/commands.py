"""git on a bare repository: argument lists only, nobody's configuration, no hooks."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ZERO = "0" * 40
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_TIMEOUT_SECONDS = 120
_SHA = re.compile(r"[0-9a-f]{40}")
_SHORT_SHA = re.compile(r"[0-9a-f]{4,39}")
# What git reads as an expression, or refuses in a name: see `git help check-ref-format`.
_NO_NAME = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{")


class GitError(Exception):
    """git refused; the text is its own."""


@dataclass(frozen=True)
class GitRepository:
    """A bare repository. Names and paths from outside are never read as expressions."""

    path: Path

    def run(
        self, *arguments: str, data: bytes | None = None, extra: Mapping[str, str] | None = None
    ) -> bytes:
        """Run git and return what it printed; GitError when it fails."""
        done = self.attempt(*arguments, data=data, extra=extra)
        if done.returncode:
            raise GitError(done.stderr.decode(errors="replace").strip())
        return done.stdout

    def attempt(
        self, *arguments: str, data: bytes | None = None, extra: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run git and return how it ended."""
        return subprocess.run(
            ["git", f"--git-dir={self.path}", *arguments],  # noqa: S607 - the user's own git
            input=b"" if data is None else data,
            capture_output=True,
            check=False,
            env=git_environment() | dict(extra or {}),
            timeout=_TIMEOUT_SECONDS,
        )

    def references(self, *prefixes: str) -> dict[str, str]:
        """Return the references below the prefixes and the objects they name, sorted by name.

        Names that are not UTF-8 are left out.
        """
        output = self.run("for-each-ref", "--format=%(objectname) %(refname)", *prefixes)
        found = {}
        for line in output.splitlines():
            sha, _, name = line.partition(b" ")
            try:
                found[name.decode()] = sha.decode()
            except UnicodeDecodeError:
                continue
        return found

    def reference(self, name: str) -> str | None:
        """Return the object that a complete reference name names."""
        return self.identify([name])[0] if is_name(name) else None

    def update(self, reference: str, new: str, old: str | None = None) -> None:
        """Point a reference to an object; with `old`, only if it points there now.

        `new` ZERO deletes it, `old` ZERO demands that it is not there. GitError otherwise.
        """
        command = ["update-ref", reference, new] if new != ZERO else ["update-ref", "-d", reference]
        self.run("-c", "core.logAllRefUpdates=false", *command, *([old] if old else []))

    def commit(self, name: str) -> str | None:
        """Return the commit that a branch, tag, reference or commit id names."""
        if not is_name(name):
            return None
        candidates = [f"refs/heads/{name}", f"refs/tags/{name}"]
        candidates += [f"refs/{name}"] if name.startswith(("heads/", "tags/", "pull/")) else []
        candidates += [name] if name.startswith("refs/") or name == "HEAD" or is_sha(name) else []
        if is_complete_sha(name):
            # As for git itself, no branch can hide a commit behind its own id.
            candidates = candidates[::-1]
        found = self.identify([f"{candidate}^{{commit}}" for candidate in candidates])
        return next((sha for sha in found if sha), None)

    def identify(self, names: Sequence[str]) -> list[str | None]:
        """Return the object id of each name that git understands, None for the others."""
        lines = "".join(f"{name}\n" for name in names).encode()
        output = self.run("cat-file", "--batch-check=%(objectname)", data=lines).splitlines()
        words = [line.decode(errors="replace") for line in output]
        return [word if _SHA.fullmatch(word) else None for word in words]

    def kind(self, sha: str) -> str | None:
        """Return the type of an object: commit, tree, blob or tag; None when there is none."""
        if not _SHA.fullmatch(sha):
            return None
        word = self.run("cat-file", "--batch-check=%(objecttype)", data=f"{sha}\n".encode())
        text = word.decode().strip()
        return text if text in {"commit", "tree", "blob", "tag"} else None

    def read(self, sha: str) -> bytes:
        """Return an object's content; GitError when there is no such object."""
        return self.read_all([sha])[0]

    def read_all(self, shas: Sequence[str]) -> list[bytes]:
        """Return the content of many objects; GitError when one of them is not there."""
        if not shas:
            return []
        output = self.run("cat-file", "--batch", data="".join(f"{s}\n" for s in shas).encode())
        contents, position = [], 0
        for sha in shas:
            end = output.index(b"\n", position)
            header = output[position:end].split(b" ")
            if len(header) != 3:
                raise GitError(f"there is no object {sha}")
            start, size = end + 1, int(header[2])
            contents.append(output[start : start + size])
            position = start + size + 1
        return contents

    def write(self, kind: str, content: bytes) -> str:
        """Write an object and return its id; GitError when git finds it malformed."""
        output = self.run("hash-object", "-w", "-t", kind, "--stdin", data=content)
        return output.decode().strip()

    def merge_base(self, one: str, other: str) -> str | None:
        """Return the best common ancestor; None when the histories are unrelated."""
        done = self.attempt("merge-base", one, other)
        return done.stdout.decode().strip() or None if done.returncode == 0 else None

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Tell whether one commit is reachable from the other, or is the same."""
        return self.attempt("merge-base", "--is-ancestor", ancestor, descendant).returncode == 0

    def history(self, *arguments: str) -> list[str]:
        """Return the commits that `git rev-list` lists, newest first."""
        return self.run("rev-list", *arguments).decode().split()

    def count(self, excluded: str, included: str) -> int:
        """Return how many commits are reachable from `included` and not from `excluded`."""
        return int(self.run("rev-list", "--count", f"^{excluded}", included, "--"))


def is_name(name: str) -> bool:
    """Tell whether the text can only be a name, and never an expression of git's."""
    return bool(name) and not name.startswith("-") and not _NO_NAME.search(name)


def is_sha(text: str) -> bool:
    """Tell whether the text has the form of a commit id, complete or short."""
    return bool(_SHA.fullmatch(text) or _SHORT_SHA.fullmatch(text))


def is_complete_sha(text: str) -> bool:
    """Tell whether the text has the form of a complete object id."""
    return bool(_SHA.fullmatch(text))


def git_environment() -> dict[str, str]:
    """Return the environment in which git runs: no configuration but the repository's own."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        # A sandbox's repositories stay small, and a merge ref's objects must not be collected.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "gc.auto",
        "GIT_CONFIG_VALUE_0": "0",
    }
