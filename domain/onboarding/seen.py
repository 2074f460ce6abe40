"""What was seen of a repository, and what could not be told from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from tiercel.domain.base.values import Frozen, TemplateDocument


class RepositorySeen(Frozen):
    """The files of a repository, and what the few of them say that init reads.

    `repository` is what its origin is called on GitHub, empty if that is unknown. `templates` are
    those of CloudFormation and SAM by their paths, `texts` other files by theirs. `branches` are
    those of the clone and of its origin.
    """

    repository: str = ""
    folder: str
    paths: tuple[str, ...] = ()
    templates: Mapping[str, TemplateDocument] = {}
    unread: Mapping[str, str] = {}
    texts: Mapping[str, str] = {}
    branches: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the repository is called, without its owner."""
        return self.repository.rpartition("/")[2] or self.folder

    def below(self, folder: str) -> list[PurePosixPath]:
        """Return the files below a folder of the repository, `.` for all."""
        paths = [PurePosixPath(path) for path in self.paths]
        return paths if folder == "." else [one for one in paths if one.is_relative_to(folder)]


class Unclear(Frozen):
    """What could not be told from the repository, and what somebody has to do about it."""

    what: str
    do: str
