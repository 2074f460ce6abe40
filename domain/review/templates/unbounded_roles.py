"""Roles that would come out of a template without the environment's boundary.

Some are made by SAM, which has no property for their boundary; others name a boundary that is
not the environment's. The service role could create none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.review.templates.template_faults import FaultAt, FaultKind, TemplateFault
from tiercel.domain.template.boundary import NO_VALUE
from tiercel.domain.template.intrinsics import TemplateScope, texts_of

# What names the role that SAM would make otherwise.
_ROLE_PROPERTIES = {
    "AWS::Serverless::CapacityProvider": "OperatorRole",
    "AWS::Serverless::MicrovmImage": "BuildRoleArn",
    "AWS::Serverless::NetworkConnector": "OperatorRole",
    "AWS::Serverless::WebFunction": "ExecutionRoleArn",
}
_GRAPHQL = "AWS::Serverless::GraphQLApi"
_WITH_BOUNDARY = ("AWS::IAM::Role", "AWS::IAM::User", "AWS::Serverless::Function")
_PLACEHOLDER = "${"


class UnboundedRole(NamedTuple):
    """A role without the boundary, by the resource that it comes from, and what to write."""

    logical_id: str
    remedy: str


def roles_without_boundary(
    scopes: Iterable[TemplateScope], boundary: str
) -> Iterator[TemplateFault]:
    """Yield the fault of roles that would not have the boundary of that name, if any would not."""
    findings = [
        FaultAt(template=scope.path, path=("Resources", one.logical_id), text=one.remedy)
        for scope in scopes
        for one in unbounded_roles(scope, boundary)
    ]
    if findings:
        yield TemplateFault(
            kind=FaultKind.ROLE,
            remedy="write what is shown; the service role can make no role without it",
            findings=tuple(dict.fromkeys(findings)),
        )


def unbounded_roles(scope: TemplateScope, boundary: str) -> Iterator[UnboundedRole]:
    """Yield the roles of a template that would not have the boundary of that name."""
    for logical_id, resource in scope.all_resources():
        properties = resource.get("Properties")
        properties = properties if isinstance(properties, dict) else {}
        for place in _without_role(str(resource.get("Type")), properties):
            yield UnboundedRole(logical_id, f"give {place}, a role of this template")
        own = properties.get("PermissionsBoundary")
        if resource.get("Type") in _WITH_BOUNDARY and own is not None:
            named = [text for text in texts_of(own, scope) if _is_foreign(text, boundary)]
            if named:
                yield UnboundedRole(
                    logical_id, f"remove PermissionsBoundary {named[0]}: {boundary} is set anyway"
                )


def _is_foreign(text: str, boundary: str) -> bool:
    """Tell whether a text names another policy; one that is not known yet is none."""
    name = text.rpartition("/")[2]
    return bool(name) and _PLACEHOLDER not in name and name != boundary


def _without_role(kind: str, properties: TemplateDocument) -> Iterator[str]:
    """Yield the properties by which SAM would not make a role."""
    if kind in _ROLE_PROPERTIES:
        if not _is_given(properties.get(_ROLE_PROPERTIES[kind])):
            yield _ROLE_PROPERTIES[kind]
    elif kind == _GRAPHQL:
        if "Fn::If" in _mapping(properties.get("Logging")):
            yield "Logging.CloudWatchLogsRoleArn"
        for store in ("DynamoDb", "Lambda"):
            found = _mapping(_mapping(properties.get("DataSources")).get(store))
            for name, source in found.items():
                if not _is_given(_mapping(source).get("ServiceRoleArn")):
                    yield f"DataSources.{store}.{name}.ServiceRoleArn"


def _is_given(value: Any) -> bool:
    """Tell whether there is a value on both sides of a condition."""
    if isinstance(value, dict) and isinstance(value.get("Fn::If"), list):
        return all(_is_given(side) for side in value["Fn::If"][1:])
    return value is not None and value != NO_VALUE


def _mapping(value: Any) -> TemplateDocument:
    return value if isinstance(value, dict) else {}
