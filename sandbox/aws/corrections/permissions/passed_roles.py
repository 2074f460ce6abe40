"""The role that a call hands to a service, which takes iam:PassRole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class _Passing:
    """The service that gets a role, and the members of the request that name it."""

    service: str
    members: tuple[str, ...]


_LAMBDA = _Passing("lambda.amazonaws.com", ("Role",))
_STATES = _Passing("states.amazonaws.com", ("roleArn",))
_SCHEDULER = _Passing("scheduler.amazonaws.com", ("Target", "RoleArn"))
_PIPES = _Passing("pipes.amazonaws.com", ("RoleArn",))
_CODEBUILD = _Passing("codebuild.amazonaws.com", ("serviceRole",))
_BUILD = _Passing("codebuild.amazonaws.com", ("serviceRoleOverride",))
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
# has them as dependent actions of these.
_PASSING = {
    "lambda:CreateFunction": _LAMBDA,
    "lambda:UpdateFunctionConfiguration": _LAMBDA,
    "states:CreateStateMachine": _STATES,
    "states:UpdateStateMachine": _STATES,
    "scheduler:CreateSchedule": _SCHEDULER,
    "scheduler:UpdateSchedule": _SCHEDULER,
    "pipes:CreatePipe": _PIPES,
    "pipes:UpdatePipe": _PIPES,
    "codebuild:CreateProject": _CODEBUILD,
    "codebuild:UpdateProject": _CODEBUILD,
    "codebuild:StartBuild": _BUILD,
    "codebuild:StartBuildBatch": _BUILD,
}


def passed_role(action: str, body: bytes) -> tuple[str, str] | None:
    """Return the ARN of the role that a call passes, and the service that gets it."""
    passing = _PASSING.get(action)
    if passing is None:
        return None
    try:
        found: Any = json.loads(body or b"{}")
    except ValueError:
        return None
    for member in passing.members:
        found = found.get(member) if isinstance(found, dict) else None
    return (found, passing.service) if isinstance(found, str) and found else None
