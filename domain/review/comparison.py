"""How what a commit's tiercel.toml says of its services differs from what its base said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tiercel.domain.artifact.source_tree import SourceTree
from tiercel.domain.base.values import Frozen
from tiercel.domain.organization.services import Service

_WHOLE = {"seed.payload", "seed.expect", "smoke_test.payload", "smoke_test.expect"}
"""Keys whose tables are values, and no keys of ours."""


class SettingChange(Frozen):
    """A key whose value differs; a value is JSON, and empty where the key is not given.

    Without a service it stands in a table that no commit decides.
    """

    service: str
    key: str
    before: str
    after: str


class Rename(Frozen):
    """A service that has another name, and so another stack."""

    before: str
    after: str


@dataclass(frozen=True)
class Described:
    """What one commit says: its services, their source trees, and all other tables of its file."""

    services: Mapping[str, Service]
    trees: Mapping[str, SourceTree]
    beside: dict[str, Any]


class Comparison(Frozen):
    """What a merge would change beside sources and templates; `gone` has renamed ones as well."""

    settings: tuple[SettingChange, ...] = ()
    beside: tuple[SettingChange, ...] = ()
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    renamed: tuple[Rename, ...] = ()


def compared(before: Described, after: Described) -> Comparison:
    """Compare two commits; a service counts as renamed if its folder or its source is the same."""
    stay = [name for name in after.services if name in before.services]
    new = tuple(name for name in after.services if name not in before.services)
    gone = tuple(name for name in before.services if name not in after.services)
    return Comparison(
        settings=tuple(
            change
            for name in stay
            for change in setting_changes(before.services[name], after.services[name])
        ),
        beside=_changes("", _leaves("", before.beside), _leaves("", after.beside)),
        new=new,
        gone=gone,
        renamed=tuple(_renamed(before, after, gone, new)),
    )


def setting_changes(before: Service, after: Service) -> tuple[SettingChange, ...]:
    """Return every key of a service that differs; a default that is written down is the same."""
    return _changes(after.name, _settings(before), _settings(after))


def is_same(before: Described, after: Described, service: str) -> bool:
    """Tell whether nothing of a service changes: neither what it is built from nor what it says."""
    if service not in before.services or service not in after.services:
        return False
    trees = before.trees[service], after.trees[service]
    return trees[0].artifact_id == trees[1].artifact_id and not setting_changes(
        before.services[service], after.services[service]
    )


def _renamed(
    before: Described, after: Described, gone: Iterable[str], new: Iterable[str]
) -> Iterable[Rename]:
    left = list(new)
    for old in gone:
        found = next((name for name in left if _alike(before, old, after, name)), None)
        if found:
            left.remove(found)
            yield Rename(before=old, after=found)


def _alike(before: Described, old: str, after: Described, new: str) -> bool:
    one, other = before.services[old], after.services[new]
    if (one.path, one.template) == (other.path, other.template):
        return True
    objects = before.trees[old].objects, after.trees[new].objects
    return sorted(objects[0].values()) == sorted(objects[1].values())


def _settings(service: Service) -> dict[str, str]:
    return _leaves("", service.model_dump(mode="json", exclude_defaults=True, exclude={"name"}))


def _leaves(key: str, value: Any) -> dict[str, str]:
    """Return every value below a key, by its dotted name."""
    if not isinstance(value, dict) or key in _WHOLE:
        return {key: json.dumps(value, default=str, ensure_ascii=False)}
    return {
        name: text
        for part, inner in value.items()
        for name, text in _leaves(f"{key}.{part}" if key else part, inner).items()
    }


def _changes(
    service: str, before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[SettingChange, ...]:
    return tuple(
        SettingChange(
            service=service, key=key, before=before.get(key, ""), after=after.get(key, "")
        )
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    )
