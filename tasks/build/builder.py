"""From a service's source to packages and a manifest."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from tiercel.domain.artifact.limits import at_most, check_template
from tiercel.domain.artifact.manifest import (
    AssetReference,
    Manifest,
    PackagedObject,
    TemplateParameter,
    object_key,
)
from tiercel.domain.artifact.source_tree import SourceTree, source_paths
from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.base.errors import BuildFailedError, RefusedInputError, TiercelError
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Builds
from tiercel.tasks.build.archive import check_zip, zip_files, zip_folder
from tiercel.tasks.build.process import run_build
from tiercel.tasks.build.templates import dump_template, load_template
from tiercel.tasks.engine.task import run_logger, world_task
from tiercel.tasks.source.repository import Commit, export

_MAX_NESTING = 5
_ZIPS = (".zip", ".jar")
_SUFFIX = re.compile("[a-z]{1,20}")


@dataclass(frozen=True)
class Built:
    """A manifest and the files that hold its objects, by SHA-256."""

    manifest: Manifest
    files: dict[str, Path]


@dataclass
class _Workshop:
    """One service's build: where its sources lie and what has been packaged so far."""

    service: Service
    builds: Builds
    source: Path
    scratch: Path
    output: Path
    objects: dict[str, PackagedObject] = field(default_factory=dict)
    references: list[AssetReference] = field(default_factory=list)
    packaged: dict[Any, PackagedObject] = field(default_factory=dict)

    def path(self, relative: PurePosixPath) -> Path:
        return self.source / relative

    def add(self, path: Path, sha256: str, suffix: str) -> PackagedObject:
        entry = PackagedObject(
            key=object_key(sha256, suffix), sha256=sha256, size=path.stat().st_size
        )
        path.replace(self.output / sha256)
        self.objects[sha256] = entry
        return entry

    def add_bytes(self, body: bytes, suffix: str) -> PackagedObject:
        path = self.scratch / "object"
        path.write_bytes(body)
        return self.add(path, sha256_hex(body), suffix)


@contextmanager
def build_folder() -> Iterator[Path]:
    """Give a folder for one build that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tiercel-build-") as folder:
        yield Path(folder)


@world_task("build", "build {service.name}")
def build_service(
    commit: Commit, service: Service, tree: SourceTree, builds: Builds, folder: Path
) -> Built:
    """Export a service's source, build it and package what its template refers to.

    Raises BuildFailedError or RefusedInputError; nothing has been uploaded by then.
    """
    shop = _Workshop(service, builds, folder / "source", folder / "scratch", folder / "objects")
    for path in (shop.source, shop.scratch, shop.output):
        path.mkdir(parents=True)
    export(commit, source_paths(service), shop.source)
    with _named(service):
        if service.build:
            run_logger().info("%s: %s", service.name, " ".join(service.build))
            run_build(service.build, shop.path(PurePosixPath(service.path)), shop.scratch, builds)
        template_path = PurePosixPath(service.template_path)
        body, template = _package_template(shop, template_path, ())
    manifest = _manifest(shop, tree, body, template)
    return Built(manifest, {sha256: shop.output / sha256 for sha256 in shop.objects})


@contextmanager
def _named(service: Service) -> Iterator[None]:
    """Say whose build it was, where the failing step could not know."""
    try:
        yield
    except TiercelError as error:
        if error.where:
            raise
        raise error.but(where=f"service {service.name}, folder {service.path}") from error


def _manifest(
    shop: _Workshop, tree: SourceTree, template: PackagedObject, parsed: dict[str, Any]
) -> Manifest:
    parameters = parsed.get("Parameters") or {}
    return Manifest(
        service=shop.service.name,
        artifact_id=tree.artifact_id,
        source=tree,
        template=template,
        parameters=tuple(
            _parameter(str(name), declared or {}) for name, declared in parameters.items()
        ),
        objects=tuple(entry for _, entry in sorted(shop.objects.items())),
        assets=tuple(shop.references),
    )


def _parameter(name: str, declared: dict[str, Any]) -> TemplateParameter:
    """CloudFormation takes truth values as text too."""
    no_echo = str(declared.get("NoEcho", "")).lower() == "true"
    return TemplateParameter(name=name, required="Default" not in declared, no_echo=no_echo)


def _package_template(
    shop: _Workshop, path: PurePosixPath, ancestors: tuple[PurePosixPath, ...]
) -> tuple[PackagedObject, dict[str, Any]]:
    """Package a template's references first, then the template that names them."""
    if path in ancestors or len(ancestors) >= _MAX_NESTING:
        raise RefusedInputError(
            "template.nested_too_deeply",
            f"templates are nested in a circle or deeper than {_MAX_NESTING}",
            where=" -> ".join(str(p) for p in (*ancestors, path)),
            remedy="flatten the nested stacks",
        )
    file = shop.path(path)
    if _leads_outside(shop, file):
        raise _not_in_source(shop, shop.service.name, "template", str(path))
    template = load_template(file, str(path))
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
    check_template(rewritten, str(path))
    return shop.add_bytes(dump_template(rewritten, str(path)), "template"), rewritten


def _package_asset(
    shop: _Workshop, asset: Asset, template: PurePosixPath, ancestors: tuple[PurePosixPath, ...]
) -> PackagedObject:
    relative = _inside(asset, template)
    where = f"{relative} ({asset.logical_id} in {template})"
    path = shop.path(relative)
    exists = os.access(path, os.R_OK) and not (asset.kind is AssetKind.FILE and path.is_dir())
    if not exists or _leads_outside(shop, path):
        raise _not_in_source(shop, asset.logical_id, asset.property, where)
    key = (relative, asset.kind, asset.runtime, asset.architecture, asset.build_method)
    if key not in shop.packaged:
        if asset.kind is AssetKind.TEMPLATE:
            shop.packaged[key] = _package_template(shop, relative, ancestors)[0]
        elif asset.kind is AssetKind.FILE:
            shop.packaged[key] = _package_file(shop, path, where)
        else:
            shop.packaged[key] = _package_code(shop, asset, path, where)
    return shop.packaged[key]


def _package_file(shop: _Workshop, path: Path, where: str) -> PackagedObject:
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


def _package_code(shop: _Workshop, asset: Asset, path: Path, where: str) -> PackagedObject:
    target = shop.scratch / "package.zip"
    if path.is_file() and path.suffix in _ZIPS:
        check_zip(path, where)
        return shop.add_bytes(path.read_bytes(), "zip")
    if path.is_file():
        return shop.add(target, zip_files({path.name: path}, target, where), "zip")
    folder = path if shop.service.build else _with_dependencies(shop, asset, path, where)
    return shop.add(target, zip_folder(folder, target, where), "zip")


def _with_dependencies(shop: _Workshop, asset: Asset, path: Path, where: str) -> Path:
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


def _leads_outside(shop: _Workshop, path: Path) -> bool:
    """Tell whether symbolic links lead from the source to another place of this machine."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(shop.source))


def _not_in_source(shop: _Workshop, owner: str, key: str, where: str) -> TiercelError:
    kind = BuildFailedError if shop.service.build else RefusedInputError
    return kind(
        "template.path_not_in_source",
        f"{owner} refers to a path that is not in the service's source",
        where=where,
        why=f"the source of {shop.service.name} is {', '.join(source_paths(shop.service))}",
        state="nothing was uploaded",
        remedy=f"correct {key}, or add the path to services.{shop.service.name}.include",
    )
