"""Which package manager installs a Node.js function's packages, and from where."""

from __future__ import annotations

import json
import re
from typing import Any

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable
from tiercel.domain.base.values import Frozen
from tiercel.domain.packaging.folders import Folder
from tiercel.domain.packaging.python_manifests import several_locks

_LOCKS = {
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
    "yarn.lock": "yarn",
    "pnpm-lock.yaml": "pnpm",
    "bun.lock": "bun",
    "bun.lockb": "bun",
}
_REGISTRY = re.compile(
    r"((?:@[a-z0-9~._-]+:)?registry)\s*=\s*(https?://[^\s/@:]+(?::\d+)?(?:/\S*)?)"
)
_HOST = re.compile(r"https?://([^/]+)")


class NodeManifest(Frozen):
    """A package manager and whether a lock says what it installs.

    `berry` is yarn from version 2 on.
    """

    manager: str
    locked: bool
    berry: bool = False


def node_manifest(
    folder: Folder, where: str, *, for_tests: bool = False, in_workspace: bool = False
) -> NodeManifest | None:
    """Return what installs a function's packages, None where it needs none.

    Tests need those of development too; the root of a workspace installs for its members.
    Raises RefusedInputError for locks of several package managers, unless package.json names one.
    """
    package = package_of(folder, where)
    keys = ("dependencies", "optionalDependencies", *(("devDependencies",) if for_tests else ()))
    if not in_workspace and not any(package.get(key) for key in keys):
        return None
    locks = [name for name in _LOCKS if name in folder.names]
    managers = list(dict.fromkeys(_LOCKS[name] for name in locks))
    named = str(package.get("packageManager", "")).partition("@")[0]
    if named in managers:
        managers = [named]
    if len(managers) > 1:
        raise several_locks(locks, where)
    if not managers:
        return NodeManifest(manager=named if named in _LOCKS.values() else "npm", locked=False)
    is_berry = "__metadata:" in folder.text("yarn.lock")[:2000]
    return NodeManifest(manager=managers[0], locked=True, berry=managers[0] == "yarn" and is_berry)


def package_of(folder: Folder, where: str) -> dict[str, Any]:
    """Return what package.json says, nothing if there is none."""
    if "package.json" not in folder.names:
        return {}
    try:
        found = json.loads(folder.text("package.json"))
        if isinstance(found, dict):
            return found
        why = "it is no object"
    except (ValueError, RecursionError) as error:
        why = str(error)
    raise RefusedInputError(
        "build.package_json",
        "package.json cannot be read",
        where=where,
        why=printable(why, 300),
        state="nothing was built",
        remedy="correct it",
    )


def npm_settings(text: str, reached: tuple[str, ...], where: str) -> str:
    """Return of a `.npmrc` which registry has which scope, and nothing else.

    Any other key could name a program or a credential. `reached` are the hosts of `indexes`.
    Raises RefusedInputError for a registry that is not among them: without it, packages of its
    scope would be asked for elsewhere.
    """
    lines = []
    for line in text.splitlines():
        match = _REGISTRY.fullmatch(line.strip())
        host = _HOST.match(match[2]) if match else None
        if not match or not host:
            continue
        if host[1].lower() not in reached:
            raise RefusedInputError(
                "build.registry_not_reached",
                "packages come from a registry that builds do not reach",
                where=where,
                why=f".npmrc names {printable(host[1], 200)} for {match[1]}",
                state="nothing was built",
                remedy="add it to `indexes` of [builds] in the worker's tiercel.toml, and its "
                "credential to `index_credentials`",
            )
        lines.append(f"{match[1]}={match[2]}\n")
    return "".join(lines)
