"""What the templates of an environment's stacks may name, use and never touch."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from tiercel.domain.base.values import Frozen

STACK_SERVICES = (
    "apigateway",
    "application-autoscaling",
    "cloudwatch",
    "dynamodb",
    "events",
    "kms",
    "lambda",
    "logs",
    "pipes",
    "s3",
    "scheduler",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "states",
    "xray",
)
"""Services that stacks may use; each has a fragment `policies/services/NAME.json`."""

_PROTECTED = (
    "OrganizationAccountAccessRole",
    "AWSControlTower*",
    "stacksets-exec-*",
    "aws-reserved/*",
    "cloudtrail:*",
    "config:*",
    "guardduty:*",
)
# The forms of ARNs, actions and names of roles with their paths:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
_ARN = r"arn:[a-z*-]+:[a-z0-9-]+:[a-z0-9*-]*:[0-9*]*:[A-Za-z0-9*?+=,.@:/_-]+"
_ACTIONS = r"[a-z0-9-]+:\*"
_ROLE = r"[A-Za-z0-9*?+=,.@/_-]+"


def _known(name: str) -> str:
    if name not in STACK_SERVICES:
        raise ValueError(f"stacks know no service `{name}`; they know {', '.join(STACK_SERVICES)}")
    return name


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("names something twice")
    return names


Protected = Annotated[
    str, StringConstraints(max_length=256, pattern=rf"^(?:{_ARN}|{_ACTIONS}|{_ROLE})$")
]


class StackNames(StrEnum):
    """How a template may name its resources; names of roles always begin with the prefix."""

    ANY = "any"
    PREFIX = "prefix"


class StackRules(Frozen):
    """What the templates of an environment's stacks may name, use and never touch.

    An entry of `protect` is the ARN of something, a role by its name with its path, or a
    whole service as `NAME:*`; `*` and `?` stand for any text and any character.
    """

    names: StackNames = StackNames.ANY
    services: Annotated[
        tuple[Annotated[str, AfterValidator(_known)], ...],
        Field(min_length=1),
        AfterValidator(_each_once),
    ] = STACK_SERVICES
    protect: Annotated[tuple[Protected, ...], AfterValidator(_each_once)] = _PROTECTED

    @property
    def protected_resources(self) -> tuple[str, ...]:
        """The ARNs of what is protected; a Deny may name any account, which is shorter."""
        return tuple(
            one if one.startswith("arn:") else f"arn:*:iam::*:role/{one}"
            for one in self.protect
            if not _is_service(one)
        )

    @property
    def protected_actions(self) -> tuple[str, ...]:
        """The actions of services that are protected as a whole."""
        return tuple(one for one in self.protect if _is_service(one))


def _is_service(protected: str) -> bool:
    return re.fullmatch(_ACTIONS, protected) is not None
