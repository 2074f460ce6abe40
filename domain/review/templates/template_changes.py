"""How two versions of a template differ, as far as the text alone can tell."""

from __future__ import annotations

from typing import Any

from tiercel.domain.review.templates.changed_values import Templates, with_changed_marked
from tiercel.domain.stack.plan import Change
from tiercel.domain.template.assets import written_resources

_SAM_WITH_ROLE = ("AWS::Serverless::Function", "AWS::Serverless::StateMachine")
_SAM_APIS = ("AWS::Serverless::Api", "AWS::Serverless::HttpApi", "AWS::Serverless::GraphQLApi")
_CONNECTOR = "AWS::Serverless::Connector"
CONNECTORS = "Connectors"
GLOBALS = "Globals"
# From these SAM makes roles, their policies and permissions to invoke:
# https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html
_ROLE_PROPERTIES = {
    "AssumeRolePolicyDocument",
    "Auth",
    "DeadLetterQueue",
    "DurableConfig",
    "EventInvokeConfig",
    "Events",
    "FunctionUrlConfig",
    "PermissionsBoundary",
    "Policies",
    "Properties",
    "Role",
    "Tracing",
    "VpcConfig",
}
_ABSENT = object()


def all_changes(before: Templates, after: Templates) -> tuple[Change, ...]:
    """Return what changes in a service's template and in those nested in it, with its path."""
    marked = with_changed_marked(before, after)
    return tuple(
        change.model_copy(update={"nested_in": path})
        for path in sorted({*before, *after})
        for change in _changes(before.get(path), marked.get(path, {}))
    )


def template_changes(before: dict[str, Any] | None, after: dict[str, Any]) -> tuple[Change, ...]:
    """Return added, modified and removed resources; only CloudFormation knows replacements.

    A resource of another type under the same name is one removed and one added. One that refers to
    a parameter, a mapping or a condition that changed is modified. What SAM puts into every
    resource is told as a change of `Globals`.
    """
    return all_changes({} if before is None else {"": before}, {"": after})


def _changes(before: dict[str, Any] | None, after: dict[str, Any]) -> tuple[Change, ...]:
    old, new = written_resources(before or {}), written_resources(after)
    stays = {name for name in new if name in old and _type(old[name]) == _type(new[name])}
    changes = [_change("Add", name, new[name]) for name in new if name not in stays]
    changes += [
        _change("Modify", name, new[name], _changed(old[name], new[name]))
        for name in new
        if name in stays and old[name] != new[name]
    ]
    changes += [_change("Remove", name, old[name]) for name in old if name not in stays]
    return (*changes, *_globals(before or {}, after))


def changes_permissions(change: Change) -> bool:
    """Tell whether a change may give or take permissions, SAM's generated roles included."""
    if change.changes_permissions or change.resource_type == _CONNECTOR:
        return True
    if CONNECTORS in change.properties:
        return True
    if change.resource_type in _SAM_APIS:
        return "Auth" in change.properties
    if change.resource_type not in (*_SAM_WITH_ROLE, ""):
        return False
    parts = {name.rpartition(".")[2] for name in change.properties}
    return change.action != "Modify" or bool(_ROLE_PROPERTIES & parts)


def _type(resource: dict[str, Any]) -> str:
    return str(resource.get("Type", ""))


def _change(
    action: str, name: str, resource: dict[str, Any], properties: tuple[str, ...] = ()
) -> Change:
    if action != "Modify" and CONNECTORS in resource:
        properties = (CONNECTORS,)
    return Change(
        action=action, logical_id=name, resource_type=_type(resource), properties=properties
    )


def _changed(old: dict[str, Any], new: dict[str, Any]) -> tuple[str, ...]:
    """Return the properties and attributes, such as `DeletionPolicy`, that differ."""
    before, after = old.get("Properties") or {}, new.get("Properties") or {}
    attributes = _differing(old, new)
    if not isinstance(before, dict) or not isinstance(after, dict):
        return attributes
    return tuple(sorted({*attributes} - {"Properties"} | {*_differing(before, after)}))


def _differing(old: dict[str, Any], new: dict[str, Any]) -> tuple[str, ...]:
    names = {*old, *new}
    return tuple(
        sorted(str(name) for name in names if old.get(name, _ABSENT) != new.get(name, _ABSENT))
    )


def _globals(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Return what differs in the section, as `Function.Tracing`, if anything does."""
    old, new = before.get(GLOBALS) or {}, after.get(GLOBALS) or {}
    if old == new:
        return []
    if not isinstance(old, dict) or not isinstance(new, dict):
        names: tuple[str, ...] = ("Properties",)
    else:
        names = tuple(
            f"{kind}.{name}"
            for kind in _differing(old, new)
            for name in _differing(_mapping(old.get(kind)), _mapping(new.get(kind)))
        )
    return [Change(action="Modify", logical_id=GLOBALS, resource_type="", properties=names)]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
