"""The boundaries of roles that somebody, or a stack, makes or changes."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import iam
from ministack.services.cloudformation import provisioners

_KEY = "iam:PermissionsBoundary"
_ROLE = ":role/"


def tell_the_boundary_of_a_role() -> None:
    """iam:PermissionsBoundary is the boundary that a call sets, else that of the role it is about.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
    """
    original_tags, original_enforce = iam_actions.request_tag_context, iam_evaluator.enforce

    def tag_context(service: str, action: str, body: bytes, parameters: Mapping[str, Any]) -> Any:
        found = original_tags(service, action, body, parameters)
        boundary = parameters.get("PermissionsBoundary") if service == "iam" else None
        return found | {_KEY: boundary[0]} if boundary else found

    def enforce(
        access_key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        context = dict(service_context or {})
        if service == "iam" and action != "iam:PassRole" and _ROLE in resource_arn:
            boundary = _boundary_of(resource_arn)
            context = ({_KEY: boundary} if boundary else {}) | context
        return original_enforce(access_key, action, service, region, resource_arn, context)

    iam_actions.request_tag_context = tag_context
    iam_evaluator.enforce = enforce


def keep_the_boundary_of_template_roles() -> None:
    """A role that a stack makes is inside the boundary that its template names.

    The emulator drops it, so that the role may everything that its own policies allow.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    original_create, original_update = handlers["create"], handlers["update"]

    def create(logical_id: str, properties: Any, stack: str) -> Any:
        made = original_create(logical_id, properties, stack)
        return _bounded(made, properties)

    def update(identifier: str, old: Any, new: Any, *more: Any) -> Any:
        return _bounded(original_update(identifier, old, new, *more), new)

    handlers["create"], handlers["update"] = create, update


def _bounded(made: Any, properties: Mapping[str, Any]) -> Any:
    iam._roles[made[0]]["PermissionsBoundary"] = properties.get("PermissionsBoundary")
    return made


def _boundary_of(role_arn: str) -> str:
    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    role = iam._roles.get_scoped(account, None, name) or {}
    return str(role.get("PermissionsBoundary") or "")
