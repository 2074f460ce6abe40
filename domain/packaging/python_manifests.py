"""Which of the manifests of a Python function says what is installed.

Where a lock lies beside a range, the lock wins.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.values import Frozen
from tiercel.domain.packaging.folders import Folder

LOCKS = ("pylock.toml", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")
_UNREAD = ("conda-lock.yml", "environment.yaml", "environment.yml", "pixi.lock", "pixi.toml")
_OUTSIDE = re.compile(r"(?<![\w./\\])(?:file:(?://)?)?(\.\.(?:/[\w.@+-]+)*)/?")


class PythonManifest(Frozen):
    """What is installed: `requirements` is a file that uv installs from, empty where it is `lock`.

    With both, the lock decides about the versions that the requirements leave open.
    """

    requirements: str = ""
    lock: str = ""


def python_manifest(folder: Folder, where: str) -> PythonManifest | None:
    """Return what says which packages a function needs, None where nothing does.

    Raises RefusedInputError for a manifest that would be left out.
    """
    locks = [name for name in LOCKS if name in folder.names]
    if len(locks) > 1:
        raise several_locks(locks, where)
    lock = locks[0] if locks else ""
    if "requirements.txt" in folder.names:
        return PythonManifest(requirements="requirements.txt", lock=lock)
    if lock:
        return PythonManifest(lock=lock)
    project = _parsed(folder.text("pyproject.toml"))
    if project.get("project", {}).get("dependencies"):
        return PythonManifest(requirements="pyproject.toml")
    poetry = project.get("tool", {}).get("poetry", {}).get("dependencies") or {}
    pipenv = _parsed(folder.text("Pipfile")).get("packages") or {}
    for file, tool, wanted in (
        ("pyproject.toml", "poetry lock", set(poetry) - {"python"}),
        ("Pipfile", "pipenv lock", set(pipenv)),
    ):
        if wanted:
            raise RefusedInputError(
                "build.no_lock",
                f"{file} names packages, and no lock says which versions",
                where=where,
                why=", ".join(sorted(wanted)[:10]),
                state="nothing was built",
                remedy=f"put the lock that `{tool}` writes beside it, or a requirements.txt",
            )
    unread = folder.first(*_UNREAD)
    if unread:
        raise RefusedInputError(
            "build.manifest_not_read",
            f"{unread} names packages, and nothing here installs from it",
            where=where,
            state="nothing was built",
            remedy="write them into a requirements.txt, give the service a `build` command, or "
            "take the file out of the function's folder",
        )
    return None


def uv_members(text: str) -> list[str]:
    """Return the patterns by which a pyproject.toml names the members of uv's workspace."""
    workspace = _parsed(text).get("tool", {}).get("uv", {}).get("workspace", {})
    members = workspace.get("members") if isinstance(workspace, dict) else None
    return [one for one in members if isinstance(one, str)] if isinstance(members, list) else []


def several_locks(locks: list[str], where: str) -> RefusedInputError:
    """Return the error for a folder in which more than one tool has locked versions."""
    return RefusedInputError(
        "build.several_locks",
        f"{' and '.join(locks)} lie in one folder, and only one can be right",
        where=where,
        state="nothing was built",
        remedy="keep the one of the tool that you use",
    )


def paths_outside(*texts: str) -> set[str]:
    """Return the paths that begin with `..` in manifests' texts: what they take from elsewhere."""
    return {match[1] for text in texts for match in _OUTSIDE.finditer(text) if match[1] != ".."}


def _parsed(text: str) -> dict[str, Any]:
    """A file that cannot be parsed names nothing; a tool that reads it says what is wrong."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}
