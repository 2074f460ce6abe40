"""How two versions of a template differ, as far as the text alone can tell."""

from __future__ import annotations

from typing import Any

from domain.assets import resources
from domain.plan import Change

_SAM_WITH_ROLE = ("AWS::Serverless::Function", "AWS::Serverless::StateMachine")
_ROLE_PROPERTIES = {"Policies", "Role", "PermissionsBoundary", "AssumeRolePolicyDocument"}


def template_changes(before: dict[str, Any] | None, after: dict[str, Any]) -> tuple[Change, ...]:
    """Return added, modified and removed resources; only CloudFormation knows replacements."""
    old, new = dict(resources(before or {})), dict(resources(after))
    changes = [_change("Add", name, new[name]) for name in new if name not in old]
    changes += [
        _change("Modify", name, new[name], _changed_properties(old[name], new[name]))
        for name in new
        if name in old and old[name] != new[name]
    ]
    changes += [_change("Remove", name, old[name]) for name in old if name not in new]
    return tuple(changes)


def changes_permissions(change: Change) -> bool:
    """Tell whether a change may give or take permissions, SAM's generated roles included."""
    if change.changes_permissions:
        return True
    return change.resource_type in _SAM_WITH_ROLE and (
        change.action != "Modify" or bool(_ROLE_PROPERTIES.intersection(change.properties))
    )


def _change(
    action: str, name: str, resource: dict[str, Any], properties: tuple[str, ...] = ()
) -> Change:
    return Change(
        action=action,
        logical_id=name,
        resource_type=str(resource.get("Type", "")),
        properties=properties,
    )


def _changed_properties(old: dict[str, Any], new: dict[str, Any]) -> tuple[str, ...]:
    before, after = old.get("Properties") or {}, new.get("Properties") or {}
    if not isinstance(before, dict) or not isinstance(after, dict):
        return ()
    return tuple(sorted(str(key) for key in {*before, *after} if before.get(key) != after.get(key)))
