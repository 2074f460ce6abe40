"""Which package manager installs a Node.js function's packages, and from where."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
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
_NPMRC = ".npmrc"
_MAY_NAME_REGISTRY = re.compile(
    r"(?:.*:)?(?:registry(?:\[\])?|[^:]*[${}][^:]*)", re.IGNORECASE | re.DOTALL
)
"""Keys that mean a registry in any spelling, and those that a variable could make one."""
_REGISTRY_KEY = re.compile(r"(?:@[A-Za-z0-9~._-]+:)?registry")
_REGISTRY_ADDRESS = re.compile(r"https?://([A-Za-z0-9.-]+(?::\d+)?)(?:/[^\s;#\\]*)?")


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


def npm_settings(folder: Folder, reached: tuple[str, ...], where: str) -> str:
    """Return of a folder's `.npmrc` which registry has which scope, and nothing else.

    Any other key could name a program or a credential. `reached` are the hosts of `indexes`.
    Raises RefusedInputError for a registry that is not among them, or that cannot be told:
    without it, packages of its scope would be asked for elsewhere.
    """
    return "".join(
        f"{key}={_registry_of(key, value, line, reached, where)}\n"
        for line, key, value in _npmrc_pairs(folder.required_text(_NPMRC, where))
        if _MAY_NAME_REGISTRY.fullmatch(key)
    )


def _registry_of(key: str, value: str, line: int, reached: tuple[str, ...], where: str) -> str:
    """Return the address of a registry; an error has its host and no credential beside it."""
    address = _REGISTRY_ADDRESS.fullmatch(value)
    if not address or not _REGISTRY_KEY.fullmatch(key):
        raise RefusedInputError(
            "build.npmrc_not_read",
            ".npmrc names a registry in a way that is not read",
            where=where,
            why=f"line {line} of it",
            state="nothing was built",
            remedy="write `registry` or `@SCOPE:registry` and https://HOST/PATH, without variables "
            "and credentials; a credential stands in `index_credentials` of [builds]",
        )
    if address[1].lower() not in reached:
        raise RefusedInputError(
            "build.registry_not_reached",
            "packages come from a registry that builds do not reach",
            where=where,
            why=f".npmrc names {printable(address[1], 200)} for {printable(key, 200)}",
            state="nothing was built",
            remedy="add it to `indexes` of [builds] in the worker's tiercel.toml, and its "
            "credential to `index_credentials`",
        )
    return value


def _npmrc_pairs(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, key and value as npm reads them: https://github.com/npm/ini."""
    for number, line in enumerate(re.split(r"\r\n|[\r\n]", text.replace("\ufeff", "")), 1):
        key, _, value = line.partition("=")
        if plain := _unquoted(key):
            yield number, plain, _unquoted(value)


def _unquoted(text: str) -> str:
    """Return a key or value of a `.npmrc`: out of its quotes, or up to where a comment begins."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        quoted = text[1:-1] if text[0] == "'" else text
        try:
            return str(json.loads(quoted))
        except (ValueError, RecursionError):
            return quoted.strip("'\"")
    return re.split(r"(?<!\\)[;#]", text, maxsplit=1)[0].strip()
