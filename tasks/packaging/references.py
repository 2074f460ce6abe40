"""The local files that a service's templates refer to, found in its source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.template.assets import Asset, find_assets
from tiercel.domain.template.local_files import repository_path
from tiercel.domain.template.locations import AssetKind
from tiercel.tasks.packaging.workshop import Workshop
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
    if path in ancestors or len(ancestors) >= MAX_NESTING:
        raise RefusedInputError(
            "template.nested_too_deeply",
            f"templates are nested in a circle or deeper than {MAX_NESTING}",
            where=" -> ".join(str(p) for p in (*ancestors, path)),
            remedy="flatten the nested stacks",
        )
    if path not in shop.templates:
        shop.templates[path] = complete_template(shop.files.read_template, path)
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
    named = f"{asset.logical_id}.{asset.property}"
    relative = repository_path(template, asset.path, named)
    where = f"{relative} ({asset.logical_id} in {template})"
    kind = shop.files.kind_of(relative)
    if kind is None or (kind is FileKind.FOLDER and asset.kind in _FILES):
        raise shop.not_in_source(asset.logical_id, asset.property, where)
    is_folder = kind is FileKind.FOLDER
    return LocalReference(asset, relative, shop.path(relative), where, is_folder)
