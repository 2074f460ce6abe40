"""Whom a template trusts: every principal that one of its policies or permissions lets in.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.template.assets import globals_for
from tiercel.domain.template.intrinsics import OWN, UNKNOWN_TEXT, TemplateScope, items_of
from tiercel.domain.template.local_files import walk

ANYBODY = "*"
"""The principal that is everybody."""

CANNED_ACLS = {
    "AuthenticatedRead": ANYBODY,
    "AwsExecRead": OWN,
    "BucketOwnerFullControl": OWN,
    "BucketOwnerRead": OWN,
    "LogDeliveryWrite": OWN,
    "Private": OWN,
    "PublicRead": ANYBODY,
    "PublicReadWrite": ANYBODY,
}
"""Whom S3's access control lists let in: everybody, or the owner and services of AWS.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
"""

_NO_TRUST = ("AWS::EC2::VPCEndpoint",)
"""Its policy narrows what passes, and lets nobody in who may not otherwise."""
# Policies that are the text of a document and no document.
_POLICY_TEXTS = ("Policy", "PolicyDocument", "PolicyText", "AccessPolicies", "DestinationPolicy")
_EXACT = ("StringEquals", "StringLike", "StringEqualsIgnoreCase", "ArnEquals", "ArnLike")
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
_NARROWING = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceowner",
        "kms:calleraccount",
    }
)
# Who signs in with these is no account, and every such trust has to name its own pool or client.
_WEB_IDENTITIES = (
    "accounts.google.com",
    "cognito-identity.amazonaws.com",
    "graph.facebook.com",
    "www.amazon.com",
)
_API = "AWS::Serverless::Api"
_SERVICES = (".amazonaws.com", ".amazonaws.com.cn", ".aws.internal")
_LISTED = {
    "AWS::RAM::ResourceShare": "Principals",
    "AWS::EC2::VPCEndpointServicePermissions": "AllowedPrincipals",
}
_GRANTED = {
    "AWS::Events::EventBusPolicy": "Condition",
    "AWS::Lambda::LayerVersionPermission": "OrganizationId",
    "AWS::Lambda::Permission": "PrincipalOrgID",
}
"""Permissions that are properties and no policy, and what narrows them to an organization."""


class Trusted(NamedTuple):
    """A principal as far as it is known, and the property that lets it in."""

    logical_id: str
    property: str
    principal: str


def trusted_principals(scope: TemplateScope) -> Iterator[Trusted]:
    """Yield whom the resources of a template let in, but for AWS's own services.

    A service that acts for a named account counts as that account. Conditions that everybody
    has to meet name who is meant by everybody. A list of S3 stands for whom it lets in.
    """
    for logical_id, kind, properties in _said(scope):
        if kind not in _NO_TRUST:
            for name, principal in _of_properties(kind, properties, scope):
                yield Trusted(logical_id, name, principal)


def _said(scope: TemplateScope) -> Iterator[tuple[str, str, TemplateDocument]]:
    """Yield each resource's type and properties, with those that it has from Globals."""
    for logical_id, resource in scope.all_resources():
        properties = resource.get("Properties") or {}
        if isinstance(properties, dict):
            shared = globals_for(resource, scope.template, scope.path)
            yield logical_id, str(resource.get("Type")), _merged(shared, properties)
    # SAM makes an API of its own for events that name none: it has all from Globals.
    implicit = globals_for({"Type": _API}, scope.template, scope.path)
    yield "Globals.Api", _API, implicit


def _merged(shared: Any, own: Any) -> Any:
    """Return what SAM makes of a value of Globals and a resource's own: functions replace."""
    if isinstance(shared, list) and isinstance(own, list):
        return shared + own
    if not isinstance(shared, dict) or not isinstance(own, dict):
        return own
    if _is_function(shared) or _is_function(own):
        return own
    both = {name: _merged(shared[name], own[name]) for name in shared.keys() & own.keys()}
    return {**shared, **own, **both}


def _is_function(value: TemplateDocument) -> bool:
    names = [str(name) for name in value]
    return len(names) == 1 and (names[0] in ("Ref", "Condition") or names[0].startswith("Fn::"))


def _of_properties(
    kind: str, properties: TemplateDocument, scope: TemplateScope
) -> Iterator[tuple[str, str]]:
    for name, value in properties.items():
        for principal in _principals(kind, name, properties, scope):
            yield str(name), principal
        for statement in _statements(kind, name, value):
            for principal in _of_statement(statement, scope):
                yield str(name), principal


def _principals(
    kind: str, name: str, properties: TemplateDocument, scope: TemplateScope
) -> Iterator[str]:
    """Yield whom a property lets in that is no policy."""
    value = properties[name]
    if _LISTED.get(kind) == name:
        yield from (one for one in items_of(value, scope) if not one.endswith(_SERVICES))
    elif kind in _GRANTED and name == "Principal":
        yield from _granted(kind, properties, scope)
    elif kind == "AWS::S3::Bucket" and name == "AccessControl":
        # One that a parameter names is known at the deploy.
        yield from (CANNED_ACLS.get(text, text) for text in items_of(value, scope))
    elif kind == _API and name == "Auth":
        for _, node in walk(value):
            yield from items_of(node.get("AwsAccountWhitelist") or [], scope)


def _granted(kind: str, properties: TemplateDocument, scope: TemplateScope) -> Iterator[str]:
    sources = [
        text
        for name in ("SourceAccount", "SourceArn")
        for text in items_of(properties.get(name, []), scope)
    ]
    narrowed = properties.get(_GRANTED[kind])
    if isinstance(narrowed, dict) and "Value" in narrowed:
        narrowed = narrowed["Value"]
    for principal in items_of(properties["Principal"], scope):
        if principal.endswith(_SERVICES):
            yield from (text for text in sources if _names_account(text))
        elif principal != ANYBODY:
            yield principal
        elif narrowed:
            yield from items_of(narrowed, scope)
        elif properties.get("FunctionUrlAuthType") != "NONE":  # a public address, as of an API
            yield from sources or [ANYBODY]


def _statements(kind: str, name: str, value: Any) -> Iterator[TemplateDocument]:
    """Yield every statement in a property that lets somebody in."""
    if kind in _GRANTED and name != "Statement":
        return
    for _, node in walk(_as_document(name, value)):
        if not {"Principal", "NotPrincipal"}.isdisjoint(node) and node.get("Effect") != "Deny":
            yield node
        for key, text in node.items():
            if key in _POLICY_TEXTS and not isinstance(text, dict | list):
                yield from _statements(kind, key, text)


def _as_document(name: str, value: Any) -> Any:
    """Return a policy that is written as text; one that cannot be read lets in who knows whom."""
    text = value.get("Fn::Sub") if isinstance(value, dict) else value
    text = text[0] if isinstance(text, list) and text else text
    if not str(name).endswith(_POLICY_TEXTS) or not isinstance(text, str):
        joined = isinstance(value, dict) and "Fn::Join" in value
        has_principal = joined and "Principal" in json.dumps(value)
        return {"Principal": UNKNOWN_TEXT} if has_principal else value
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {"Principal": UNKNOWN_TEXT} if "Principal" in text else value
    return _with_placeholders(found)


def _with_placeholders(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_placeholders(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_with_placeholders(one) for one in value]
    return {"Fn::Sub": value} if isinstance(value, str) and "${" in value else value


def _of_statement(statement: TemplateDocument, scope: TemplateScope) -> Iterator[str]:
    if "NotPrincipal" in statement:
        yield ANYBODY
    conditions = list(_named_in_conditions(statement.get("Condition"), scope))
    for kind, value in _kinds(statement.get("Principal")):
        for principal in items_of(value, scope):
            if kind == "Service" or principal.endswith(_SERVICES):
                yield from (text for text in conditions if _names_account(text))
            elif principal == ANYBODY:
                yield from conditions or [ANYBODY]
            elif principal not in _WEB_IDENTITIES:
                yield principal


def _kinds(principal: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(principal, dict):
        if isinstance(principal.get("Fn::If"), list):
            for one in principal["Fn::If"][1:]:
                yield from _kinds(one)
        elif any(key == "Ref" or key.startswith("Fn::") for key in principal):
            yield "AWS", principal
        else:
            yield from principal.items()
    elif principal is not None:
        yield "AWS", principal


def _named_in_conditions(condition: Any, scope: TemplateScope) -> Iterator[str]:
    """Yield what a condition names that nobody else can claim to be."""
    for operator, tests in condition.items() if isinstance(condition, dict) else ():
        if operator in _EXACT and isinstance(tests, dict):
            for key, value in tests.items():
                if str(key).lower() in _NARROWING:
                    yield from items_of(value, scope)


def _names_account(text: str) -> bool:
    named = arn_fields(text)[4:5] or [text]
    return any(part.isdecimal() or part.startswith("${") for part in named)


def arn_fields(text: str) -> list[str]:
    """Return the parts of an ARN; a colon inside of `${AWS::AccountId}` and the like parts none."""
    return re.split(r":(?![^{]*\})", text)
