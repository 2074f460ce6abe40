"""Who calls, and which role a call passes on: condition keys that the emulator lacks."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import iam

_SERVICE = "cloudformation"
_ROLE_KEY = "cloudformation:RoleArn"


def name_roles_not_sessions() -> None:
    """aws:PrincipalArn of a role session is the ARN of the role.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    original = iam_evaluator._resolve_condition_key

    def resolve(key: str, context: iam_evaluator.EvalContext) -> Any:
        if key.lower() == "aws:principalarn" and context.principal_type == "AssumedRole":
            return _role_of_session(context.principal_arn)
        return original(key, context)

    iam_evaluator._resolve_condition_key = resolve


def _role_of_session(session_arn: str) -> str:
    """Return the ARN of a session's role, with the role's path, which the session's lacks."""
    _, partition, _, _, account, resource = session_arn.split(":", 5)
    name = resource.split("/")[1]
    role = iam._roles.get_scoped(account, None, name)
    return role["Arn"] if role else f"arn:{partition}:iam::{account}:role/{name}"


def judge_the_caller_not_its_account() -> None:
    """A bucket policy is evaluated for who calls, also across accounts.

    The emulator asks it about the root of the caller's account, so no condition on the
    caller can hold.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
    """
    original = iam_evaluator.evaluate_resource_policy

    def evaluate(
        document: Any, context: iam_evaluator.EvalContext, *more: Any, **named: Any
    ) -> iam_evaluator.EvalResult:
        caller = iam_evaluator.caller_arn()
        kind = "AssumedRole" if ":assumed-role/" in caller else "User"
        is_own_root = context.principal_arn == f"arn:aws:iam::{caller.split(':')[4]}:root"
        if context.principal_type == "Root" and is_own_root and caller != context.principal_arn:
            context = replace(context, principal_arn=caller, principal_type=kind)
        return original(document, context, *more, **named)

    iam_evaluator.evaluate_resource_policy = evaluate


def tell_the_service_role() -> None:
    """cloudformation:RoleArn is the service role that a request names.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
    """
    original = iam_actions.request_tag_context

    def context(service: str, action: str, body: bytes, parameters: dict[str, Any]) -> Any:
        role = parameters.get("RoleARN") if service == _SERVICE else None
        found = original(service, action, body, parameters)
        return found | {_ROLE_KEY: role[0]} if role else found

    iam_actions.request_tag_context = context


def demand_pass_role() -> None:
    """Naming a service role for a stack needs iam:PassRole on it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
    """
    original = iam_evaluator.enforce

    def enforce(
        access_key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        denied = original(access_key, action, service, region, resource_arn, service_context)
        role = (service_context or {}).get(_ROLE_KEY)
        if denied or not role:
            return denied
        passed_to = {"iam:PassedToService": "cloudformation.amazonaws.com"}
        return original(access_key, "iam:PassRole", "iam", region, role, passed_to)

    iam_evaluator.enforce = enforce
