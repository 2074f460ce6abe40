"""How the two accounts of an environment must be: what a check compares them with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tiercel.domain.accounts.bucket_check import WantedBucket
from tiercel.domain.accounts.composition import boundary_of, permissions_of
from tiercel.domain.accounts.findings import Thing
from tiercel.domain.accounts.key_check import WantedKey
from tiercel.domain.accounts.observations import Unread
from tiercel.domain.accounts.role_check import WantedRole
from tiercel.domain.base.values import PolicyDocument
from tiercel.domain.organization.names import RUNTIME_ROLES, Names, Role

INFRASTRUCTURE_ROLES = tuple(role for role in Role if role not in RUNTIME_ROLES)
POLICIES = (
    *(f"{role}-{kind}" for role in Role for kind in ("trust", "permissions")),
    "cloudformation-boundary",
    "ephemeral-permissions",
    "ephemeral-boundary",
    "artifact-bucket",
    "staging-bucket",
    "artifact-key",
    "signing-key",
)
"""The policies of `policies/` that a check compares."""

_WITH_EXTERNAL_ID = (Role.DEPLOYER, Role.AUDITOR, Role.DESTROYER)
_KEPT = (
    "packages/",
    "manifests/",
    "provenance/",
    "ledger/",
    "verifications/",
    "holds/",
    "ephemeral/",
)
_EXPIRING = ("leases/", "results/", "sources/")


@dataclass(frozen=True)
class WantedEnvironment:
    """Everything of an environment that a check looks at.

    `subjects` are the `sub` claims of workflows that may trigger runs. `policies` has each
    policy filled in, or why that is not possible; `artifact_key` is the key's ARN, empty
    while it is not known.
    """

    names: Names
    subjects: tuple[str, ...]
    policies: Mapping[str, PolicyDocument | Unread]
    artifact_key: str = ""

    @property
    def remedy(self) -> str:
        """What brings an account back to what it must be."""
        name = (self.names.host or self.names.environment).name
        return f"`tiercel provision {name}` shows the difference, and mends it once approved"

    def infrastructure(self, name: str) -> Thing:
        """Return something of the InfrastructureAccount."""
        return Thing(self.names.environment.infrastructure_account, name)

    def runtime(self, name: str) -> Thing:
        """Return something of the RuntimeAccount."""
        return Thing(self.names.environment.runtime_account, name)

    def role_thing(self, role: Role) -> Thing:
        """Return a role, in the account where it lives."""
        return Thing(self.names.account_of(role), f"role {self._called(role)}")

    def role(self, role: Role) -> WantedRole:
        """Return how a role must be."""
        names = self.names
        return WantedRole(
            thing=self.role_thing(role),
            name=role.value,
            trust=self.policies[f"{role}-trust"],
            permissions=self.policies[permissions_of(names, role)],
            remedy=self.remedy,
            external_id=names.environment.external_id if role in _WITH_EXTERNAL_ID else "",
            subjects=self.subjects if role is Role.TRIGGER else (),
            boundary=names.boundary_arn if role is Role.CLOUDFORMATION and not names.host else "",
        )

    @property
    def artifact_bucket(self) -> WantedBucket:
        """How the artifact bucket must be: nothing of a release may expire."""
        thing = self.infrastructure("artifact bucket")
        return self._bucket(thing, self.names.artifact_bucket, "artifact-bucket", _KEPT)

    @property
    def staging_bucket(self) -> WantedBucket:
        """How the staging bucket must be; its content can be staged again."""
        return self._bucket(
            self.runtime("staging bucket"), self.names.staging_bucket, "staging-bucket", ()
        )

    def _bucket(
        self, thing: Thing, bucket: str, policy: str, kept: tuple[str, ...]
    ) -> WantedBucket:
        return WantedBucket(
            thing=thing,
            arn=f"arn:{self.names.partition}:s3:::{bucket}",
            key_arn=self.artifact_key,
            policy_name=policy,
            policy=self.policies[policy],
            kept=kept,
            expiring=_EXPIRING if kept else (),
            remedy=self.remedy,
        )

    @property
    def encryption_key(self) -> WantedKey:
        """How the key of artifacts must be."""
        return WantedKey(
            thing=self.infrastructure("artifact key"),
            alias=self.names.artifact_key_alias,
            spec="SYMMETRIC_DEFAULT",
            usage="ENCRYPT_DECRYPT",
            rotates=True,
            policy_name="artifact-key",
            policy=self.policies["artifact-key"],
            remedy=self.remedy,
        )

    @property
    def signing_key(self) -> WantedKey:
        """How the key of provenance must be."""
        return WantedKey(
            thing=self.infrastructure("signing key"),
            alias=self.names.signing_key_alias,
            spec="ECC_NIST_P256",
            usage="SIGN_VERIFY",
            rotates=False,
            policy_name="signing-key",
            policy=self.policies["signing-key"],
            remedy=self.remedy,
        )

    @property
    def boundary(self) -> Thing:
        """The permissions boundary of what stacks create, and of the permanent ones' role."""
        return self.runtime(self._called("boundary"))

    @property
    def boundary_policy(self) -> PolicyDocument | Unread:
        """What the boundary must say."""
        return self.policies[boundary_of(self.names)]

    def _called(self, name: str) -> str:
        """Return what something is called, where environments on demand have it as well."""
        return f"ephemeral {name}" if self.names.host else name

    def seen_by_orchestrator(self) -> Iterable[Thing]:
        """Return what cannot be checked without the orchestrator: nearly everything."""
        yield from (self.role_thing(role) for role in INFRASTRUCTURE_ROLES[1:])
        yield self.artifact_bucket.thing
        yield self.encryption_key.thing
        yield self.signing_key.thing
        yield self.infrastructure("GitHub's provider")
        yield from self.seen_by_auditor()
        yield self.runtime("stacks")

    def seen_by_auditor(self) -> Iterable[Thing]:
        """Return what the auditor alone can read."""
        yield from (self.role_thing(role) for role in self.names.roles if role in RUNTIME_ROLES)
        yield self.boundary
        yield self.staging_bucket.thing
        yield self.runtime("account")
