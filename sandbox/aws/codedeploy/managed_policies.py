"""AWS's policies for CodeDeploy's service role, which SAM and CDK attach.

https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCodeDeployRoleForLambda.html
https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCodeDeployRoleForLambdaLimited.html
"""
# ruff: noqa: SLF001 - the emulator has only private names for it

from __future__ import annotations

import json
from typing import Any

from ministack.services import iam

_NAME = "service-role/AWSCodeDeployRoleForLambda"


def know_the_policies_of_codedeploy() -> None:
    """Roles may have the policies; the emulator refuses to attach what it does not know."""
    for name, more in ((_NAME, ["sns:Publish"]), (f"{_NAME}Limited", [])):
        document = json.dumps({"Version": "2012-10-17", "Statement": _statements(more)})
        record = iam._make_aws_managed_record(name, document, description="CodeDeploy, for Lambda")
        iam._aws_managed_policies[f"{iam._AWS_MANAGED_POLICY_PREFIX}{name}"] = record


def _statements(more: list[str]) -> list[dict[str, Any]]:
    aliases = ["lambda:UpdateAlias", "lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig"]
    objects = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion"]}
    tag = {"StringEquals": {"s3:ExistingObjectTag/UseWithCodeDeploy": "true"}}
    hooks = "arn:aws:lambda:*:*:function:CodeDeployHook_*"
    return [
        {
            "Effect": "Allow",
            "Action": ["cloudwatch:DescribeAlarms", *aliases, *more],
            "Resource": "*",
        },
        objects | {"Resource": "arn:aws:s3:::*/CodeDeploy/*"},
        objects | {"Resource": "*", "Condition": tag},
        {"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": hooks},
    ]
