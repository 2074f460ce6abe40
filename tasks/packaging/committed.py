"""Packages of what git has, without a folder in between; the bytes are the same.

Nothing is checked out, read again and compared then: an object is compared with its id as it is
read, and packed while others are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath

from tiercel.domain.artifact.archives import MAX_PACKAGE_FILES
from tiercel.domain.artifact.source_files import SourceFile
from tiercel.tasks.packaging.archive import SKIPPED_FOLDERS, Chunk, is_cached, zip_contents
from tiercel.tasks.source.committed import CommittedFiles, bodies
from tiercel.tasks.source.git import git_for
from tiercel.tasks.source.repository import Commit, reading

_AT_ONCE = Chunk(1024, 4 * 1024**2)
"""git is started for each of them."""


def zip_committed_folder(
    files: CommittedFiles, folder: PurePosixPath, target: Path, shown: str
) -> str:
    """Zip a folder of a commit, and return the SHA-256 of the zip; see `zip_folder`."""
    known = dict(files.below(folder))
    kept = ((name, file) for name, file in known.items() if not _is_skipped(name, known))
    return _zip_committed(files.commit, dict(islice(kept, MAX_PACKAGE_FILES + 1)), target, shown)


def _zip_committed(
    commit: Commit, files: Mapping[str, SourceFile], target: Path, shown: str
) -> str:
    sizes = {name: file.size for name, file in files.items()}

    def zipped() -> str:
        with git_for(commit.mirror) as git:

            def read(names: Sequence[str]) -> Iterable[tuple[bytes, bool]]:
                chunk = [files[name] for name in names]
                executable = (file.entry.is_executable for file in chunk)
                return zip(bodies(git, chunk), executable, strict=True)

            return zip_contents(sizes, read, target, shown, _AT_ONCE)

    return reading(commit, zipped)


def _is_skipped(name: str, files: Mapping[str, SourceFile]) -> bool:
    *folders, _ = name.split("/")
    return not SKIPPED_FOLDERS.isdisjoint(folders) or is_cached(name, files)
