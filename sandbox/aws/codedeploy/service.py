"""CodeDeploy as one of the emulator's services: its requests, snapshots and permissions."""
# ruff: noqa: SLF001 - the emulator has only private names for it

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from ministack import app
from ministack.core import iam_actions, responses, router

from tiercel.sandbox.aws.codedeploy import records
from tiercel.sandbox.aws.codedeploy.authority import Judge, authority
from tiercel.sandbox.aws.codedeploy.deployments import ON_DEPLOYMENTS
from tiercel.sandbox.aws.codedeploy.operations import ON_RESOURCES
from tiercel.sandbox.aws.codedeploy.paging import page_of
from tiercel.sandbox.aws.codedeploy.records import (
    CodeDeployError,
    CodeDeployObject,
    get_state,
    load_persisted_state,
    reset,
)
from tiercel.sandbox.aws.codedeploy.validation import check_answer, check_request

__all__ = ["get_state", "handle_request", "load_persisted_state", "register", "reset"]

_NAME = "codedeploy"
_TARGET = "CodeDeploy_20141006"
_OPERATIONS = dict(ON_RESOURCES) | dict(ON_DEPLOYMENTS)
_ON_NO_RESOURCE = frozenset({
    "BatchGetDeploymentTargets", "GetDeploymentTarget", "ListDeploymentTargets", "StopDeployment",
})  # fmt: skip
"""What is allowed on everything, or not at all."""


def register(judge: Judge) -> None:
    """Make CodeDeploy one of the services; `judge` tells what service roles may do."""
    authority.judge = judge
    router.SERVICE_PATTERNS[_NAME] = {
        "target_prefixes": [_TARGET],
        "host_patterns": [r"codedeploy\."],
        "credential_scope": _NAME,
    }
    app.SERVICE_REGISTRY[_NAME] = {"module": _NAME}
    app._loaded_modules[_NAME] = sys.modules[__name__]
    app._state_map[_NAME] = _NAME
    app.SERVICE_HANDLERS[_NAME] = handle_request
    iam_actions.SERVICE_TO_IAM_NAMESPACE[_NAME] = _NAME
    original = iam_actions.extract_resource_arn

    def extract(service: str, method: str, path: str, headers: Any, body: bytes, *more: Any) -> Any:
        if service != _NAME:
            return original(service, method, path, headers, body, *more)
        return resource_of(body, _operation_in(headers))

    iam_actions.extract_resource_arn = extract


async def handle_request(
    _method: str, _path: str, headers: Mapping[str, str], body: bytes, _query: Any
) -> Any:
    """Answer one request."""
    try:
        answer = call_codedeploy(_operation_in(headers), json.loads(body or b"{}"))
    except CodeDeployError as error:
        return responses.error_response_json(error.code, error.message, 400)
    return responses.json_response(answer)


def call_codedeploy(operation: str, request: CodeDeployObject) -> CodeDeployObject:
    """Carry out an operation; request and answer fit botocore's model, or an error says how not."""
    check_request(operation, request)
    if operation not in _OPERATIONS:
        raise CodeDeployError("UnsupportedOperationException", f"The sandbox has no {operation}")
    answer = page_of(operation, request, _OPERATIONS[operation](request))
    check_answer(operation, answer)
    return answer


def _operation_in(headers: Mapping[str, str]) -> str:
    return headers.get("x-amz-target", "").rpartition(".")[2]


def resource_of(body: bytes, operation: str) -> str:
    """Return what a request is authorized on: a group, an application, a configuration, or `*`.

    AWS's page has no resource for what a hook reports either, and AWS's own examples allow it on a
    group.
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodedeploy.html
    """
    if operation in _ON_NO_RESOURCE:
        return "*"
    try:
        asked = json.loads(body or b"{}")
    except ValueError:
        return "*"
    identifiers = [asked.get("deploymentId"), *(asked.get("deploymentIds") or ())]
    for one in identifiers:
        found = records.records.deployments.get(one) if one else None
        if found:
            info = found["info"]
            name = f"{info['applicationName']}/{info['deploymentGroupName']}"
            return records.arn("deploymentgroup", name)
    return str(asked.get("ResourceArn") or _named(asked))


def _named(asked: CodeDeployObject) -> str:
    application = asked.get("applicationName")
    group = asked.get("deploymentGroupName") or asked.get("currentDeploymentGroupName")
    if application and group:
        return records.arn("deploymentgroup", f"{application}/{group}")
    if application:
        return records.arn("application", application)
    config = asked.get("deploymentConfigName")
    return records.arn("deploymentconfig", config) if config else "*"
