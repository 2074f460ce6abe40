"""Functions that are members of a workspace: its packages are installed at its root."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.packaging.folders import Folder
from tiercel.domain.packaging.node_manifests import package_of
from tiercel.domain.packaging.python_manifests import uv_members
from tiercel.domain.packaging.workspaces import (
    has_member,
    is_locked,
    needed_packages,
    npm_patterns,
)
from tiercel.tasks.packaging.copies import read_folder, require_below
from tiercel.tasks.packaging.workshop import CodeCopy, Workshop
from tiercel.tasks.source.templates import parse_template

_PNPM = "pnpm-workspace.yaml"
_LONGEST = 4 * 1024 * 1024


def workspace_of(shop: Workshop, path: Path, folder: Folder, where: str) -> Path | None:
    """Return the root of the workspace in the source that has a folder, None if there is none."""
    if is_locked(folder):
        return None
    for root in path.parents:
        if not root.is_relative_to(shop.source):
            return None
        if not any((root / name).is_file() for name in ("package.json", _PNPM)):
            continue
        above = read_folder(shop.files, PurePosixPath(root.relative_to(shop.source)))
        relative = path.relative_to(root).as_posix()
        if not is_locked(above):
            continue
        patterns = npm_patterns(package_of(above, where)) + _pnpm_patterns(above, where)
        if has_member(patterns, relative, where):
            return root
    return None


def uv_workspace_of(shop: Workshop, path: Path, where: str) -> Path | None:
    """Return the root of uv's workspace in the source that has a folder, None if there is none."""
    for root in path.parents:
        if not root.is_relative_to(shop.source):
            return None
        if (root / "uv.lock").is_file():
            above = read_folder(shop.files, PurePosixPath(root.relative_to(shop.source)))
            members = uv_members(above, where)
            relative = path.relative_to(root).as_posix()
            return root if has_member(members, relative, where) else None
    return None


def _pnpm_patterns(root: Folder, where: str) -> list[str]:
    """Return those of `pnpm-workspace.yaml`; RefusedInputError for one that cannot be read."""
    text = root.required_text(_PNPM, where)
    try:
        patterns = parse_template(text.encode(), where).get("packages", []) if text else []
    except RefusedInputError as error:
        raise _not_a_workspace(error.why or error.what, where) from error
    if not (isinstance(patterns, list) and all(isinstance(one, str) for one in patterns)):
        raise _not_a_workspace("`packages` is no list of texts", where)
    return patterns


def _not_a_workspace(why: str, where: str) -> RefusedInputError:
    return RefusedInputError(
        "build.pnpm_workspace",
        "pnpm-workspace.yaml cannot be read, and may name the function's workspace",
        where=where,
        why=why,
        state="nothing was built",
        remedy="correct it",
    )


def bring_packages_home(copy: CodeCopy, root: Path) -> None:
    """Put the packages of a workspace that a member needs beside its code.

    Members are there by links, which are followed below the copy and nowhere else.
    """
    modules, own = root / "node_modules", copy.code / "node_modules"
    require_below(own, copy.view, str(own))
    everywhere = [*_installed(modules, copy.view), *_installed(own, copy.view)]
    installed = {name: _package(path) for name, path in everywhere}
    for name in needed_packages(_package(copy.code), installed):
        source, target = Path(os.path.realpath(modules / name)), own / name
        if os.path.lexists(target) or not source.is_dir() or copy.code.is_relative_to(source):
            continue
        require_below(target.parent, own, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target, symlinks=True)


def _installed(modules: Path, view: Path) -> Iterator[tuple[str, Path]]:
    within = os.path.realpath(view)
    for found in [*modules.glob("*"), *modules.glob("@*/*")]:
        real = Path(os.path.realpath(found))
        if real.is_relative_to(within) and (real / "package.json").is_file():
            yield found.relative_to(modules).as_posix(), real


def _package(folder: Path) -> dict[str, Any]:
    file = folder / "package.json"
    if not file.is_file() or file.is_symlink() or file.stat().st_size > _LONGEST:
        return {}
    try:
        found = json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
