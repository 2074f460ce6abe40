"""Which of the manifests of a Python function says what is installed.

Where a lock lies beside a range, the lock wins.
"""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable
from tiercel.domain.base.values import Frozen
from tiercel.domain.packaging.folders import Folder

LOCKS = ("pylock.toml", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")
_UNREAD = ("conda-lock.yml", "environment.yaml", "environment.yml", "pixi.lock", "pixi.toml")
_SETUP_REQUIRES = re.compile(
    r"^(?!\s*#).*\binstall_requires\b['\"]?\s*[=:]\s*(?!\[\s*\]|\(\s*\)|None\b)\S", re.MULTILINE
)
_OUTSIDE = re.compile(r"(?<![\w./\\])(?:file:(?://)?)?(\.\.(?:/[\w.@+-]+)*)/?")


class PythonManifest(Frozen):
    """What is installed: `requirements` is a file that uv installs from, empty where it is `lock`.

    With both, the lock decides about the versions that the requirements leave open.
    """

    requirements: str = ""
    lock: str = ""


@dataclass(frozen=True)
class TomlFile:
    """What a file of TOML says, empty for one that is not there."""

    name: str
    where: str
    values: Mapping[str, Any]

    @classmethod
    def of(cls, folder: Folder, name: str, where: str) -> TomlFile:
        """Return it; RefusedInputError for one that is no TOML: it may name packages."""
        text = folder.required_text(name, where).removeprefix("\ufeff")
        try:
            return cls(name, where, tomllib.loads(text))
        except (ValueError, RecursionError) as error:
            raise unparsed_manifest(name, str(error), where) from error

    def table(self, *keys: str) -> Mapping[str, Any]:
        """Return the table at some keys, empty without one; RefusedInputError for no table."""
        found = self.values
        for key in keys:
            found = found.get(key, {})
            if not isinstance(found, dict):
                raise unparsed_manifest(self.name, f"`{key}` is no table", self.where)
        return found


def python_manifest(folder: Folder, where: str) -> PythonManifest | None:
    """Return what says which packages a function needs, None where nothing does.

    Raises RefusedInputError for a manifest that would be left out, and for one that decides and
    cannot be read.
    """
    locks = [name for name in LOCKS if name in folder.names]
    if len(locks) > 1:
        raise several_locks(locks, where)
    lock = locks[0] if locks else ""
    folder.required_text(lock, where)
    if "requirements.txt" in folder.names:
        return PythonManifest(requirements="requirements.txt", lock=lock)
    if lock:
        return PythonManifest(lock=lock)
    project = TomlFile.of(folder, "pyproject.toml", where)
    if project.table("project").get("dependencies"):
        return PythonManifest(requirements="pyproject.toml")
    _require_lock(folder, project, where)
    _require_no_other(folder, project, where)
    return None


def _require_lock(folder: Folder, project: TomlFile, where: str) -> None:
    poetry = project.table("tool", "poetry", "dependencies")
    pipenv = TomlFile.of(folder, "Pipfile", where).table("packages")
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


def _require_no_other(folder: Folder, project: TomlFile, where: str) -> None:
    """Poetry's table says what its dynamic dependencies are; of others' their backend knows."""
    dynamic = project.table("project").get("dynamic")
    is_dynamic = isinstance(dynamic, list) and "dependencies" in dynamic
    others = {
        "pyproject.toml": is_dynamic and not project.table("tool", "poetry", "dependencies"),
        "setup.py": _SETUP_REQUIRES.search(folder.required_text("setup.py", where)),
        "setup.cfg": _required_by_setup_cfg(folder, where),
    }
    unread = next((file for file, names in others.items() if names), folder.first(*_UNREAD))
    if unread:
        raise RefusedInputError(
            "build.manifest_not_read",
            f"{unread} names packages, and nothing here installs from it",
            where=where,
            why="its dependencies are dynamic" if unread == "pyproject.toml" else "",
            state="nothing was built",
            remedy="put a requirements.txt or a lock beside it, give the service a `build` "
            "command, or take the file out of the function's folder",
        )


def _required_by_setup_cfg(folder: Folder, where: str) -> str:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(folder.required_text("setup.cfg", where))
    except configparser.Error as error:
        raise unparsed_manifest("setup.cfg", str(error), where) from error
    return parser.get("options", "install_requires", fallback="").strip()


def uv_members(folder: Folder, where: str) -> list[str]:
    """Return the patterns by which a pyproject.toml names the members of uv's workspace.

    Raises RefusedInputError for a file that cannot be read.
    """
    project = TomlFile.of(folder, "pyproject.toml", where)
    members = project.table("tool", "uv", "workspace").get("members")
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


def unparsed_manifest(file: str, why: str, where: str) -> RefusedInputError:
    """Return the error for a file that decides what is installed and cannot be parsed."""
    return RefusedInputError(
        "build.manifest_not_parsed",
        f"{file} cannot be parsed, and may name packages",
        where=where,
        why=printable(why, 300),
        state="nothing was built",
        remedy="correct it",
    )
