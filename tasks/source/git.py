"""git, as argument lists, whose behaviour comes from here and from nowhere else.

What lies in a bare repository is not only content: its configuration names programs, attributes
send files through them, hooks run, alternates, grafts and replaced references say what a commit
is. So git never gets a mirror as its repository. It gets one that is made for each use, and of the
mirror only the store of objects, whose names say what they have to be.
https://git-scm.com/docs/gitrepository-layout
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tiercel.domain.base.errors import RefusedInputError, TransientError, UnreachableError
from tiercel.domain.base.git_objects import DamagedObjectError, object_id
from tiercel.domain.base.log_text import last_lines
from tiercel.tasks.engine.processes import Command, Ended, Ending, run_command

_TIMEOUT_SECONDS = 600
_GRACE_SECONDS = 10.0
"""How long git may take to remove what it has half fetched."""

LONGEST_GIT_SECONDS = _TIMEOUT_SECONDS + _GRACE_SECONDS
_MOST_FILE_BYTES = 8 * 1024**3
"""Of any file that git writes: the pack of a repository is one."""
_PASSED_ON = ("PATH", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE")
_SHOWN_LINES = 10
FAILED = "git.failed"
"""The code of a command that had to succeed and did not, as on a broken repository."""
_CONFIGURATION = """\
[core]
    repositoryformatversion = 0
    bare = true
    commitGraph = false
    multiPackIndex = false
    bigFileThreshold = 64m
    fsmonitor = false
    logAllRefUpdates = false
[gc]
    autoDetach = false
    writeCommitGraph = false
[repack]
    updateServerInfo = false
[http]
    followRedirects = false
    lowSpeedLimit = 1000
    lowSpeedTime = 60
[transfer]
    bundleURI = false
[submodule]
    recurse = false
"""
"""Graph and index of the store would say what a commit or an id is without the object itself; what
is larger than `bigFileThreshold` is never held in memory. A server that sends less than 1,000
bytes a second for a minute is given up, and nobody is followed to another address: git would give
that one the token. https://git-scm.com/docs/git-config, `http.followRedirects`."""
_HEADER = re.compile(rb"([0-9a-f]{40}) (commit|tree|blob|tag) ([0-9]+)\n")
_REFERENCE = re.compile(r"([0-9a-f]{40}) (refs/(?:heads|pull)/[^\x00-\x20\x7f]+)")

NamedCommits = Mapping[str, str]
"""Commit ids by the full names of the references."""


class StoredObject(NamedTuple):
    """An object whose content was compared with its id."""

    id: str
    kind: str
    body: bytes


@dataclass(frozen=True)
class Git:
    """A repository for one use: nobody's settings, the references given, a mirror's objects."""

    folder: Path
    objects: Path
    most_file_bytes: int = _MOST_FILE_BYTES

    def run(
        self,
        *arguments: str,
        check: bool = True,
        extra: Mapping[str, str] | None = None,
        input: bytes = b"",  # noqa: A002 - as Command has it
        within: Path | None = None,
    ) -> Ended:
        """Run git, in the folder `within` if it is given, and return how it ended.

        Raises UnreachableError if git is not installed or, with `check`, fails; TransientError
        if it was ended before it was done: what it would have said is not known.
        """
        environment = _environment() | {
            "GIT_DIR": str(self.folder),
            "GIT_OBJECT_DIRECTORY": str(self.objects),
            **(extra or {}),
        }
        ended = run_command(
            Command(
                ("git", *arguments),
                within or Path(),
                environment,
                _TIMEOUT_SECONDS,
                grace_seconds=_GRACE_SECONDS,
                file_bytes=self.most_file_bytes,
                input=input,
            )
        )
        self._require_ended(ended, environment)
        if ended.ending is Ending.FLOODED:
            raise RefusedInputError(
                "git.answer_too_long",
                f"git {arguments[0]} has more to say than is read",
                where=str(self.objects.parent),
                why=ended.why,
                state="nothing was built",
                remedy="the repository has more or larger files than a service may have",
            )
        if ended.ending is not Ending.EXITED or (check and ended.returncode):
            raise UnreachableError(
                "git.failed",
                f"git {arguments[0]} failed",
                where=str(self.objects.parent),
                why="\n".join([ended.why, *last_lines(ended.stderr, _SHOWN_LINES)]),
                remedy="see whether the disk is full",
            )
        return ended

    def references(self) -> dict[str, str]:
        """Return the commit of every reference, by its full name."""
        listed = self.run("for-each-ref", "--format=%(objectname) %(refname)").stdout
        return dict(_parsed(os.fsdecode(listed)))

    def contents(self, names: Sequence[str]) -> list[StoredObject | None]:
        """Return what each name means, in one process; None where it means nothing.

        Raises DamagedObjectError for content that is not what its id says.
        """
        if not names:
            return []
        asked = b"".join(os.fsencode(name) + b"\0" for name in names)
        output = self.run("cat-file", "--batch", "-z", input=asked).stdout
        found: list[StoredObject | None] = []
        position = 0
        for name in names:
            nothing = _nothing(os.fsencode(name), output, position)
            if nothing:
                position += nothing
                found.append(None)
                continue
            header = _HEADER.match(output, position)
            if not header:
                raise DamagedObjectError(f"git does not say what {name} is")
            body = output[header.end() : header.end() + int(header[3])]
            position = header.end() + len(body) + 1
            known, kind = header[1].decode(), header[2].decode()
            if object_id(kind, body) != known:
                raise DamagedObjectError(f"the {kind} {known} has another content")
            found.append(StoredObject(known, kind, body))
        return found

    def sizes(self, ids: Collection[str]) -> dict[str, int]:
        """Return the size of every object in bytes; those that are missing are left out."""
        if not ids:
            return {}
        asked = b"".join(one.encode() + b"\0" for one in ids)
        check = "--batch-check=%(objectname) %(objectsize)"
        output = self.run("cat-file", check, "-z", input=asked).stdout
        pairs = (line.split() for line in output.decode().splitlines())
        return {name: int(size) for name, size in pairs if size.isdigit()}

    def _require_ended(self, ended: Ended, environment: Mapping[str, str]) -> None:
        not_started = ended.ending is Ending.NOT_STARTED
        if not_started and not shutil.which("git", path=environment.get("PATH")):
            raise UnreachableError(
                "git.not_installed",
                "git is not installed",
                where="PATH",
                remedy="install git 2.39 or newer",
            )
        if ended.ending in (Ending.TIMED_OUT, Ending.SIGNALLED):
            raise TransientError(
                "git.not_ended",
                "git was ended before it was done",
                where=str(self.objects.parent),
                why=ended.why,
            )


@contextmanager
def git_for(mirror: Path, references: NamedCommits | None = None) -> Iterator[Git]:
    """Give git for the objects of a mirror, and take away again what was made for it."""
    objects = mirror / "objects"
    remove(objects / "info")  # other stores to look into; nothing of ours writes there
    with tempfile.TemporaryDirectory(prefix="tiercel-git-") as made:
        folder = Path(made)
        (folder / "refs").mkdir()
        (folder / "HEAD").write_text("ref: refs/heads/none\n")
        (folder / "config").write_text(_CONFIGURATION)
        if references:
            (folder / "packed-refs").write_bytes(reference_lines(references))
        yield Git(folder, objects)


def run_git(mirror: Path, *arguments: str, check: bool = True) -> Ended:
    """Run git once for the objects of a mirror, without references; errors as `Git.run`."""
    with git_for(mirror) as git:
        return git.run(*arguments, check=check)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there; UnreachableError if it stays."""
    if not path.is_symlink() and path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
    if os.path.lexists(path):
        raise UnreachableError(
            "git.not_removed",
            "what lies in a git mirror and should not cannot be removed",
            where=str(path),
            remedy="remove it, and let nobody but the worker's user write there",
        )


def reference_lines(references: NamedCommits) -> bytes:
    """Return references as `references_in` and git's packed-refs have them."""
    return os.fsencode("".join(f"{references[name]} {name}\n" for name in sorted(references)))


def references_in(file: Path) -> dict[str, str]:
    """Return the references that a file lists, one a line; those that it has, if it is damaged."""
    try:
        return dict(_parsed(os.fsdecode(file.read_bytes())))
    except OSError:
        return {}


def _parsed(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        match = _REFERENCE.fullmatch(line)
        if match:
            yield match[2], match[1]


def _nothing(name: bytes, output: bytes, position: int) -> int:
    """Return the length of git's answer to a name that means nothing, or more than one thing."""
    answers = (name + b" missing\n", name + b" ambiguous\n")
    return next((len(one) for one in answers if output.startswith(one, position)), 0)


def _environment() -> dict[str, str]:
    """Nobody's configuration, hooks or prompts; paths are names and not patterns."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed_on | {
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
