"""What the emulator's evaluator does not understand is refused."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import json
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator, responses, router

_nameless: ContextVar[bool] = ContextVar("nameless", default=False)


def refuse_requests_that_name_no_action() -> None:
    """A request whose action the emulator cannot name is refused to all but an account's root.

    The emulator looks at its signature alone, and takes an unsigned one for the root's. AWS
    denies by default.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
    """
    original_action, original_check = iam_actions.extract_iam_action, app._authenticate_only

    def extract_iam_action(*request: Any) -> str | None:
        action: str | None = original_action(*request)
        _nameless.set(action is None)
        return action

    def check(service: str, headers: Any, query: Any, request_id: str) -> Any:
        failure = original_check(service, headers, query, request_id)
        # Some calls of S3's control plane are checked once more when their action is known.
        if failure or (service == "s3" and not _nameless.get()):
            return failure
        return _refusal(service, headers, query, request_id)

    iam_actions.extract_iam_action = extract_iam_action
    app._authenticate_only = check


def let_unknown_operators_deny() -> None:
    """A Deny whose condition has an operator that is not understood denies.

    The emulator takes such a condition for one that does not hold. AWS takes no such policy.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    original = iam_evaluator._first_match

    def first_match(
        context: iam_evaluator.EvalContext,
        statements: list[iam_evaluator.ParsedStatement],
        effect: str,
    ) -> iam_evaluator.ParsedStatement | None:
        if effect == "Deny":
            statements = [_without_unknown_operators(one) for one in statements]
        found: iam_evaluator.ParsedStatement | None = original(context, statements, effect)
        return found

    iam_evaluator._first_match = first_match


def deny_all_but_those_named() -> None:
    """A Deny with NotPrincipal in a resource's policy denies whoever it does not name.

    The emulator leaves such statements out.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
    """
    original = iam_evaluator.evaluate_resource_policy

    def evaluate(
        document: Any, context: iam_evaluator.EvalContext, *more: Any, **named: Any
    ) -> iam_evaluator.EvalResult:
        listed = _statements(document)
        if any("NotPrincipal" in one for one in listed):
            document = {"Statement": [_for_everybody_else(one, context) for one in listed]}
        return original(document, context, *more, **named)

    iam_evaluator.evaluate_resource_policy = evaluate


def _refusal(service: str, headers: Any, query: Any, request_id: str) -> Any:
    """Refuse in AWS's words; None for the root of an account."""
    key = router.extract_access_key_id(headers, query)
    if not key:
        return iam_actions.access_denied_response(
            service, "", "", request_id, headers=headers, error_code="MissingAuthenticationToken"
        )
    principal = iam_evaluator.resolve_principal(key, responses.get_account_id())
    if isinstance(principal, iam_evaluator.AuthError) or principal.policies is None:
        return None
    message = (
        f"User: {principal.arn} is not authorized to perform: {service}:* because the sandbox "
        "does not know the action of this request"
    )
    return iam_actions.access_denied_response(
        service, f"{service}:*", "", request_id, headers=headers, message=message
    )


def _without_unknown_operators(
    statement: iam_evaluator.ParsedStatement,
) -> iam_evaluator.ParsedStatement:
    known = {
        operator: keys for operator, keys in statement.conditions.items() if _is_known(operator)
    }
    return (
        statement
        if len(known) == len(statement.conditions)
        else replace(statement, conditions=known)
    )


def _is_known(operator: str) -> bool:
    name = operator.lower().removesuffix("ifexists").rpartition(":")[2]
    return name == "null" or name in iam_evaluator._CONDITION_OPS


def _statements(document: Any) -> list[dict[str, Any]]:
    try:
        parsed = json.loads(document) if isinstance(document, str) else document or {}
    except ValueError:
        return []
    found = parsed.get("Statement", []) if isinstance(parsed, dict) else []
    listed = found if isinstance(found, list) else [found]
    return [one for one in listed if isinstance(one, dict)]


def _for_everybody_else(
    statement: dict[str, Any], context: iam_evaluator.EvalContext
) -> dict[str, Any]:
    """Return what a Deny with NotPrincipal means for the caller; others stay as they are."""
    if "NotPrincipal" not in statement or statement.get("Effect") != "Deny":
        return statement
    spared = statement["NotPrincipal"]
    listed = spared.get("AWS", []) if isinstance(spared, dict) else spared
    own = [listed] if isinstance(listed, str) else listed
    if context.principal_arn in own or iam_evaluator._names_caller(spared, context.principal_arn):
        return statement
    return {name: value for name, value in statement.items() if name != "NotPrincipal"} | {
        "Principal": "*"
    }
