"""The files of a service's source where git has them: in a mirror's objects, and in no folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from tiercel.domain.artifact.filtered_files import filter_by_content, require_finished
from tiercel.domain.artifact.source_files import SourceFile
from tiercel.domain.base.git_objects import SYMLINK, DamagedObjectError
from tiercel.domain.base.limits import require_template_file_size
from tiercel.tasks.source.files import FileKind
from tiercel.tasks.source.git import Git, git_for
from tiercel.tasks.source.repository import Commit, reading

_LONGEST_NAME = 255
_NO_NAMES = {"", ".", "..", ".git"}
_ROOT = "."


class CommittedFiles:
    """Files of a `commit` by their paths from the root of the repository.

    Whatever is read is compared with its id in the commit.
    """

    def __init__(self, commit: Commit, files: Sequence[SourceFile]) -> None:
        """Know the files that `list_source` has found."""
        self.commit = commit
        self._files = {file.path: file for file in files}
        self._folders = _by_folder(self._files)

    def kind_of(self, path: PurePosixPath) -> FileKind | None:
        """Return what the commit has at a path, None if it has nothing there."""
        if str(path) in self._files:
            return FileKind.FILE
        return FileKind.FOLDER if str(path) in self._folders else None

    def names_in(self, folder: PurePosixPath) -> frozenset[str]:
        """Return the names in a folder."""
        return frozenset(self._folders[str(folder)])

    def names_below(self, folder: PurePosixPath) -> Iterator[str]:
        """Yield the paths of all files below a folder from there."""
        return (name for name, _ in self.below(folder))

    def is_plain(self, path: PurePosixPath) -> bool:
        """Tell whether a file lies there itself, and no link to one."""
        file = self._files.get(str(path))
        return file is not None and file.entry.mode != SYMLINK

    def read_template(self, path: PurePosixPath) -> bytes | None:
        """Return what a template or a part of one holds, None if it is not there.

        Raises RefusedInputError for more than a template may have.
        """
        file = self._files.get(str(path))
        if file is None:
            return None
        require_template_file_size(file.size, str(path))
        return self.read(path)

    def read(self, path: PurePosixPath) -> bytes:
        """Return what a file holds."""
        file = self._files[str(path)]

        def found() -> bytes:
            with git_for(self.commit.mirror) as git:
                return bodies(git, [file])[0]

        return reading(self.commit, found)

    def size_of(self, path: PurePosixPath) -> int:
        """Return the bytes that a file has."""
        return self._files[str(path)].size

    def is_executable(self, path: PurePosixPath) -> bool:
        """Tell whether a file may be executed."""
        return self._files[str(path)].entry.is_executable

    def below(self, folder: PurePosixPath) -> Iterator[tuple[str, SourceFile]]:
        """Yield all files below a folder, by their names from there."""
        prefix = "" if str(folder) == _ROOT else f"{folder}/"
        for path, file in self._files.items():
            if path.startswith(prefix):
                yield path[len(prefix) :], file


def may_stay_in_git(files: Sequence[SourceFile]) -> bool:
    """Tell whether a checkout would write all that the objects hold, under the same names.

    Links lead elsewhere, and names that no folder has are refused: that is for a checkout to do.
    """
    return not any(
        file.entry.mode == SYMLINK or not _is_plain(file.path.split("/")) for file in files
    )


def _is_plain(parts: Sequence[str]) -> bool:
    return not any(
        part.lower() in _NO_NAMES or len(part.encode(errors="surrogateescape")) > _LONGEST_NAME
        for part in parts
    )


def bodies(git: Git, files: Sequence[SourceFile]) -> list[bytes]:
    """Return what files hold; DamagedObjectError if one is not there or another.

    Raises RefusedInputError for one that holds what a filter would make a file of.
    """
    found = git.contents([file.entry.id for file in files])
    if None in found:
        raise DamagedObjectError(f"the blob {files[found.index(None)].entry.id} is missing")
    contents = [one.body for one in found if one]
    filters = zip(files, map(filter_by_content, contents), strict=True)
    require_finished({file.path: name for file, name in filters if name})
    return contents


def _by_folder(files: Mapping[str, SourceFile]) -> dict[str, set[str]]:
    """Return the names in each folder, files and folders."""
    found: dict[str, set[str]] = {}
    for path in files:
        child = path
        while child != _ROOT:
            folder, _, name = child.rpartition("/")
            names = found.setdefault(folder or _ROOT, set())
            if name in names:
                break
            names.add(name)
            child = folder or _ROOT
    return found
