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
from tiercel.tasks.packaging.archive import (
    SKIPPED_FOLDERS,
    Contents,
    LoadCheck,
    is_cached,
    zip_contents,
)
from tiercel.tasks.source.committed import CommittedFiles, bodies
from tiercel.tasks.source.git import git_for
from tiercel.tasks.source.repository import reading

_FILES_AT_ONCE, _BYTES_AT_ONCE = 1024, 4 * 1024**2
"""git is started each time."""


def zip_committed_folder(
    files: CommittedFiles,
    folder: PurePosixPath,
    target: Path,
    shown: str,
    check: LoadCheck | None = None,
) -> str:
    """Zip a folder of a commit, and return the SHA-256 of the zip; see `zip_folder`."""
    known = dict(files.below(folder))
    kept = ((name, file) for name, file in known.items() if not _is_skipped(name, known))
    packaged = dict(islice(kept, MAX_PACKAGE_FILES + 1))

    def zipped() -> str:
        with git_for(files.commit.mirror) as git:

            def read(names: Sequence[str]) -> Iterable[tuple[bytes, bool]]:
                chunk = [packaged[name] for name in names]
                executable = (file.entry.is_executable for file in chunk)
                return zip(bodies(git, chunk), executable, strict=True)

            sizes = {name: file.size for name, file in packaged.items()}
            contents = Contents(sizes, read, _FILES_AT_ONCE, _BYTES_AT_ONCE)
            return zip_contents(contents, target, shown, check)

    return reading(files.commit, zipped)


def _is_skipped(name: str, files: Mapping[str, SourceFile]) -> bool:
    *folders, _ = name.split("/")
    return not SKIPPED_FOLDERS.isdisjoint(folders) or is_cached(name, files)
