"""Node.js packages that share one lock: which folder has it, and what of it a function needs.

https://docs.npmjs.com/cli/v10/using-npm/workspaces
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.packaging.folders import Folder

_DEPENDENCIES = ("dependencies", "optionalDependencies", "peerDependencies")


def has_member(root: TemplateDocument, pnpm: str, relative: str) -> bool:
    """Tell whether a folder is one of a workspace's, by its path from the workspace's root.

    `root` is the package.json there, `pnpm` the text of its `pnpm-workspace.yaml`.
    """
    declared: Any = root.get("workspaces") or ()
    if isinstance(declared, dict):
        declared = declared.get("packages") or ()
    listed = re.findall(r"^\s*-\s*['\"]?([^'\"#\n]+?)['\"]?\s*$", pnpm, re.MULTILINE)
    texts = [one for one in declared if isinstance(one, str)] if isinstance(declared, list) else []
    patterns = [one for one in (*texts, *listed) if one.strip("./!")]
    path = PurePosixPath(relative)
    fitting = [
        one for one in patterns if path.match(one.lstrip("!").removeprefix("./").rstrip("/"))
    ]
    return bool(fitting) and not any(one.startswith("!") for one in fitting)


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
