"""Node.js packages that share one lock: which folder has it, and what of it a function needs.

https://docs.npmjs.com/cli/v10/using-npm/workspaces
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.path_patterns import path_expression
from tiercel.domain.base.text import printable
from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.packaging.folders import Folder

_STRANGE = re.compile(r"[][{}()]")
"""Alternatives and sets of characters, which tools understand and this does not."""
_DEPENDENCIES = ("dependencies", "optionalDependencies", "peerDependencies")


def has_member(patterns: Sequence[str], relative: str, where: str) -> bool:
    """Tell whether a folder is one of a workspace's, by its path from the workspace's root.

    A pattern that begins with `!` takes folders out. Raises RefusedInputError if it depends on a
    pattern that is not understood: without the root's lock, any version would be installed.
    """
    wanted = [one for one in patterns if one.strip("./!")]
    fitting = [one for one in wanted if _fits(one, relative)]
    if any(one.startswith("!") for one in fitting):
        return False
    strange = [one for one in wanted if _STRANGE.search(one)]
    if any(one.startswith("!") or not fitting for one in strange):
        raise RefusedInputError(
            "build.workspace_pattern",
            "it is not known whether a folder belongs to the workspace above it",
            where=where,
            why=f"the workspace is described by {printable(', '.join(strange), 300)}",
            state="nothing was built",
            remedy="name its members by patterns of `*` and `**` alone",
        )
    return bool(fitting)


def npm_patterns(root: TemplateDocument) -> list[str]:
    """Return the patterns by which a package.json names the members of its workspace."""
    declared: Any = root.get("workspaces") or ()
    if isinstance(declared, dict):
        declared = declared.get("packages") or ()
    return [one for one in declared if isinstance(one, str)] if isinstance(declared, list) else []


def _fits(pattern: str, relative: str) -> bool:
    """Patterns begin at the root; with a slash behind both, `a/**` has the folder `a` too."""
    path = pattern.lstrip("!").removeprefix("./").strip("/")
    return bool(path_expression(f"/{path}/").fullmatch(f"{relative}/"))


def require_no_workspace(package: TemplateDocument, where: str) -> None:
    """Raise RefusedInputError for dependencies that only a workspace has, which is not there."""
    names = [
        name
        for key in _DEPENDENCIES
        for name, version in _mapping(package, key).items()
        if str(version).startswith("workspace:")
    ]
    if names:
        raise RefusedInputError(
            "build.workspace_not_in_source",
            "a package is of a workspace that is not in the service's source",
            where=where,
            why=f"package.json takes {', '.join(sorted(names)[:10])} from there",
            state="nothing was built",
            remedy="add the workspace's package.json, its lock and the packages to `include` of "
            "the service",
        )


def needed_packages(
    package: TemplateDocument, installed: Mapping[str, TemplateDocument]
) -> list[str]:
    """Return the names of the installed packages that one needs, by what each depends on."""
    waiting, found = list(_names(package)), dict[str, None]()
    while waiting:
        name = waiting.pop()
        if name in installed and name not in found:
            found[name] = None
            waiting += _names(installed[name])
    return sorted(found)


def is_locked(folder: Folder) -> bool:
    """Tell whether a folder has a lock of its own."""
    return bool(
        folder.first(
            "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock",
            "bun.lockb",
        )
    )  # fmt: skip


def _names(package: TemplateDocument) -> Iterable[str]:
    return [name for key in _DEPENDENCIES for name in _mapping(package, key)]


def _mapping(package: TemplateDocument, key: str) -> Mapping[str, Any]:
    found = package.get(key)
    return found if isinstance(found, dict) else {}
