"""What lies in a function's folder, and the manifests in it that decide how it is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable

MANIFESTS = (
    ".npmrc",
    ".yarnrc.yml",
    "Makefile",
    "Pipfile",
    "Pipfile.lock",
    "package.json",
    "pdm.lock",
    "pnpm-workspace.yaml",
    "poetry.lock",
    "pyproject.toml",
    "requirements.txt",
    "setup.cfg",
    "setup.py",
    "uv.lock",
    "uv.toml",
    "yarn.lock",
)
"""Files whose text decides something; the others decide by being there."""


@dataclass(frozen=True)
class Folder:
    """The names of a folder's files and folders, and the texts of its manifests by name.

    `endings` are those of all files below it, `.py` for one, that no installer has put there.
    `unread` are manifests without a text: links, folders and files that are too large.
    """

    names: frozenset[str]
    texts: Mapping[str, str] = field(default_factory=dict)
    endings: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()

    def first(self, *names: str) -> str:
        """Return the first of some names that is there, or nothing."""
        return next((name for name in names if name in self.names), "")

    def text(self, name: str) -> str:
        """Return the text of a manifest, or nothing."""
        return self.texts.get(name, "")

    def required_text(self, name: str, where: str) -> str:
        """Return the text of a manifest, nothing if there is none.

        Raises RefusedInputError for one that was not read: it may say anything.
        """
        if name in self.unread:
            raise RefusedInputError(
                "build.file_not_read",
                f"{name} decides what is installed, and cannot be read",
                where=where,
                why="it is a link or a folder, or larger than a manifest may be",
                state="nothing was built",
                remedy="put the file itself in its place",
            )
        return self.text(name)


def not_included(path: str, where: str, service: str) -> RefusedInputError:
    """Return the error for a path beside a folder that its build needs and the source lacks."""
    return RefusedInputError(
        "build.path_not_in_source",
        "a build needs what is not in the service's source",
        where=where,
        why=printable(path, 300),
        state="nothing was built",
        remedy=f"correct the path, or add it to services.{service}.include",
    )
