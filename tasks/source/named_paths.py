"""What templates name outside of their services' folders: it belongs to the services' source."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath

from tiercel.domain.artifact.source_tree import source_paths
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.limits import MAX_TEMPLATE_FILE_BYTES
from tiercel.domain.organization.services import Service
from tiercel.domain.template.assets import find_assets
from tiercel.domain.template.local_files import repository_path
from tiercel.domain.template.locations import AssetKind
from tiercel.tasks.source.repository import Commit, look_up, read_files
from tiercel.tasks.source.templates import complete_template

MAX_NESTING = 5
_MOST_TEMPLATES = 1_000
"""Of all services together; more are looked at when they are packaged."""

_WAYS_OUT = (b"..", b"TemplateURL", b"Location")
"""Without one of these words a template leads nowhere out of its folder, and is not parsed."""

Named = dict[PurePosixPath, bool]
"""Paths of the repository, and whether each is that of a nested template."""


def with_named_paths(commit: Commit, services: Mapping[str, Service]) -> dict[str, Service]:
    """Return the services, each with what its templates name outside of its folder included.

    A template that cannot be read names nothing here: what is wrong with it is said when it is
    packaged, for its service alone. Nor is there what the commit does not have: a build makes it.
    """
    apart = {name: one for name, one in services.items() if one.path != "."}
    named = _named_by(commit, [PurePosixPath(one.template_path) for one in apart.values()])
    outside = {name: _outside(one, named) for name, one in apart.items()}
    asked = {str(path) for paths in outside.values() for path in paths}
    there = look_up(commit, asked) if asked else {}
    return {
        name: _including(one, [str(path) for path in outside.get(name, ())], there)
        for name, one in services.items()
    }


def _including(service: Service, paths: Iterable[str], there: Collection[str]) -> Service:
    more = sorted({path for path in paths if path in there})
    return service.model_copy(update={"include": (*service.include, *more)}) if more else service


def _outside(service: Service, named: Mapping[PurePosixPath, Named]) -> list[PurePosixPath]:
    """Return what a service's template, and those nested in it, name outside of its source."""
    known = [PurePosixPath(path) for path in source_paths(service)]
    seen: set[PurePosixPath] = set()
    waiting = {PurePosixPath(service.template_path)}
    while waiting:
        found = {path for one in waiting for path in named.get(one, {})}
        waiting = found - seen
        seen |= found
    return [one for one in seen if not any(one.is_relative_to(path) for path in known)]


def _named_by(commit: Commit, starts: Iterable[PurePosixPath]) -> dict[PurePosixPath, Named]:
    """Return what each template names; templates are read together, level by level."""
    found: dict[PurePosixPath, Named] = {}
    waiting = set(starts)
    for _ in range(MAX_NESTING):
        waiting = set(sorted(waiting - found.keys())[: _MOST_TEMPLATES - len(found)])
        if not waiting:
            break
        bodies = read_files(commit, waiting, MAX_TEMPLATE_FILE_BYTES)
        found |= {path: _named_files(commit, path, bodies) for path in waiting}
        waiting = {path for one in waiting for path, nested in found[one].items() if nested}
    return found


def _named_files(
    commit: Commit, path: PurePosixPath, bodies: Mapping[PurePosixPath, bytes]
) -> Named:
    """Return what a template names; `bodies` are those that were read before."""
    asked: Named = {}
    if not any(word in bodies.get(path, b"") for word in _WAYS_OUT):
        return asked

    def read(file: PurePosixPath) -> bytes | None:
        asked[file] = False
        return bodies.get(file) or read_files(commit, [file], MAX_TEMPLATE_FILE_BYTES).get(file)

    try:
        assets = find_assets(complete_template(read, path), str(path))
        return asked | {
            repository_path(path, one.path, one.logical_id): one.kind is AssetKind.TEMPLATE
            for one in assets
        }
    except RefusedInputError:
        return asked
