"""KMS keys: named by alias, and used from other accounts."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ministack.core import iam_actions, iam_evaluator, responses
from ministack.services import kms

_KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:([a-z0-9-]+):(\d{12}):key/[A-Za-z0-9-]+")
_KEY_OR_ALIAS_ARN = re.compile(
    r"arn:aws[a-z-]*:kms:([a-z0-9-]+):(\d{12}):(?:key/[A-Za-z0-9-]+|alias/[A-Za-z0-9/_-]+)"
)
_CROSS_ACCOUNT_OPERATIONS = frozenset(
    {
        "Decrypt",
        "DescribeKey",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "GetPublicKey",
        "Sign",
        "Verify",
    }
)


def authorize_the_key_behind_an_alias() -> None:
    """A call that names an alias is authorized on the key itself.

    https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
    """
    original = iam_actions.extract_resource_arn

    def extract(service: str, *request: Any) -> Any:
        arn = original(service, *request)
        match = _KEY_OR_ALIAS_ARN.fullmatch(str(arn))
        # The journal asks after the request has ended, and keeps the name.
        is_asked_in_request = responses.get_account_id() == request[-1]
        if service != "kms" or match is None or not is_asked_in_request:
            return arn
        with responses.request_scope(match[2], match[1]):
            key = kms._resolve_key(arn)
        return key["Arn"] if key else arn

    iam_actions.extract_resource_arn = extract


def serve_keys_to_other_accounts() -> None:
    """A key may be used by its ARN, or its alias's, from another account, if both allow it.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html
    """
    original_policy, original_handler = kms.key_policy_for_arn, kms.handle_request

    def policy_for_arn(arn: str) -> Any:
        match = _KEY_ARN.fullmatch(arn)
        if match is None:
            return original_policy(arn)
        with responses.request_scope(match[2], match[1]):
            return original_policy(arn)

    async def handle_request(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Any:
        owner = _owner(headers, body)
        if owner is None:
            return await original_handler(method, path, headers, body, query)
        with responses.request_scope(*owner):
            if _is_foreign_root(owner[0]) and not _key_policy_allows(headers, body):
                return _access_denied()
            return await original_handler(method, path, headers, body, query)

    kms.key_policy_for_arn = policy_for_arn
    kms.handle_request = handle_request


def _is_foreign_root(owner: str) -> bool:
    """Whether the caller is another account's root, whom the emulator never refuses."""
    caller: str = iam_evaluator.caller_arn()
    return caller.endswith(":root") and caller.split(":")[4] != owner


def _key_policy_allows(headers: Mapping[str, str], body: bytes) -> bool:
    key = kms._resolve_key(json.loads(body)["KeyId"])
    caller = iam_evaluator.caller_arn()
    context = iam_evaluator.EvalContext(
        principal_arn=caller,
        principal_type="Root",
        principal_account=caller.split(":")[4],
        action="kms:" + headers["x-amz-target"].rpartition(".")[2],
        resource_arn=key["Arn"] if key else "",
        region=responses.get_region(),
    )
    policy = key.get("Policy") if key else None
    decision: str = iam_evaluator.evaluate_resource_policy(policy, context).decision
    return decision == "Allow"


def _access_denied() -> Any:
    caller = iam_evaluator.caller_arn()
    message = f"User: {caller} is not authorized: no resource-based policy allows it"
    return responses.error_response_json("AccessDeniedException", message, 400)


def _owner(headers: Mapping[str, str], body: bytes) -> tuple[str, str] | None:
    """Return account and region of the foreign key that a request uses, if it uses one."""
    if headers.get("x-amz-target", "").rpartition(".")[2] not in _CROSS_ACCOUNT_OPERATIONS:
        return None
    try:
        match = _KEY_OR_ALIAS_ARN.fullmatch(str(json.loads(body).get("KeyId", "")))
    except (ValueError, AttributeError):
        return None
    return (match[2], match[1]) if match else None
