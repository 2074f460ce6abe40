"""IAM for a check: roles, the boundary, the provider of GitHub's tokens, quotas."""

from __future__ import annotations

from typing import cast

from tiercel.domain.accounts.observations import Quota, RoleSeen, Unread
from tiercel.domain.base.values import PolicyDocument
from tiercel.domain.organization.access import Access
from tiercel.tasks.accounts.reading import seen
from tiercel.tasks.aws.clients import client
from tiercel.tasks.engine.task import world_task

_ABSENT = ("NoSuchEntity", "NoSuchEntityException")
_QUOTAS = {"roles": ("Roles", "RolesQuota"), "managed policies": ("Policies", "PoliciesQuota")}


@world_task("read role", "read role {name}")
def read_role(access: Access, name: str) -> RoleSeen | Unread | None:
    """Return a role with all its policies; None if there is none."""
    return seen("read a role", f"role {name}", lambda: _role(access, name), _ABSENT)


def _role(access: Access, name: str) -> RoleSeen:
    iam = client("iam", access)
    role = iam.get_role(RoleName=name)["Role"]
    inline = iam.get_paginator("list_role_policies").paginate(RoleName=name)
    attached = iam.get_paginator("list_attached_role_policies").paginate(RoleName=name)
    return RoleSeen(
        trust=_parsed(role["AssumeRolePolicyDocument"]),
        inline={
            one: _parsed(iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"])
            for page in inline
            for one in page["PolicyNames"]
        },
        attached=tuple(one["PolicyArn"] for page in attached for one in page["AttachedPolicies"]),
        boundary=role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
    )


@world_task("read managed policy", "read managed policy {arn}")
def read_managed_policy(access: Access, arn: str) -> PolicyDocument | Unread | None:
    """Return the default version of a managed policy; None if there is none."""

    def read() -> PolicyDocument:
        iam = client("iam", access)
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
        return _parsed(found["Document"])

    return seen("read a managed policy", arn, read, _ABSENT)


@world_task("read identity provider")
def read_identity_provider(access: Access, arn: str) -> tuple[str, ...] | Unread | None:
    """Return the audiences that an OIDC provider accepts; None if there is no provider."""

    def read() -> tuple[str, ...]:
        provider = client("iam", access).get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
        return tuple(provider["ClientIDList"])

    return seen("read an identity provider", arn, read, _ABSENT)


@world_task("read quotas of IAM")
def read_iam_quotas(access: Access) -> tuple[Quota, ...] | Unread:
    """Return how much the account has, and may have, of what IAM counts."""

    def read() -> tuple[Quota, ...]:
        summary = client("iam", access).get_account_summary()["SummaryMap"]
        found = {str(name): value for name, value in summary.items()}
        return tuple(
            Quota(name, found[used], found[most])
            for name, (used, most) in _QUOTAS.items()
            if most in found
        )

    return seen("read IAM's quotas", f"account {access.account}", read) or ()


def _parsed(document: object) -> PolicyDocument:
    """botocore has parsed every policy of IAM's answers already."""
    return cast("PolicyDocument", document)
