"""What the templates of an environment's stacks may name, use and never touch."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints, field_validator

from tiercel.domain.base.values import Frozen
from tiercel.domain.organization.fragments import OWN_FRAGMENTS, Fragment

STACK_SERVICES = (
    "apigateway",
    "application-autoscaling",
    "appsync",
    "cloudwatch",
    "codedeploy",
    "cognito",
    "dynamodb",
    "events",
    "firehose",
    "kinesis",
    "kms",
    "lambda",
    "logs",
    "network-interfaces",
    "pipes",
    "s3",
    "scheduler",
    "schemas",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "states",
    "xray",
)
"""Services that stacks may use without a word, each by `policies/services/NAME.json`."""
LISTED_SERVICES = (
    "acm",
    "appconfig",
    "application-insights",
    "athena",
    "autoscaling",
    "backup",
    "batch",
    "bedrock",
    "cloudfront",
    "codebuild",
    "codepipeline",
    "dsql",
    "ec2",
    "ecr",
    "ecs",
    "efs",
    "elasticache",
    "elasticloadbalancing",
    "glue",
    "iot",
    "kafka",
    "managed-policies",
    "mq",
    "opensearch",
    "rds",
    "route53",
    "sagemaker",
    "servicediscovery",
    "ses",
    "timestream",
    "vpc",
    "wafv2",
)
"""Services that stacks may use where an environment lists them, with fragments as well."""

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
    whole service as `NAME:*`; `*` and `?` stand for any text and any character. `fragments` are
    those of a team's own services, which are read from files.
    """

    names: StackNames = StackNames.ANY
    fragments: Annotated[tuple[Fragment, ...], Field(exclude=True)] = ()
    services: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_each_once)] = (
        STACK_SERVICES
    )
    protect: Annotated[tuple[Protected, ...], AfterValidator(_each_once)] = _PROTECTED

    @field_validator("services")
    @classmethod
    def _known(cls, names: tuple[str, ...], info: Any) -> tuple[str, ...]:
        known = STACK_SERVICES + LISTED_SERVICES
        own = {one.name for one in info.data.get("fragments", ())}
        for name in names:
            if name not in known and name not in own:
                raise ValueError(
                    f"stacks know no service `{name}`, which has no file "
                    f"{OWN_FRAGMENTS}/{name}.json; they know {', '.join(known)}"
                )
        return names

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
