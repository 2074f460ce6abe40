"""Who calls: signatures, principals and credentials."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import secrets
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from ministack import app
from ministack.core import iam_evaluator, lambda_runtime
from ministack.services import iam, lambda_svc, s3, sts

_S3 = "arn:aws:s3:::"
_RESOURCE_ACCOUNT = frozenset({"aws:resourceaccount", "s3:resourceaccount"})


def check_the_signatures_of_roots() -> None:
    """Whoever signs as an account's root must know its secret, as everybody else.

    The emulator believes the account id alone.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
    """
    original_pin, original_is_root = app.pin_signed_request, iam_evaluator._is_root_key
    pinning: ContextVar[bool] = ContextVar("pinning", default=False)

    def is_root_key(access_key: str) -> bool:
        return not pinning.get() and original_is_root(access_key)

    def pin_signed_request(*request: Any, **more: Any) -> None:
        token = pinning.set(True)
        try:
            original_pin(*request, **more)
        finally:
            pinning.reset(token)

    iam_evaluator._is_root_key = is_root_key
    app.pin_signed_request = pin_signed_request


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


def tell_whose_bucket_it_is() -> None:
    """aws:ResourceAccount of a bucket and its objects is the bucket's owner.

    The emulator takes the caller's account, because the ARN names none.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    original = iam_evaluator._resolve_condition_key

    def resolve(key: str, context: iam_evaluator.EvalContext) -> Any:
        found = original(key, context)
        if key.lower() not in _RESOURCE_ACCOUNT or not context.resource_arn.startswith(_S3):
            return found
        bucket = context.resource_arn.removeprefix(_S3).partition("/")[0]
        return s3._bucket_owner_account(bucket) or found

    iam_evaluator._resolve_condition_key = resolve


def let_everybody_mean_everybody() -> None:
    """What a resource's policy allows to the principal * no boundary narrows by silence.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles
    """
    original = iam_evaluator._names_caller_directly

    def names_directly(principal: Any, caller_arn: str) -> bool:
        named = principal.get("AWS", []) if isinstance(principal, dict) else principal
        return "*" in ([named] if isinstance(named, str) else named) or original(
            principal, caller_arn
        )

    iam_evaluator._names_caller_directly = names_directly


def give_functions_secret_credentials() -> None:
    """A function's credentials cannot be guessed; the emulator derives them from its ARN.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
    """
    original = lambda_runtime.execution_credentials

    def execution_credentials(config: dict[str, Any]) -> dict[str, str]:
        derived: dict[str, str] = original(config)
        session = sts._sessions.pop(derived["AWS_ACCESS_KEY_ID"], None)
        if session is None:
            return derived
        key, secret, token = (
            "ASIA" + secrets.token_hex(8).upper(),
            secrets.token_urlsafe(30),
            secrets.token_urlsafe(60),
        )
        sts.register_session(key, session | {"SecretAccessKey": secret, "SessionToken": token})
        return {
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_SESSION_TOKEN": token,
        }

    lambda_runtime.execution_credentials = execution_credentials
    lambda_svc.execution_credentials = execution_credentials
