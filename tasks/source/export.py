"""The files of a commit, written to a folder and compared with what the commit holds."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from tiercel.domain.artifact.source_files import (
    MAX_SOURCE_FILES,
    SourceFile,
    require_source_limits,
    too_many_files,
)
from tiercel.domain.base.errors import RefusedInputError, UntrustedArtifactError
from tiercel.domain.base.git_objects import (
    SYMLINK,
    DamagedObjectError,
    GitEntry,
    entries_below,
    object_id,
)
from tiercel.domain.base.text import printable
from tiercel.tasks.engine.processes import Ended
from tiercel.tasks.source.git import Git, git_for
from tiercel.tasks.source.repository import (
    Commit,
    Trees,
    add_trees,
    entry_of_path,
    reading,
    trees_to,
)

_CHUNK = 64
"""Files that a thread compares at once: for single ones, threads would wait for each other."""
_AT_ONCE_BYTES = 64 * 1024**2
_MOST_PATHS = MAX_SOURCE_FILES + 1
"""One more than is allowed is enough to be refused."""
_SHOWN = 5
_LONGEST_NAME = 200


def export(commit: Commit, paths: Sequence[str], target: Path) -> None:
    """Write the files below the paths into an empty folder, as git would check them out.

    Before the first is written, RefusedInputError for more than may be checked out, for a
    submodule, whose files the commit does not hold, and for a name that git does not write, such
    as `.git`. Afterwards every file is compared with its id in the commit, and
    UntrustedArtifactError raised if anybody has changed one meanwhile.
    """
    reading(commit, lambda: _export(commit, paths, target))


def list_source(commit: Commit, paths: Sequence[str]) -> list[SourceFile]:
    """Return the files below the paths, from trees that are what their ids say.

    Raises RefusedInputError as `export` does before it writes.
    """

    def listed() -> list[SourceFile]:
        with git_for(commit.mirror) as git:
            return _files(git, commit, paths)

    return reading(commit, listed)


def _export(commit: Commit, paths: Sequence[str], target: Path) -> None:
    with git_for(commit.mirror) as git:
        files = _files(git, commit, paths)
        # On all cores: half the time on two, for thousands of files.
        ended = git.run(
            "-c", "checkout.workers=0", f"--work-tree={target}",
            "checkout", "--quiet", "--force", commit.sha, "--", *paths,
            check=False,
        )  # fmt: skip
        if ended.returncode:
            _require_whole(git, files)
            raise _not_checked_out(commit, paths, ended)
        additional = _additional(files, target)
        differing = _differing(files, target)
        _require_whole(git, differing)
        if additional or not _are_converted(git, differing, target):
            raise _changed(commit, [*additional, *(file.path for file in differing)])


def _files(git: Git, commit: Commit, paths: Sequence[str]) -> list[SourceFile]:
    """Return what is to be written, from trees that are what their ids say, within the limits."""
    root, trees = trees_to(git, commit.sha, paths)
    starts = [(path, entry) for path in paths if (entry := entry_of_path(path, root, trees))]
    folders = (entry.id for _, entry in starts if entry.is_tree)
    _add_all_below(git, trees, folders, commit.shown)
    found = dict(islice(_below(starts, trees), _MOST_PATHS))
    files = {path: entry for path, entry in found.items() if not entry.is_tree}
    sizes = git.sizes({entry.id for entry in files.values() if entry.kind == "blob"})
    sized = [SourceFile(path, entry, sizes.get(entry.id, 0)) for path, entry in files.items()]
    return require_source_limits(sized, len(found), commit.shown)


def _add_all_below(git: Git, trees: Trees, starts: Iterable[str], where: str) -> None:
    """Read every tree below the starts, each once, one level of folders after the other."""
    seen: set[str] = set()
    waiting = set(starts)
    while waiting:
        add_trees(git, trees, waiting)
        seen |= waiting
        below = {one.id for tree in waiting for one in trees[tree].values() if one.is_tree}
        waiting = below - seen
        if len(seen) + len(waiting) > MAX_SOURCE_FILES:
            raise too_many_files(where)


def _below(starts: Sequence[tuple[str, GitEntry]], trees: Trees) -> Iterator[tuple[str, GitEntry]]:
    for path, entry in starts:
        if entry.is_tree:
            yield from entries_below("" if path == "." else f"{path}/", entry.id, trees)
        else:
            yield path, entry


def _differing(files: Sequence[SourceFile], target: Path) -> list[SourceFile]:
    """Return the files that are not, byte for byte, what the commit has."""

    def compared(chunk: Sequence[SourceFile]) -> list[SourceFile]:
        return [file for file in chunk if not _is_as_committed(file, target)]

    chunks = [files[start : start + _CHUNK] for start in range(0, len(files), _CHUNK)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [file for found in pool.map(compared, chunks) for file in found]


def _is_as_committed(file: SourceFile, target: Path) -> bool:
    body = _written(file, target)
    return body is not None and object_id("blob", body) == file.entry.id


def _written(file: SourceFile, target: Path) -> bytes | None:
    """Return what lies where a file was written; None if it is none of the same kind."""
    path = f"{target}/{file.path}"
    try:
        if file.entry.mode == SYMLINK:
            return os.fsencode(os.readlink(path))  # noqa: PTH115 - as bytes
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as opened:  # noqa: PTH123
            mode = os.fstat(opened.fileno()).st_mode
            same = bool(mode & stat.S_IXUSR) == file.entry.is_executable
            return opened.read() if stat.S_ISREG(mode) and same else None
    except OSError:
        return None


def _additional(files: Sequence[SourceFile], target: Path) -> list[str]:
    """Return what else lies there: files and links, also those that stand where folders were."""
    known = {file.path for file in files}
    found = []
    for folder, folders, names in os.walk(target):
        links = [name for name in folders if os.path.islink(f"{folder}/{name}")]  # noqa: PTH114
        within = os.path.relpath(folder, target)
        found += [name if within == "." else f"{within}/{name}" for name in (*links, *names)]
    return [path for path in found if path not in known]


def _require_whole(git: Git, files: Sequence[SourceFile]) -> None:
    """Raise DamagedObjectError if the mirror itself has something else under a file's id."""
    for chunk in _chunks(files):
        for file, found in zip(chunk, git.contents([one.entry.id for one in chunk]), strict=True):
            if found is None:
                raise DamagedObjectError(f"the blob {file.entry.id} is missing")


def _are_converted(git: Git, files: Sequence[SourceFile], target: Path) -> bool:
    """Tell whether files differ only as the source's own attributes want it: in their lines' ends.

    git makes them again, from objects that have been compared; nothing but what it writes
    counts. https://git-scm.com/docs/gitattributes
    """
    for chunk in _chunks(files):
        asked = b"".join(os.fsencode(f"{one.entry.id} {one.path}") + b"\0" for one in chunk)
        made = git.run(
            f"--work-tree={target}", "cat-file", "--batch=%(objectname)", "--filters", "-z",
            input=asked, within=target,
        )  # fmt: skip
        bodies = [(file.entry.id.encode(), _written(file, target)) for file in chunk]
        if made.stdout != b"".join(b"%s\n%s\n" % (one, body or b"") for one, body in bodies):
            return False
    return True


def _chunks(files: Sequence[SourceFile]) -> Iterator[list[SourceFile]]:
    """Deal files out so that their contents fit into memory."""
    chunk: list[SourceFile] = []
    for file in files:
        if chunk and sum(one.size for one in chunk) + file.size > _AT_ONCE_BYTES:
            yield chunk
            chunk = []
        chunk.append(file)
    if chunk:
        yield chunk


def _not_checked_out(commit: Commit, paths: Sequence[str], ended: Ended) -> RefusedInputError:
    return RefusedInputError(
        "source.not_checked_out",
        "git cannot check out the commit",
        where=f"{commit.shown}: {', '.join(paths)}",
        why=ended.stderr.decode(errors="replace").strip()[-500:],
        state="nothing was built",
        remedy="rename the file that git names, or see whether the disk is full",
    )


def _changed(commit: Commit, names: Sequence[str]) -> UntrustedArtifactError:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return UntrustedArtifactError(
        "source.changed",
        "what was checked out is not what the commit has",
        where=commit.shown,
        why=", ".join(printable(repr(name), _LONGEST_NAME) for name in names[:_SHOWN]) + more,
        state="nothing was built",
        remedy="somebody else on this machine writes into the folders of builds: stop that "
        "process, and give the worker a user of its own",
    )
