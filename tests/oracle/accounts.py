"""The accounts of a running sandbox: policies that lose a part, and callers for principals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.oracle.mutants import Mutant
from tests.oracle.world import (
    ADMINISTRATOR,
    ENVIRONMENTS,
    TOPOLOGY,
    VALUES,
    names_of,
    role_of_session,
)
from tests.sandbox.support import Caller, caller
from tiercel.domain.accounts.provisioning import policy_values
from tiercel.domain.organization.names import RUNTIME_ROLES, Names, Role
from tiercel.sandbox.accounts import identities
from tiercel.sandbox.accounts.credentials import OPERATOR, user_profiles
from tiercel.sandbox.accounts.templates import RenderedPolicy, render
from tiercel.sandbox.lifecycle import Sandbox

_INLINE_POLICY = "permissions"
_EVERYBODY: RenderedPolicy = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:*"}],
}

_NEVER = {"Condition": {"StringEquals": {"aws:PrincipalAccount": "nobody's"}}}


class Policies:
    """The policies of both environments, which an administrator may change."""

    def __init__(self, box: Sandbox) -> None:
        """Look up what the policies name that the accounts chose."""
        self._box = box
        self._values = {name: self._values_of(name) for name in ENVIRONMENTS}

    def take_away(self, mutant: Mutant) -> None:
        """Take a part of a policy away, in both environments."""
        for name in ENVIRONMENTS:
            policy = self._policy(name, mutant.name)
            left = mutant.applied(policy)
            # AWS takes no policy without a statement: one that never holds stands in.
            left["Statement"] = left["Statement"] or [policy["Statement"][0] | _NEVER]
            self._attach(name, mutant.name, left)

    @contextmanager
    def without(self, mutant: Mutant) -> Iterator[None]:
        """Take a part of a policy away for a while."""
        self.take_away(mutant)
        try:
            yield
        finally:
            self._restore(mutant.name)

    def key_arn(self, arn: str) -> str:
        """Return what the proof's name of a key is here; any other ARN stays as it is."""
        for name in ENVIRONMENTS:
            for key in ("artifact_key_arn", "signing_key_arn"):
                if arn == VALUES[name][key]:
                    return self._values[name][key]
        return arn

    def put_objects(self, arns: Iterable[str]) -> None:
        """Put an object at each ARN that lies in one of our buckets, as whose bucket it is."""
        owners = {
            bucket: self._root(name, runtime=runtime).client("s3")
            for name in ENVIRONMENTS
            for bucket, runtime in (
                (names_of(name).artifact_bucket, False),
                (names_of(name).staging_bucket, True),
            )
        }
        for arn in set(arns):
            bucket, _, key = arn.removeprefix("arn:aws:s3:::").partition("/")
            if bucket in owners:
                owners[bucket].put_object(Bucket=bucket, Key=key, Body=b"x")

    def callers(self, principals: Iterable[str]) -> dict[str, Caller]:
        """Return the principals of a journal; for a moment everybody may become their roles.

        A role that is none of the environments' is made as a stack makes it: in the boundary,
        with every permission of its own.
        """
        found = {who: self._caller(who) for who in set(principals)}
        for role in Role:
            self._restore(f"{role.value}-trust")
        return found

    def _caller(self, principal: str) -> Caller:
        environment, runtime = _account(principal)
        for profile, user in user_profiles(environment).items():
            if principal.endswith(f":user/{user}"):
                return caller(self._box, profile)
        role_arn = role_of_session(principal)
        name = role_arn.rpartition("/")[2]
        kind = name.removeprefix(VALUES[environment]["prefix"])
        root = self._root(environment, runtime=runtime)
        if kind in set(Role):
            self._attach(environment, f"{kind}-trust", _EVERYBODY)
        else:
            boundary = names_of(environment).boundary_arn
            iam = root.client("iam")
            identities.ensure_role(iam, name, _EVERYBODY, ADMINISTRATOR, boundary)
        return root.assume(role_arn)

    def _restore(self, policy: str) -> None:
        for name in ENVIRONMENTS:
            self._attach(name, policy, self._policy(name, policy))

    def _policy(self, environment: str, policy: str) -> RenderedPolicy:
        return render(policy, self._values[environment])

    def _root(self, environment: str, *, runtime: bool) -> Caller:
        account = "runtime" if runtime else "infrastructure"
        return caller(self._box, f"{environment}-{account}-root")

    def _values_of(self, environment: str) -> Mapping[str, str]:
        kms = self._root(environment, runtime=False).client("kms")
        names = names_of(environment)
        keys = {
            "artifact_key_arn": names.artifact_key_alias,
            "signing_key_arn": names.signing_key_alias,
        }
        return policy_values(TOPOLOGY, environment) | {
            key: kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"] for key, alias in keys.items()
        }

    def _attach(self, environment: str, name: str, policy: RenderedPolicy) -> None:
        """Give a policy to whatever it is the policy of."""
        subject, _, kind = name.rpartition("-")
        names, document = names_of(environment), json.dumps(policy)
        if subject in set(Role) - set(names.roles):
            return
        root = self._root(environment, runtime=subject in {*RUNTIME_ROLES, "staging"})
        if kind == "bucket":
            bucket = names.staging_bucket if subject == "staging" else names.artifact_bucket
            root.client("s3").put_bucket_policy(Bucket=bucket, Policy=document)
        elif kind == "key":
            key = self._values[environment][f"{subject}_key_arn"]
            root.client("kms").put_key_policy(KeyId=key, Policy=document)
        else:
            _attach_to_identity(root.client("iam"), names, subject, kind, policy)


def _attach_to_identity(
    iam: Any, names: Names, subject: str, kind: str, policy: RenderedPolicy
) -> None:
    document, role = json.dumps(policy), names.prefix + subject
    if kind == "boundary":
        identities.ensure_managed_policy(iam, names.boundary_arn, policy)
    elif kind == "trust":
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=document)
    elif subject == OPERATOR:
        iam.put_user_policy(UserName=OPERATOR, PolicyName=_INLINE_POLICY, PolicyDocument=document)
    else:
        iam.put_role_policy(RoleName=role, PolicyName=_INLINE_POLICY, PolicyDocument=document)


def _account(principal: str) -> tuple[str, bool]:
    """Return the environment of a principal, and whether it is in its RuntimeAccount."""
    account = principal.split(":")[4]
    return next(
        (name, key == "runtime_account")
        for name in ENVIRONMENTS
        for key in ("infrastructure_account", "runtime_account")
        if VALUES[name][key] == account
    )
