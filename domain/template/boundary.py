"""The permissions boundary that every role of a template carries.

The `cloudformation` service role may create roles only with the environment's boundary,
so that a template cannot give more than Tiercel itself may. Templates do not have to know:
the boundary is added when they are packaged, by a parameter that each environment fills.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tiercel.domain.base.values import TemplateDocument

BOUNDARY_PARAMETER = "TiercelPermissionsBoundary"
"""The template parameter that names the managed policy."""

_PRINCIPALS = ("AWS::IAM::Role", "AWS::IAM::User")
# SAM makes a role for these unless they name one:
# https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html
_WITH_GENERATED_ROLE = ("AWS::Serverless::Function", "AWS::Serverless::StateMachine")


def bounded(template: TemplateDocument) -> TemplateDocument:
    """Return the template with the boundary on every role that has none of its own."""
    found = template.get("Resources") or {}
    changed = {
        name: _with_boundary(resource)
        for name, resource in found.items()
        if isinstance(resource, dict) and _needs_boundary(resource, template)
    }
    if not changed:
        return template
    return declare_boundary(template | {"Resources": found | changed})


def declare_boundary(template: TemplateDocument) -> TemplateDocument:
    """Return the template with the parameter that names the boundary."""
    parameters = dict(template.get("Parameters") or {})
    parameters[BOUNDARY_PARAMETER] = {
        "Type": "String",
        "Description": "The managed policy that bounds every role of this stack",
    }
    return template | {"Parameters": parameters}


def _needs_boundary(resource: TemplateDocument, template: TemplateDocument) -> bool:
    kind, properties = resource.get("Type"), resource.get("Properties") or {}
    if not isinstance(properties, dict) or "PermissionsBoundary" in properties:
        return False
    if kind in _PRINCIPALS:
        return True
    return kind in _WITH_GENERATED_ROLE and not _given(
        ("Role", "PermissionsBoundary"), properties, _globals(kind, template)
    )


def _globals(kind: Any, template: TemplateDocument) -> TemplateDocument:
    section = "Function" if kind == "AWS::Serverless::Function" else "StateMachine"
    sections = template.get("Globals")
    found = sections.get(section) if isinstance(sections, dict) else None
    return found if isinstance(found, dict) else {}


def _given(names: Iterable[str], *places: TemplateDocument) -> bool:
    return any(name in place for name in names for place in places)


def _with_boundary(resource: TemplateDocument) -> TemplateDocument:
    properties = dict(resource.get("Properties") or {})
    properties["PermissionsBoundary"] = {"Ref": BOUNDARY_PARAMETER}
    return resource | {"Properties": properties}
