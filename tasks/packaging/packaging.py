"""Packages what templates refer to, and the templates, which name the packages then."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from tiercel.domain.artifact.archives import MAX_UNZIPPED_BYTES
from tiercel.domain.artifact.manifest import AssetReference, PackagedObject
from tiercel.domain.base.limits import at_most, require_template_limits
from tiercel.domain.packaging.binaries import require_loadable
from tiercel.domain.packaging.elf import Elf
from tiercel.domain.packaging.machines import require_machine
from tiercel.domain.template.assets import AssetKind, declare_asset_bucket, rewrite
from tiercel.domain.template.boundary import bounded, declare_boundary
from tiercel.tasks.packaging.archive import LoadCheck, require_safe_zip, zip_files, zip_folder
from tiercel.tasks.packaging.copies import finish_copy
from tiercel.tasks.packaging.references import LocalReference, read_references
from tiercel.tasks.packaging.workshop import Workshop
from tiercel.tasks.packaging.workspaces import bring_packages_home
from tiercel.tasks.source.templates import dump_template

_ZIPS = (".zip", ".jar")
_SUFFIX = re.compile("[a-z]{1,20}")


def package_template(
    shop: Workshop, path: PurePosixPath, ancestors: tuple[PurePosixPath, ...] = ()
) -> tuple[PackagedObject, dict[str, Any]]:
    """Package a template's references first, then the template that names them; return it too.

    Raises RefusedInputError for what may not be packaged, BuildFailedError for what a build
    should have made.
    """
    template, references = read_references(shop, path, ancestors)
    keys = {}
    for found in references:
        entry = _package_asset(shop, found, (*ancestors, path))
        keys[found.asset.logical_id, found.asset.property] = entry.key
        shop.references.append(
            AssetReference(
                template=str(path),
                logical_id=found.asset.logical_id,
                property=found.asset.property,
                path=found.asset.path,
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
    shop: Workshop, found: LocalReference, ancestors: tuple[PurePosixPath, ...]
) -> PackagedObject:
    if found.key not in shop.packaged:
        if found.asset.kind is AssetKind.TEMPLATE:
            packaged = package_template(shop, found.relative, ancestors)[0]
        elif found.asset.kind is AssetKind.FILE:
            packaged = _package_file(shop, found.path, found.where)
        else:
            packaged = _package_code(shop, found)
        shop.packaged[found.key] = packaged
    return shop.packaged[found.key]


def _package_file(shop: Workshop, path: Path, where: str) -> PackagedObject:
    at_most(path.stat().st_size, MAX_UNZIPPED_BYTES, "bytes of a file", where)
    suffix = path.suffix[1:].lower()
    return shop.add_bytes(path.read_bytes(), suffix if _SUFFIX.fullmatch(suffix) else "file")


def _package_code(shop: Workshop, found: LocalReference) -> PackagedObject:
    target, path, where = shop.scratch / "package.zip", found.path, found.where
    if path.is_file() and path.suffix in _ZIPS:
        require_safe_zip(path, where, _loads(found) if path.suffix == ".zip" else None)
        return shop.add_bytes(path.read_bytes(), "zip")
    if path.is_file():
        return shop.add(target, zip_files({path.name: path}, target, where, _loads(found)), "zip")
    copy = shop.copies.get(found.key)
    if copy and copy.workspace:
        bring_packages_home(copy, copy.workspace)
    root = finish_copy(copy, where, scripts=shop.service.install_scripts) if copy else path
    return shop.add(target, zip_folder(root, target, where, _loads(found)), "zip")


def _loads(found: LocalReference) -> LoadCheck:
    """Return what refuses a package whose files its machine cannot load."""

    def check(binaries: Mapping[str, Elf]) -> None:
        if binaries:
            require_loadable(binaries, require_machine(found.asset, found.where), found.where)

    return check
