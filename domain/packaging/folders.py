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
    "yarn.lock",
)
"""Files whose text decides something; the others decide by being there."""


@dataclass(frozen=True)
class Folder:
    """The names of a folder's files and folders, and the texts of its manifests by name.

    `endings` are those of all files below it, `.py` for one, that no installer has put there.
    """

    names: frozenset[str]
    texts: Mapping[str, str] = field(default_factory=dict)
    endings: frozenset[str] = frozenset()

    def first(self, *names: str) -> str:
        """Return the first of some names that is there, or nothing."""
        return next((name for name in names if name in self.names), "")

    def text(self, name: str) -> str:
        """Return the text of a manifest, or nothing."""
        return self.texts.get(name, "")


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
