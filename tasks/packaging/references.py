"""The local files that a service's templates refer to, found in the exported source."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.template.assets import Asset, AssetKind, find_assets
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
        return (self.relative, one.kind, one.runtime, one.architecture, one.build_method)


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
    return template, [_located(shop, one, path) for one in find_assets(template, str(path))]


def all_references(shop: Workshop) -> Iterator[LocalReference]:
    """Yield what the service's template and those nested in it refer to; raises as above."""
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
