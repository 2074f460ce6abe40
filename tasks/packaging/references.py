"""The local files that a service's templates refer to, found in the exported source."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.packaging.lambda_builders import MAKE, OWN_BUILDS
from tiercel.domain.template.assets import Asset, AssetKind, find_assets
from tiercel.domain.template.values import (
    given_values,
    merge_values,
    passed_values,
    value_scope,
)
from tiercel.tasks.packaging.workshop import Workshop
from tiercel.tasks.source.templates import load_template

_MAX_NESTING = 5


@dataclass(frozen=True)
class LocalReference:
    """A property of a template that names a file or folder of the repository."""

    asset: Asset
    relative: PurePosixPath
    path: Path
    where: str

    @property
    def key(self) -> tuple[Any, ...]:
        """What is packaged once, however often it is referred to."""
        one = self.asset
        machine = (one.runtimes, one.architectures, one.unknown)
        own = one.logical_id if self._is_built_alone else ""
        return (self.relative, one.kind, machine, one.build_method, own)

    @property
    def _is_built_alone(self) -> bool:
        """Whether a builder is told more than the folder and the machine."""
        one = self.asset
        if one.build_method:
            return one.build_method in OWN_BUILDS
        return one.runtime.startswith("provided") and (self.path / MAKE.manifest).is_file()


def read_references(
    shop: Workshop, path: PurePosixPath, ancestors: tuple[PurePosixPath, ...]
) -> tuple[dict[str, Any], list[LocalReference]]:
    """Return a template and what it refers to; `ancestors` are the templates that it is in.

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
    if path not in shop.templates:
        file = shop.path(path)
        if shop.leads_outside(file):
            raise shop.not_in_source(shop.service.name, "template", str(path))
        shop.templates[path] = load_template(file, str(path))
    template = shop.templates[path]
    given = shop.values.get(path, {}) if ancestors else given_values(shop.service)
    return template, [_located(shop, one, path) for one in find_assets(template, str(path), given)]


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


def _located(shop: Workshop, asset: Asset, template: PurePosixPath) -> LocalReference:
    relative = _inside(asset, template)
    where = f"{relative} ({asset.logical_id} in {template})"
    path = shop.path(relative)
    exists = os.access(path, os.R_OK) and not (asset.kind is AssetKind.FILE and path.is_dir())
    if not exists or shop.leads_outside(path):
        raise shop.not_in_source(asset.logical_id, asset.property, where)
    return LocalReference(asset, relative, path, where)


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
