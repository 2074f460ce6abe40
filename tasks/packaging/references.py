"""The local files that a service's templates refer to, found in its source."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.packaging.lambda_builders import MAKE, OWN_BUILDS
from tiercel.domain.template.assets import Asset, find_assets
from tiercel.domain.template.local_files import repository_path
from tiercel.domain.template.locations import AssetKind
from tiercel.domain.template.stack_names import left_to_cloudformation
from tiercel.domain.template.values import (
    given_values,
    merge_values,
    passed_values,
    value_scope,
)
from tiercel.tasks.packaging.workshop import MissingPath, Workshop
from tiercel.tasks.source.files import FileKind
from tiercel.tasks.source.named_paths import MAX_NESTING
from tiercel.tasks.source.templates import complete_template

_FILES = (AssetKind.FILE, AssetKind.TEMPLATE)


@dataclass(frozen=True)
class LocalReference:
    """A property of a template that names a file or folder of the repository.

    `path` is where it lies on this machine once the source is checked out.
    """

    asset: Asset
    relative: PurePosixPath
    path: Path
    where: str
    is_folder: bool
    is_built_alone: bool
    """Whether a builder is told more than the folder and the machine."""

    @property
    def key(self) -> tuple[Any, ...]:
        """What is packaged once, however often it is referred to."""
        one = self.asset
        machine = (one.runtimes, one.architectures, one.unknown)
        own = one.logical_id if self.is_built_alone else ""
        return (self.relative, one.kind, machine, one.build_method, own)


def read_references(
    shop: Workshop, path: PurePosixPath, ancestors: tuple[PurePosixPath, ...]
) -> tuple[dict[str, Any], list[LocalReference]]:
    """Return a template and what it refers to; `ancestors` are the templates that it is in.

    Raises RefusedInputError for what may not be packaged, BuildFailedError for what a build
    should have made.
    """
    if path in ancestors or len(ancestors) >= MAX_NESTING:
        raise RefusedInputError(
            "template.nested_too_deeply",
            f"templates are nested in a circle or deeper than {MAX_NESTING}",
            where=" -> ".join(str(p) for p in (*ancestors, path)),
            remedy="flatten the nested stacks",
        )
    if path not in shop.templates:
        complete = complete_template(shop.files.read_template, path)
        is_left = shop.service.role_names == "stack"
        shop.templates[path] = left_to_cloudformation(complete) if is_left else complete
    template = shop.templates[path]
    given = shop.values.get(path, {}) if ancestors else given_values(shop.service)
    found = [_located(shop, one, path) for one in find_assets(template, str(path), given)]
    missing = [one for one in found if isinstance(one, MissingPath)]
    if missing:
        raise shop.not_in_source(missing)
    return template, [one for one in found if isinstance(one, LocalReference)]


def learn_values(shop: Workshop) -> None:
    """Find out what the parameters of nested templates are given, by all that nest them."""
    root = PurePosixPath(shop.service.template_path)
    waiting: list[tuple[PurePosixPath, tuple[PurePosixPath, ...]]] = [(root, ())]
    while waiting:
        path, ancestors = waiting.pop(0)
        template, references = read_references(shop, path, ancestors)
        given = shop.values.get(path, {}) if ancestors else given_values(shop.service)
        scope = value_scope(template, given)
        for found in references:
            if found.asset.kind is not AssetKind.TEMPLATE:
                continue
            known = shop.values.get(found.relative)
            passed = passed_values(template["Resources"][found.asset.logical_id], scope)
            merged = merge_values(known, passed)
            if merged != known:
                shop.values[found.relative] = merged
                waiting.append((found.relative, (*ancestors, path)))


def all_references(shop: Workshop) -> Iterator[LocalReference]:
    """Yield what the service's template and those nested in it refer to; raises as above."""
    learn_values(shop)
    seen = set()
    waiting: list[tuple[PurePosixPath, tuple[PurePosixPath, ...]]] = [
        (PurePosixPath(shop.service.template_path), ())
    ]
    while waiting:
        path, ancestors = waiting.pop()
        for found in read_references(shop, path, ancestors)[1]:
            if found.key not in seen:
                seen.add(found.key)
                yield found
                if found.asset.kind is AssetKind.TEMPLATE:
                    waiting.append((found.relative, (*ancestors, path)))


def _located(shop: Workshop, asset: Asset, template: PurePosixPath) -> LocalReference | MissingPath:
    named = f"{asset.logical_id}.{asset.property}"
    relative = repository_path(template, asset.path, named)
    where = f"{relative} ({asset.logical_id} in {template})"
    kind = shop.files.kind_of(relative)
    if kind is None or (kind is FileKind.FOLDER and asset.kind in _FILES):
        return MissingPath(named, where)
    is_folder = kind is FileKind.FOLDER
    alone = _is_built_alone(asset, shop.files.names_in(relative) if is_folder else ())
    return LocalReference(asset, relative, shop.path(relative), where, is_folder, alone)


def _is_built_alone(asset: Asset, names: Collection[str]) -> bool:
    if asset.build_method:
        return asset.build_method in OWN_BUILDS
    return asset.runtime.startswith("provided") and MAKE.manifest in names
