"""Refusals: who was refused what, on which resource, and which policy is missing or denies."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from ministack.core import iam_actions, iam_evaluator

Layer = list[list[iam_evaluator.ParsedStatement]]

_IDENTITY, _RESOURCE = "identity-based policy", "resource-based policy"
_BOUNDARY, _SESSION = "permissions boundary", "session policy"


class NamedLayer(Layer):
    """The statements of one kind of policy, which knows its kind."""

    kind = ""


@dataclass(frozen=True)
class DeniedCall:
    """What was refused last in this request."""

    principal: str
    action: str
    resource: str
    reason: str

    def __str__(self) -> str:
        """Return the refusal as AWS words it; S3 puts its resources in quotation marks."""
        resource = f'"{self.resource}"' if self.action.startswith("s3:") else self.resource
        return (
            f"User: {self.principal} is not authorized to perform: {self.action} "
            f"on resource: {resource} {self.reason}"
        )


_refused: ContextVar[DeniedCall | None] = ContextVar("refused", default=None)


def last_refusal() -> DeniedCall | None:
    """Return what `iam_evaluator.enforce` refused last in this request."""
    return _refused.get()


def missing(action: str, kind: str) -> str:
    """Return AWS's words for a policy that does not allow an action."""
    return f"because no {kind} allows the {action} action"


def anywhere(layer: Layer) -> Layer:
    """Return the statements as if each Allow were on everything, without a Deny on less.

    What they do not allow, no resource is allowed.
    """
    everywhere = [
        [
            replace(statement, resources=["*"], not_resources=[])
            for statement in document
            if statement.effect == "Allow" or "*" in statement.resources
        ]
        for document in layer
    ]
    return type(layer)(everywhere)


def tell_boundaries_from_session_policies() -> None:
    """A boundary and the policies of a session narrow alike, but a refusal names which did.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    _name_layers("_permissions_boundary", _BOUNDARY)
    _name_layers("_session_policy_limits", _SESSION)


def tell_which_policy_decided() -> None:
    """A decision knows the kind of policy that denies, or that does not allow.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    """
    original_evaluate = iam_evaluator.evaluate
    original_resource = iam_evaluator.evaluate_resource_policy

    def evaluate(
        context: iam_evaluator.EvalContext, policies: Layer, *limits: Layer
    ) -> iam_evaluator.EvalResult:
        result = original_evaluate(context, policies, *limits)
        if result.decision != "Allow":
            result.reason = _reason(context, result.decision, policies, *limits)
        return result

    def evaluate_resource_policy(
        document: Any, context: iam_evaluator.EvalContext, *more: Any, **named: Any
    ) -> iam_evaluator.EvalResult:
        result = original_resource(document, context, *more, **named)
        result.reason = result.reason.replace(f"an {_IDENTITY}", f"a {_RESOURCE}").replace(
            _IDENTITY, _RESOURCE
        )
        return result

    iam_evaluator.evaluate = evaluate
    iam_evaluator.evaluate_resource_policy = evaluate_resource_policy


def name_what_was_refused() -> None:
    """A refusal names principal, action, resource and the kind of policy, in AWS's words.

    The emulator leaves the resource out, and takes every refusal for one of the identity's
    policies.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    original_enforce = iam_evaluator.enforce
    original_response = iam_actions.access_denied_response
    original_message = iam_actions.identity_denial_message

    def enforce(
        access_key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        denied = original_enforce(
            access_key, action, service, region, resource_arn, service_context
        )
        if isinstance(denied, iam_evaluator.EvalResult):
            _refused.set(DeniedCall(denied.principal_arn, action, resource_arn, denied.reason))
        return denied

    def response(
        service: str, action: str, principal_arn: str, request_id: str, **more: Any
    ) -> Any:
        refusal = _refused.get()
        if refusal and principal_arn and not more.get("error_code"):
            more["message"] = str(refusal)
        return original_response(service, action, principal_arn, request_id, **more)

    def message(action: str, *more: Any) -> str:
        refusal = _refused.get()
        is_meant = refusal is not None and refusal.action == action
        return str(refusal) if is_meant else str(original_message(action, *more))

    iam_evaluator.enforce = enforce
    iam_actions.access_denied_response = response
    iam_actions.identity_denial_message = message


def _name_layers(function: str, kind: str) -> None:
    original = getattr(iam_evaluator, function)
    layer_of_kind = type(kind.title().replace(" ", ""), (NamedLayer,), {"kind": kind})

    def named(*arguments: Any) -> list[Layer]:
        return [layer_of_kind(layer) for layer in original(*arguments)]

    setattr(iam_evaluator, function, named)


def _reason(
    context: iam_evaluator.EvalContext, decision: str, policies: Layer, *limits: Layer
) -> str:
    """Return the kind of the first policies that deny, or else that do not allow."""
    effect = "Deny" if decision == "Deny" else "Allow"
    for layer in (policies, *limits):
        kind = layer.kind if isinstance(layer, NamedLayer) else _BOUNDARY
        kind = _IDENTITY if layer is policies else kind
        statements = [statement for document in layer for statement in document]
        found = iam_evaluator._first_match(context, statements, effect)
        if effect == "Deny" and found:
            article = "an" if kind == _IDENTITY else "a"
            return f"with an explicit deny in {article} {kind}"
        if effect == "Allow" and not found:
            return missing(context.action, kind)
    return missing(context.action, _IDENTITY)
