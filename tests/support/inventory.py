"""What an environment's two accounts hold, as a value that can be compared."""

from __future__ import annotations

import json
from typing import Any

from tiercel.domain.organization.names import Names

Clients = Any
Inventory = dict[str, Any]


def inventory(infrastructure: Clients, runtime: Clients, names: Names) -> Inventory:
    """Return roles, policies, providers, keys and buckets with the environment's prefix.

    The bucket of Terraform's state, which Terraform does not make, is left out.
    `infrastructure` and `runtime` have `client(service)`. Account ids and the ids of keys,
    which differ from one pair of accounts to the next, are replaced by what they mean.
    """
    keys = _keys(infrastructure.client("kms"), names.prefix)
    found = {
        "infrastructure": _account(infrastructure, names) | {"keys": keys},
        "runtime": _account(runtime, names),
    }
    text = json.dumps(found, sort_keys=True)
    for alias, key in keys.items():
        text = text.replace(key["id"], alias)
    text = text.replace(names.environment.infrastructure_account, "INFRASTRUCTURE")
    text = text.replace(names.environment.runtime_account, "RUNTIME")
    plain: Inventory = json.loads(text)
    return plain


def _account(who: Clients, names: Names) -> Inventory:
    prefix = names.prefix
    owners = (prefix, f"{names.organization}-ephemeral-")
    iam, s3 = who.client("iam"), who.client("s3")
    buckets = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]} - {names.state_bucket}
    roles = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    policies = iam.list_policies(Scope="Local")["Policies"]
    providers = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    return {
        "roles": {name: _role(iam, name) for name in roles if name.startswith(owners)},
        "policies": {one["PolicyName"]: _policy(iam, one) for one in policies},
        "providers": {one["Arn"]: _provider(iam, one["Arn"]) for one in providers},
        "buckets": {name: _bucket(s3, name) for name in buckets if name.startswith(prefix)},
    }


def _role(iam: Any, name: str) -> Inventory:
    role = iam.get_role(RoleName=name)["Role"]
    inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
    return {
        "path": role["Path"],
        "seconds": role["MaxSessionDuration"],
        "trust": role["AssumeRolePolicyDocument"],
        "boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
        "attached": iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"],
        "inline": {
            policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in inline
        },
    }


def _policy(iam: Any, policy: dict[str, Any]) -> Inventory:
    version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
    document: Inventory = version["PolicyVersion"]["Document"]
    return document


def _provider(iam: Any, arn: str) -> Inventory:
    provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    url = provider["Url"].removeprefix("https://")
    return {"url": url, "clients": provider["ClientIDList"]}


def _bucket(s3: Any, name: str) -> Inventory:
    encryption = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]
    access = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    return {
        "versioning": s3.get_bucket_versioning(Bucket=name)["Status"],
        "encryption": encryption["Rules"],
        "public": access,
        "ownership": s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"],
        "lifecycle": s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"],
        "policy": json.loads(s3.get_bucket_policy(Bucket=name)["Policy"]),
    }


def _keys(kms: Any, prefix: str) -> dict[str, Inventory]:
    aliases = kms.list_aliases()["Aliases"]
    own = [one for one in aliases if one["AliasName"].startswith(f"alias/{prefix}")]
    return {one["AliasName"]: _key(kms, one["TargetKeyId"]) for one in own}


def _key(kms: Any, key_id: str) -> Inventory:
    key = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    symmetric = key["KeySpec"] == "SYMMETRIC_DEFAULT"
    return {
        "id": key["KeyId"],
        "spec": key["KeySpec"],
        "usage": key["KeyUsage"],
        "state": key["KeyState"],
        "description": key["Description"],
        "rotates": symmetric and kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"],
        "policy": json.loads(kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]),
    }
