"""Packages what templates refer to, and the templates, which name the packages then."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

import uv

from tiercel.domain.artifact.archives import MAX_UNZIPPED_BYTES
from tiercel.domain.artifact.assets import (
    Asset,
    AssetKind,
    declare_asset_bucket,
    find_assets,
    rewrite,
)
from tiercel.domain.artifact.boundary import bounded, declare_boundary
from tiercel.domain.artifact.dependencies import install_commands, is_left_out, layer_folder
from tiercel.domain.artifact.limits import at_most, require_template_limits
from tiercel.domain.artifact.manifest import AssetReference, PackagedObject
from tiercel.domain.base.errors import RefusedInputError
from tiercel.tasks.build.archive import require_safe_zip, zip_files, zip_folder
from tiercel.tasks.build.process import run_build
from tiercel.tasks.build.templates import dump_template, load_template
from tiercel.tasks.build.workshop import Workshop
from tiercel.tasks.engine.task import run_logger

_MAX_NESTING = 5
_ZIPS = (".zip", ".jar")
_SUFFIX = re.compile("[a-z]{1,20}")


def package_template(
    shop: Workshop, path: PurePosixPath, ancestors: tuple[PurePosixPath, ...] = ()
) -> tuple[PackagedObject, dict[str, Any]]:
    """Package a template's references first, then the template that names them; return it too.

    Raises RefusedInputError for what may not be packaged, BuildFailedError for what a build
    should have made.
    """
    if path in ancestors or len(ancestors) >= _MAX_NESTING:
        raise RefusedInputError(
            "template.nested_too_deeply",
            f"templates are nested in a circle or deeper than {_MAX_NESTING}",
            where=" -> ".join(str(p) for p in (*ancestors, path)),
            remedy="flatten the nested stacks",
        )
    file = shop.path(path)
    if shop.leads_outside(file):
        raise shop.not_in_source(shop.service.name, "template", str(path))
    template = shop.templates[path] = load_template(file, str(path))
    keys = {}
    for asset in find_assets(template, str(path)):
        entry = _package_asset(shop, asset, path, (*ancestors, path))
        keys[asset.logical_id, asset.property] = entry.key
        shop.references.append(
            AssetReference(
                template=str(path),
                logical_id=asset.logical_id,
                property=asset.property,
                path=asset.path,
                sha256=entry.sha256,
            )
        )
    rewritten = bounded(rewrite(template, keys))
    if ancestors:
        # Its parent passes both to every nested stack, whether it needs them or not.
        rewritten = declare_boundary(declare_asset_bucket(rewritten))
    require_template_limits(rewritten, str(path))
    return shop.add_bytes(dump_template(rewritten, str(path)), "template"), rewritten


def _package_asset(
    shop: Workshop, asset: Asset, template: PurePosixPath, ancestors: tuple[PurePosixPath, ...]
) -> PackagedObject:
    relative = _inside(asset, template)
    where = f"{relative} ({asset.logical_id} in {template})"
    path = shop.path(relative)
    exists = os.access(path, os.R_OK) and not (asset.kind is AssetKind.FILE and path.is_dir())
    if not exists or shop.leads_outside(path):
        raise shop.not_in_source(asset.logical_id, asset.property, where)
    key = (relative, asset.kind, asset.runtime, asset.architecture, asset.build_method)
    if key not in shop.packaged:
        if asset.kind is AssetKind.TEMPLATE:
            shop.packaged[key] = package_template(shop, relative, ancestors)[0]
        elif asset.kind is AssetKind.FILE:
            shop.packaged[key] = _package_file(shop, path, where)
        else:
            shop.packaged[key] = _package_code(shop, asset, path, where)
    return shop.packaged[key]


def _package_file(shop: Workshop, path: Path, where: str) -> PackagedObject:
    at_most(path.stat().st_size, MAX_UNZIPPED_BYTES, "bytes of a file", where)
    suffix = path.suffix[1:].lower()
    return shop.add_bytes(path.read_bytes(), suffix if _SUFFIX.fullmatch(suffix) else "file")


def _inside(asset: Asset, template: PurePosixPath) -> PurePosixPath:
    """Return the asset's path from the root of the repository."""
    parts: list[str] = []
    for part in (template.parent / asset.path).parts:
        if part == ".." and parts:
            parts.pop()
        elif part in ("..", "/") or "\x00" in part:
            raise RefusedInputError(
                "template.path_leads_out",
                "a local path leaves the repository",
                where=f"{asset.logical_id}.{asset.property} in {template}",
                why=repr(asset.path),
                remedy="refer to files of the repository only",
            )
        else:
            parts.append(part)
    return PurePosixPath(*parts)


def _package_code(shop: Workshop, asset: Asset, path: Path, where: str) -> PackagedObject:
    target = shop.scratch / "package.zip"
    if path.is_file() and path.suffix in _ZIPS:
        require_safe_zip(path, where)
        return shop.add_bytes(path.read_bytes(), "zip")
    if path.is_file():
        return shop.add(target, zip_files({path.name: path}, target, where), "zip")
    folder = path if shop.service.build else _with_dependencies(shop, asset, path, where)
    return shop.add(target, zip_folder(folder, target, where), "zip")


def _with_dependencies(shop: Workshop, asset: Asset, path: Path, where: str) -> Path:
    """Install beside a copy of the code, so that another function's view stays clean."""
    names = {entry.name for entry in path.iterdir()}
    commands = install_commands(asset, names, uv.find_uv_bin(), where)
    inner = layer_folder(asset)
    if not commands and not inner:
        return path
    root = Path(tempfile.mkdtemp(dir=shop.scratch))
    copy = root / inner
    shutil.copytree(path, copy, symlinks=True, dirs_exist_ok=True)
    own = {p.relative_to(copy).as_posix() for p in copy.rglob("*")}
    for command in commands:
        run_logger().info("%s: install dependencies of %s", shop.service.name, where)
        run_build(command, copy, shop.scratch, shop.builds)
    for installed in list(copy.rglob("*")):
        name = installed.relative_to(copy).as_posix()
        if name not in own and is_left_out(name) and not installed.is_dir():
            installed.unlink()
    return root
