"""The roles, users and identity providers of an account, created where they are missing."""

from __future__ import annotations

import json
from typing import Any

from tiercel.sandbox.accounts.credentials import AccessKey
from tiercel.sandbox.accounts.github_tokens import ISSUER
from tiercel.sandbox.accounts.templates import RenderedPolicy

_Client = Any

_INLINE_POLICY = "permissions"


def ensure_github_provider(iam: _Client) -> None:
    """Create the provider of GitHub's tokens.

    IAM trusts GitHub's certificate chain itself and ignores the thumbprint:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html
    """
    providers = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    host = ISSUER.removeprefix("https://")
    if not any(provider["Arn"].endswith(host) for provider in providers):
        iam.create_open_id_connect_provider(
            Url=ISSUER, ClientIDList=["sts.amazonaws.com"], ThumbprintList=["0" * 40]
        )


def ensure_role(
    iam: _Client,
    name: str,
    trust: RenderedPolicy,
    permissions: RenderedPolicy,
    boundary_arn: str | None = None,
) -> None:
    """Create a role, or give the one that exists these policies."""
    document = json.dumps(trust)
    bounded = {"PermissionsBoundary": boundary_arn} if boundary_arn else {}
    try:
        iam.get_role(RoleName=name)
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=document)
    except iam.exceptions.NoSuchEntityException:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **bounded)
    iam.put_role_policy(
        RoleName=name, PolicyName=_INLINE_POLICY, PolicyDocument=json.dumps(permissions)
    )


def ensure_managed_policy(iam: _Client, arn: str, document: RenderedPolicy) -> None:
    """Create a managed policy, or replace its default version when the document changed."""
    text = json.dumps(document)
    try:
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    except iam.exceptions.NoSuchEntityException:
        iam.create_policy(PolicyName=arn.rpartition("/")[2], PolicyDocument=text)
        return
    current = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
    if current["Document"] != document:
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=text, SetAsDefault=True)
        iam.delete_policy_version(PolicyArn=arn, VersionId=version)


def ensure_user(
    iam: _Client, name: str, permissions: RenderedPolicy, known: AccessKey | None
) -> AccessKey:
    """Return the only access key of a user; a known key stays if it still exists."""
    try:
        iam.get_user(UserName=name)
    except iam.exceptions.NoSuchEntityException:
        iam.create_user(UserName=name)
    iam.put_user_policy(
        UserName=name, PolicyName=_INLINE_POLICY, PolicyDocument=json.dumps(permissions)
    )
    existing = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    if known and any(key["AccessKeyId"] == known.identifier for key in existing):
        return known
    for key in existing:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    created = iam.create_access_key(UserName=name)["AccessKey"]
    return AccessKey(created["AccessKeyId"], created["SecretAccessKey"])
