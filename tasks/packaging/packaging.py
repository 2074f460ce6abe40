"""Packages what templates refer to, and the templates, which name the packages then."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from tiercel.domain.artifact.archives import MAX_UNZIPPED_BYTES, require_fit_together
from tiercel.domain.artifact.handlers import require_handler
from tiercel.domain.artifact.manifest import AssetReference, PackagedObject
from tiercel.domain.base.limits import at_most, require_template_limits
from tiercel.domain.packaging.binaries import require_loadable
from tiercel.domain.packaging.elf import Elf
from tiercel.domain.packaging.machines import require_machine
from tiercel.domain.template.boundary import bounded, declare_boundary
from tiercel.domain.template.expansion.sections import without_nothing
from tiercel.domain.template.locations import AssetKind
from tiercel.domain.template.rewriting import declare_asset_bucket, rewrite
from tiercel.tasks.packaging.archive import LoadCheck, zip_files, zip_folder
from tiercel.tasks.packaging.committed import zip_committed_folder
from tiercel.tasks.packaging.copies import finish_copy
from tiercel.tasks.packaging.foreign_zips import files_in_zip, require_safe_zip, unzipped_bytes
from tiercel.tasks.packaging.references import LocalReference, read_references
from tiercel.tasks.packaging.workshop import Workshop
from tiercel.tasks.packaging.workspaces import bring_packages_home
from tiercel.tasks.source.committed import CommittedFiles
from tiercel.tasks.source.templates import dump_template

_ZIPS = (".zip", ".jar", ".war")
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
    packages: dict[str, PackagedObject] = {}
    for found in references:
        entry = _package_asset(shop, found, (*ancestors, path))
        keys[found.asset.logical_id, found.asset.property] = entry.key
        packages[found.asset.logical_id] = entry
        shop.references.append(
            AssetReference(
                template=str(path),
                logical_id=found.asset.logical_id,
                property=found.asset.property,
                path=found.asset.path,
                sha256=entry.sha256,
            )
        )
    for found in references:
        _require_fit(shop, found, packages)
        _require_handler(shop, found, packages)
    rewritten = without_nothing(bounded(rewrite(template, keys)))
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
            packaged = _package_file(shop, found)
        else:
            packaged = _package_code(shop, found)
        shop.packaged[found.key] = packaged
    return shop.packaged[found.key]


def _package_file(shop: Workshop, found: LocalReference) -> PackagedObject:
    at_most(shop.files.size_of(found.relative), MAX_UNZIPPED_BYTES, "bytes of a file", found.where)
    suffix = found.relative.suffix[1:].lower()
    body = shop.files.read(found.relative)
    return shop.add_bytes(body, suffix if _SUFFIX.fullmatch(suffix) else "file")


def _require_fit(
    shop: Workshop, found: LocalReference, packages: Mapping[str, PackagedObject]
) -> None:
    """AWS counts a function and its layers together; each alone has been found small enough."""
    function = found.asset
    layers = [name for name in function.layers if name in packages]
    if layers:
        together = (function.logical_id, *layers)
        sizes = {name: _unzipped(shop, packages[name]) for name in together}
        require_fit_together(sizes, MAX_UNZIPPED_BYTES, found.where)


def _unzipped(shop: Workshop, package: PackagedObject) -> int:
    if package.sha256 not in shop.unzipped:
        shop.unzipped[package.sha256] = unzipped_bytes(shop.output / package.sha256)
    return shop.unzipped[package.sha256]


def _require_handler(
    shop: Workshop, found: LocalReference, packages: Mapping[str, PackagedObject]
) -> None:
    """Layers from elsewhere may have the handler: nobody knows here what they hold."""
    function = found.asset
    unknown = function.has_other_layers or not set(function.layers) <= packages.keys()
    if function.handler and not unknown:
        layers = [packages[name] for name in function.layers]
        require_handler(
            function.runtime,
            function.handler,
            _files_in(shop, packages[function.logical_id]),
            [file for layer in layers for file in _files_in(shop, layer)],
            owner=function.logical_id,
            where=found.where,
        )


def _files_in(shop: Workshop, package: PackagedObject) -> frozenset[str]:
    if package.sha256 not in shop.contents:
        shop.contents[package.sha256] = files_in_zip(shop.output / package.sha256)
    return shop.contents[package.sha256]


def _package_code(shop: Workshop, found: LocalReference) -> PackagedObject:
    target, relative, where = shop.scratch / "package.zip", found.relative, found.where
    check = _loads(found)
    if not found.is_folder and relative.suffix in _ZIPS:
        package = shop.local_file(relative)
        require_safe_zip(package, where, check if relative.suffix == ".zip" else None)
        return shop.add_bytes(package.read_bytes(), "zip")
    if not found.is_folder:
        package = shop.local_file(relative)
        return shop.add(target, zip_files({relative.name: package}, target, where, check), "zip")
    copy = shop.copies.get(found.key)
    files = shop.files
    if copy:
        if copy.workspace:
            bring_packages_home(copy, copy.workspace)
        root = finish_copy(copy, where, scripts=shop.service.install_scripts)
        digest = zip_folder(root, target, where, check)
    elif isinstance(files, CommittedFiles):
        digest = zip_committed_folder(files, relative, target, where, check)
    else:
        digest = zip_folder(found.path, target, where, check)
    return shop.add(target, digest, "zip")


def _loads(found: LocalReference) -> LoadCheck:
    """Return what refuses a package whose files its machine cannot load."""

    def check(binaries: Mapping[str, Elf]) -> None:
        if binaries:
            require_loadable(binaries, require_machine(found.asset, found.where), found.where)

    return check
