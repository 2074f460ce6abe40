"""Calls with DryRun, which are allowed or refused and do nothing."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

from typing import Any

from ministack.core import responses
from ministack.services import ec2, kms, lambda_svc

_KEY_USES = (
    *("_sign", "_verify", "_encrypt", "_decrypt"),
    *("_generate_data_key", "_generate_data_key_without_plaintext"),
    *("_generate_data_key_pair", "_generate_data_key_pair_without_plaintext"),
)


def only_try_what_is_a_dry_run() -> None:
    """A call of EC2, a use of a key and new code of a function with DryRun change nothing.

    Whether the caller may is decided before. The emulator carries these out.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonParameters.html,
    https://docs.aws.amazon.com/kms/latest/developerguide/testing-permissions.html and
    https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html
    """
    for action, handler in ec2._ACTION_MAP.items():
        ec2._ACTION_MAP[action] = _tried_by_ec2(handler)
    for name in _KEY_USES:
        setattr(kms, name, _tried_by_kms(getattr(kms, name)))
    original = lambda_svc._update_code

    def update_code(name: str, data: dict[str, Any]) -> Any:
        function = lambda_svc._functions.get(name)
        if function and data.get("DryRun"):
            return responses.json_response(function["config"])
        return original(name, data)

    lambda_svc._update_code = update_code


def _tried_by_ec2(handler: Any) -> Any:
    def tried(parameters: dict[str, Any]) -> Any:
        if str(ec2._p(parameters, "DryRun")).lower() == "true":
            message = "Request would have succeeded, but DryRun flag is set."
            return ec2._error("DryRunOperation", message, 412)
        return handler(parameters)

    return tried


def _tried_by_kms(handler: Any) -> Any:
    """What is wrong with the request is said first; using a key changes nothing."""

    def tried(data: dict[str, Any]) -> Any:
        answer = handler(data)
        return kms._dry_run_error("") if data.get("DryRun") and answer[0] == 200 else answer

    return tried
