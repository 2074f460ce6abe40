"""What the accounts of an environment hold before the first release, created idempotently."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import boto3
from botocore.config import Config

from tiercel.domain.accounts.composition import boundary_of, permissions_of
from tiercel.domain.accounts.provisioning import names_in, policy_values
from tiercel.domain.organization.names import RUNTIME_ROLES, Names, Role
from tiercel.domain.organization.on_demand import EPHEMERAL
from tiercel.domain.organization.topology import Topology
from tiercel.sandbox.accounts import identities, storage
from tiercel.sandbox.accounts.build_projects import ensure_build_projects
from tiercel.sandbox.accounts.credentials import APPROVER, OPERATOR, AccessKey, user_profiles
from tiercel.sandbox.accounts.templates import RenderedPolicy, render


@dataclass(frozen=True)
class Root:
    """The root of one account, as the sandbox's administrator."""

    endpoint: str
    account: str
    secret: str
    region: str

    def client(self, service: str) -> Any:
        """Return a client of a service in this account."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.account,
            aws_secret_access_key=self.secret,
            config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
        )


@dataclass(frozen=True)
class Seed:
    """One environment, what its policies need, and the roots of its two accounts.

    `on_demand` are the environments on demand that live in them.
    """

    names: Names
    values: dict[str, str]
    infrastructure: Root
    runtime: Root
    on_demand: Seed | None = None

    def policy(self, name: str) -> RenderedPolicy:
        """Return a policy filled in for this environment."""
        return render(name, self.values)


def seed_accounts(
    topology: Topology,
    endpoint: str,
    root_secret: str,
    known_keys: Mapping[str, AccessKey],
) -> dict[str, AccessKey]:
    """Create what is missing in every account and return the access key of each user's profile.

    `known_keys` has the keys that are on file, by profile; one stays if it still exists.
    """
    seeds = [_seed(topology, name, endpoint, root_secret) for name in topology.environments]
    with ThreadPoolExecutor(len(seeds)) as pool:
        keys = pool.map(partial(_seed_environment, known=known_keys), seeds)
        return {profile: key for one in keys for profile, key in one.items()}


def _seed(topology: Topology, environment: str, endpoint: str, secret: str) -> Seed:
    names = names_in(topology, environment)
    place = names.environment
    hosts = topology.hosts_on_demand(environment)
    return Seed(
        names=names,
        values=policy_values(topology, environment),
        infrastructure=Root(endpoint, place.infrastructure_account, secret, place.region),
        runtime=Root(endpoint, place.runtime_account, secret, place.region),
        on_demand=_seed(topology, EPHEMERAL, endpoint, secret) if hosts else None,
    )


def _seed_environment(seed: Seed, known: Mapping[str, AccessKey]) -> dict[str, AccessKey]:
    kms, names = seed.infrastructure.client("kms"), seed.names
    artifact_key = storage.ensure_key(kms, names.artifact_key_alias, storage.ARTIFACT_KEY)
    signing_key = storage.ensure_key(kms, names.signing_key_alias, storage.SIGNING_KEY)
    keys = {"artifact_key_arn": artifact_key, "signing_key_arn": signing_key}
    seed = replace(seed, values=seed.values | keys)
    users = _seed_infrastructure(seed, known)
    _seed_runtime(seed)
    if seed.on_demand:
        _seed_roles_of_stacks(replace(seed.on_demand, values=seed.on_demand.values | keys))
    kms.put_key_policy(KeyId=artifact_key, Policy=json.dumps(seed.policy("artifact-key")))
    kms.put_key_policy(KeyId=signing_key, Policy=json.dumps(seed.policy("signing-key")))
    return users


def _seed_infrastructure(seed: Seed, known: Mapping[str, AccessKey]) -> dict[str, AccessKey]:
    iam = seed.infrastructure.client("iam")
    identities.ensure_github_provider(iam)
    for role in seed.names.roles:
        if role not in RUNTIME_ROLES:
            _ensure_role(iam, seed, role)
    _ensure_bucket(seed, seed.infrastructure, seed.names.artifact_bucket, "artifact-bucket")
    ensure_build_projects(
        seed.infrastructure.client("codebuild"),
        seed.infrastructure.client("logs"),
        seed.names,
        seed.values["artifact_key_arn"],
    )
    permissions = {
        OPERATOR: seed.policy("operator-permissions"),
        APPROVER: _may_become(seed.names.role_arn(Role.APPROVER)),
    }
    return {
        profile: identities.ensure_user(iam, user, permissions[user], known.get(profile))
        for profile, user in user_profiles(seed.names.environment.name).items()
    }


def _may_become(role_arn: str) -> RenderedPolicy:
    """Return what a company's own identity needs that gives its word: the rest has the role."""
    actions = ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": role_arn}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _seed_runtime(seed: Seed) -> None:
    _seed_roles_of_stacks(seed)
    _ensure_bucket(seed, seed.runtime, seed.names.staging_bucket, "staging-bucket")


def _seed_roles_of_stacks(seed: Seed) -> None:
    """Make the roles of the RuntimeAccount; the service role of permanent stacks is bounded."""
    iam = seed.runtime.client("iam")
    bounds = None if seed.names.host else seed.names.boundary_arn
    identities.ensure_managed_policy(
        iam, seed.names.boundary_arn, seed.policy(boundary_of(seed.names))
    )
    _ensure_role(iam, seed, Role.CLOUDFORMATION, bounds)
    for role in seed.names.roles:
        if role in RUNTIME_ROLES - {Role.CLOUDFORMATION}:
            _ensure_role(iam, seed, role)


def _ensure_role(iam: Any, seed: Seed, role: Role, boundary_arn: str | None = None) -> None:
    identities.ensure_role(
        iam,
        seed.names.role(role),
        seed.policy(f"{role.value}-trust"),
        seed.policy(permissions_of(seed.names, role)),
        boundary_arn,
    )


def _ensure_bucket(seed: Seed, root: Root, bucket: str, policy: str) -> None:
    storage.ensure_bucket(
        root.client("s3"),
        bucket,
        root.region,
        seed.values["artifact_key_arn"],
        seed.policy(policy),
    )
