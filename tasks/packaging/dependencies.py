"""Copies of functions beside which their dependencies are installed.

A function's view of the source stays clean, whatever is installed for another one.
"""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

import uv

from tiercel.domain.artifact.dependencies import (
    SETTINGS_FILES,
    install_commands,
    is_left_out,
    layer_folder,
)
from tiercel.domain.template.locations import AssetKind
from tiercel.tasks.build.job import BuildStep
from tiercel.tasks.packaging.references import LocalReference, all_references
from tiercel.tasks.packaging.workshop import CodeCopy, Workshop

_COPIES = "installed"
_PACKED_FOLDERS = (AssetKind.CODE, AssetKind.LAYER)


def install_steps(shop: Workshop, *, runs_code: bool) -> tuple[BuildStep, ...]:
    """Copy what needs dependencies, and return the commands that install them in the copies.

    `runs_code` is whether what is installed may run. Raises RefusedInputError for what may not
    be packaged, and for sources that need a compiler.
    """
    steps: list[BuildStep] = []
    for found in all_references(shop):
        if found.asset.kind in _PACKED_FOLDERS and found.is_folder:
            steps += _steps_of(shop, found, runs_code=runs_code)
    return tuple(steps)


def finish_copy(copy: CodeCopy) -> None:
    """Bring back the repository's own settings; remove installers' notes of machine and time."""
    for name in SETTINGS_FILES:
        if name in copy.own:
            shutil.copy2(copy.origin / name, copy.code / name, follow_symlinks=False)
    for installed in list(copy.code.rglob("*")):
        name = installed.relative_to(copy.code).as_posix()
        if name not in copy.own and is_left_out(name) and not installed.is_dir():
            installed.unlink()


def _steps_of(shop: Workshop, found: LocalReference, *, runs_code: bool) -> list[BuildStep]:
    names = shop.files.names_in(found.relative)
    program = uv.find_uv_bin()
    commands = install_commands(found.asset, names, program, found.where, runs_code=runs_code)
    inner = layer_folder(found.asset)
    if not commands and not inner:
        return []
    shop.check_out()
    relative = PurePosixPath(_COPIES, str(len(shop.copies)))
    root = shop.root / relative
    code = root / inner
    shutil.copytree(found.path, code, symlinks=True)
    own = frozenset(path.relative_to(code).as_posix() for path in code.rglob("*"))
    for name in SETTINGS_FILES:
        (code / name).unlink(missing_ok=True)
    shop.copies[found.key] = CodeCopy(found.path, root, code, own)
    shown = f"install dependencies of {found.where}"
    tools = (Path(program),)
    return [BuildStep(command, relative / inner, shown, tools) for command in commands]
