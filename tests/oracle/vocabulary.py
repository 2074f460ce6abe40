"""What generated requests and policies are made of: what `policies/` uses, and its neighbours."""

from __future__ import annotations

HERE, THERE = "111111111111", "222222222222"
SESSIONS = (
    f"arn:aws:sts::{HERE}:assumed-role/acme-prod-deployer/run",
    f"arn:aws:sts::{HERE}:assumed-role/acme-prod-orchestrator/run",
    f"arn:aws:sts::{THERE}:assumed-role/acme-prod-deployer/run",
    f"arn:aws:iam::{HERE}:user/operator",
)
OWN_SESSIONS = tuple(each for each in SESSIONS if HERE in each)
SHARED = frozenset({"s3", "kms", "sts"})
"""Services whose resources have policies; those of others have no callers elsewhere."""
PRINCIPALS = (
    "*",
    {"AWS": "*"},
    {"AWS": f"arn:aws:iam::{HERE}:root"},
    {"AWS": f"arn:aws:iam::{THERE}:root"},
    {"AWS": [f"arn:aws:iam::{HERE}:root", f"arn:aws:iam::{THERE}:root"]},
    {"Service": "codebuild.amazonaws.com"},
)
ACCOUNTS = tuple(one for one in PRINCIPALS if isinstance(one, dict) and "root" in str(one))
ROLES = (
    f"arn:aws:iam::{HERE}:role/acme-prod-deployer",
    f"arn:aws:iam::{HERE}:role/acme-prod-*",
    f"arn:aws:iam::{THERE}:role/acme-prod-deployer",
    "arn:aws:iam::*:role/acme-prod-deployer",
    f"arn:aws:iam::{HERE}:user/operator",
)
STACK = f"arn:aws:cloudformation:eu-central-1:{HERE}:stack"
REGIONAL = f"eu-central-1:{HERE}"

# Each action with resources that it may have, and with keys of its own.
KEY = f"arn:aws:kms:{REGIONAL}:key/6b1c0000-0000-4000-8000-000000000001"
OBJECTS = (
    "arn:aws:s3:::acme-prod-a/packages/1",
    "arn:aws:s3:::acme-prod-a/leases/x",
    "arn:aws:s3:::other/packages/1",
)
BUCKETS = ("arn:aws:s3:::acme-prod-a", "arn:aws:s3:::other")
ENCRYPTION = ("s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id")
ACTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "s3:GetObject": (OBJECTS, ()),
    "s3:PutObject": (OBJECTS, ENCRYPTION),
    "s3:DeleteObject": (OBJECTS, ()),
    "s3:ListBucket": (BUCKETS, ()),
    "kms:Decrypt": ((KEY,), ("kms:ViaService",)),
    "kms:Sign": ((KEY,), ("kms:ViaService",)),
    "cloudformation:CreateChangeSet": (
        (f"{STACK}/acme-prod-shop/1", f"{STACK}/payroll/1"),
        ("cloudformation:RoleArn",),
    ),
    "cloudformation:DescribeStacks": ((f"{STACK}/acme-prod-shop/1", f"{STACK}/payroll/1"), ()),
    "iam:PassRole": (
        (f"arn:aws:iam::{HERE}:role/acme-prod-shop", f"arn:aws:iam::{HERE}:role/other"),
        ("iam:PassedToService",),
    ),
    "iam:CreateRole": (
        (f"arn:aws:iam::{HERE}:role/acme-prod-shop", f"arn:aws:iam::{HERE}:role/other"),
        ("iam:PermissionsBoundary",),
    ),
    "logs:PutLogEvents": (
        (f"arn:aws:logs:{REGIONAL}:log-group:/aws/codebuild/acme-prod-x:log-stream:1",),
        (),
    ),
    "sqs:SendMessage": ((f"arn:aws:sqs:{REGIONAL}:acme-prod-q",), ()),
    "sts:AssumeRole": (
        (f"arn:aws:iam::{HERE}:role/acme-prod-deployer", f"arn:aws:iam::{HERE}:role/other"),
        ("sts:ExternalId",),
    ),
    "ecs:RunTask": (
        (f"arn:aws:ecs:{REGIONAL}:task-definition/acme-prod-run:7",),
        ("ecs:cluster",),
    ),
}
ACTION_PATTERNS = (
    "s3:*",
    "s3:Get*",
    "s3:*Object",
    "S3:getobject",
    "s3:PutObject",
    "s3:List?ucket",
    "kms:*",
    "kms:Decrypt",
    "cloudformation:*",
    "cloudformation:Create*",
    "iam:*",
    "iam:PassRole",
    "logs:Put*",
    "sqs:*",
    "ecs:RunTask",
    "*",
)
RESOURCE_PATTERNS = (
    "*",
    "arn:aws:s3:::acme-prod-*",
    "arn:aws:s3:::acme-prod-a",
    "arn:aws:s3:::acme-prod-a/*",
    "arn:aws:s3:::*/packages/*",
    "arn:aws:s3:::ACME-prod-a/*",
    "arn:aws:s3:::acme-prod-?/leases/x",
    KEY,
    f"arn:aws:kms:*:{HERE}:key/*",
    f"{STACK}/acme-prod-*/*",
    f"{STACK}/*",
    f"arn:aws:iam::{HERE}:role/acme-prod-*",
    "arn:aws:iam::*:role/*",
    f"arn:aws:logs:{REGIONAL}:log-group:/aws/*/acme-prod-*",
    "arn:aws:sqs:*:*:acme-prod-*",
    f"arn:aws:ecs:{REGIONAL}:task-definition/acme-prod-run:*",
)
TRUST_ACTIONS = ("sts:AssumeRole", "sts:*", "sts:TagSession")
TEXTS = {
    "sts:ExternalId": ("acme-prod-93be07", "acme-preprod-1f6a2c", "acme-*"),
    "s3:x-amz-server-side-encryption": ("aws:kms", "AES256", "aws:*"),
    "s3:x-amz-server-side-encryption-aws-kms-key-id": (KEY, f"{KEY}2"),
    "kms:ViaService": ("s3.eu-central-1.amazonaws.com", "s3.*.amazonaws.com", "sqs.*"),
    "iam:PassedToService": (
        "lambda.amazonaws.com",
        "cloudformation.amazonaws.com",
        "*.amazonaws.com",
    ),
    "aws:PrincipalAccount": (HERE, THERE),
    "aws:ResourceAccount": (HERE, THERE),
    "aws:RequestedRegion": ("eu-central-1", "eu-*", "us-east-1"),
    "aws:SourceAccount": (HERE, THERE),
}
ARNS = {
    "aws:PrincipalArn": ROLES,
    "cloudformation:RoleArn": ROLES,
    "iam:PermissionsBoundary": (
        f"arn:aws:iam::{HERE}:policy/acme-prod-boundary",
        "arn:aws:iam::*:policy/*",
        "arn:aws:iam::aws:policy/AdministratorAccess",
    ),
    "aws:SourceArn": (
        f"arn:aws:codebuild:{REGIONAL}:project/acme-prod-builder",
        f"arn:aws:codebuild:{REGIONAL}:project/acme-prod-*",
        f"arn:aws:codebuild:*:{THERE}:project/*",
    ),
    "ecs:cluster": (
        f"arn:aws:ecs:{REGIONAL}:cluster/acme-prod-tiercel",
        f"arn:aws:ecs:{REGIONAL}:cluster/*",
    ),
}
FLAGS = ("aws:SecureTransport", "aws:PrincipalIsAWSService")
TEXT_OPERATORS = (
    "StringEquals",
    "StringNotEquals",
    "StringLike",
    "StringEqualsIfExists",
    "StringLikeIfExists",
)
ARN_OPERATORS = ("ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike", "ArnLikeIfExists")
FLAG_OPERATORS = ("Bool", "BoolIfExists")
GLOBAL = (
    "aws:PrincipalAccount",
    "aws:ResourceAccount",
    "aws:RequestedRegion",
    "aws:SourceAccount",
    "aws:PrincipalArn",
    "aws:SourceArn",
)
