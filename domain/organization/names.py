"""The name of everything that Tiercel creates, derived from the topology alone.

Every function is total: whatever text comes from a repository, the answer is legal
where it is used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.base.text import fingerprint, legal_text, printable
from tiercel.domain.organization.topology import Environment, Topology

_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}
_DNS_SUFFIXES = {
    "aws-cn": "amazonaws.com.cn",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
    "aws-eusc": "amazonaws.eu",
}
GITHUB_ISSUER = "token.actions.githubusercontent.com"
"""Who issues the tokens of GitHub's workflows, as IAM names it."""

_BUCKET_LIMIT = 63
_SESSION_LIMIT = 64
_RUN_NAME_LIMIT = 100
_COMMIT = re.compile(r"[0-9a-fA-F]{40,64}")


class Role(StrEnum):
    """The roles of an environment; the value ends the role's name."""

    ORCHESTRATOR = "orchestrator"
    BUILDER = "builder"
    VERIFIER = "verifier"
    TRIGGER = "trigger"
    RETENTION = "retention"
    APPROVER = "approver"
    DEPLOYER = "deployer"
    CLOUDFORMATION = "cloudformation"
    AUDITOR = "auditor"
    DESTROYER = "destroyer"


RUNTIME_ROLES = frozenset({Role.DEPLOYER, Role.CLOUDFORMATION, Role.AUDITOR, Role.DESTROYER})
"""Roles that live in the RuntimeAccount; all others live in the InfrastructureAccount."""
EPHEMERAL_ROLES = (Role.DEPLOYER, Role.CLOUDFORMATION, Role.DESTROYER)
"""Roles that environments on demand have of their own; all others are their host's."""


@dataclass(frozen=True)
class Names:
    """The names of one environment's resources.

    An environment on demand has a `host`, whose buckets, keys and builds it uses, and a name,
    `on_demand`, with which the names of its stacks begin. Its own roles are those of all
    environments on demand, which the names without `on_demand` stand for.
    """

    organization: str
    environment: Environment
    host: Environment | None = None
    on_demand: str = ""

    @classmethod
    def of(cls, topology: Topology, environment: str) -> Self:
        """Return the names of one environment; ConfigurationError if there is none of that name."""
        return cls(topology.organization.name, topology.environment(environment))

    @classmethod
    def ephemeral(cls, topology: Topology, name: str = "") -> Self:
        """Return the names of an environment on demand, or of what all of them have in common.

        Raises ConfigurationError where the organization has none.
        """
        _ = topology.on_demand
        organization = topology.organization.name
        return cls(organization, topology.derived(), topology.verifying, name)

    @property
    def prefix(self) -> str:
        """What every role, policy, bucket and stack of the environment starts with."""
        return f"{self.organization}-{self.environment.name}-"

    @property
    def host_prefix(self) -> str:
        """The prefix of what an environment on demand has of its host; else the own one."""
        return f"{self.organization}-{(self.host or self.environment).name}-"

    @property
    def partition(self) -> str:
        """The AWS partition of the environment's region, as ARNs name it."""
        return partition_of(self.environment.region)

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles that the environment has of its own: in production none deletes stacks."""
        if self.host:
            return EPHEMERAL_ROLES
        is_production = self.environment.production
        return tuple(role for role in Role if not (is_production and role is Role.DESTROYER))

    def account_of(self, role: Role) -> str:
        """Return the id of the account in which the role lives."""
        if role in RUNTIME_ROLES:
            return self.environment.runtime_account
        return self.environment.infrastructure_account

    def role(self, role: Role) -> str:
        """Return the role's name: at most 64 characters, as IAM demands."""
        is_own = self.host is None or role in EPHEMERAL_ROLES
        return (self.prefix if is_own else self.host_prefix) + role.value

    def role_arn(self, role: Role) -> str:
        """Return the role's ARN, in the account where it lives."""
        return f"arn:{self.partition}:iam::{self.account_of(role)}:role/{self.role(role)}"

    @property
    def boundary(self) -> str:
        """The managed policy that bounds the `cloudformation` role and all that it creates."""
        return self.prefix + "boundary"

    @property
    def boundary_arn(self) -> str:
        """The boundary's ARN, in the RuntimeAccount."""
        account = self.environment.runtime_account
        return f"arn:{self.partition}:iam::{account}:policy/{self.boundary}"

    @property
    def artifact_bucket(self) -> str:
        """The bucket of artifacts and ledger, in the InfrastructureAccount."""
        return self._bucket("artifacts", self.environment.infrastructure_account)

    @property
    def staging_bucket(self) -> str:
        """The bucket that CloudFormation reads from, in the RuntimeAccount."""
        return self._bucket("staging", self.environment.runtime_account)

    @property
    def state_bucket(self) -> str:
        """The bucket of Terraform's state, in the InfrastructureAccount."""
        return self._bucket("terraform", self.environment.infrastructure_account)

    def _bucket(self, purpose: str, account: str) -> str:
        """End in the region, or in its hash where the region makes the name too long.

        The longest part before the region has 51 of 63 characters, so `ap-southeast-1`
        does not always fit:
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
        """
        region = self.environment.region
        name = f"{self.host_prefix}{purpose}-{account}-"
        return name + (region if len(name + region) <= _BUCKET_LIMIT else fingerprint(region))

    def object_url(self, bucket: str, key: str) -> str:
        """Return the address by which CloudFormation reads an object of the region."""
        suffix = _DNS_SUFFIXES.get(self.partition, "amazonaws.com")
        return f"https://{bucket}.s3.{self.environment.region}.{suffix}/{key}"

    @property
    def sts_host(self) -> str:
        """The host of STS in the environment's region.

        https://docs.aws.amazon.com/general/latest/gr/sts.html
        """
        suffix = _DNS_SUFFIXES.get(self.partition, "amazonaws.com")
        return f"sts.{self.environment.region}.{suffix}"

    @property
    def github_provider_arn(self) -> str:
        """The ARN of the provider of GitHub's tokens, in the InfrastructureAccount."""
        account = self.environment.infrastructure_account
        return f"arn:{self.partition}:iam::{account}:oidc-provider/{GITHUB_ISSUER}"

    @property
    def check_stack(self) -> str:
        """The stack that a check plans and nobody makes; no service's name has a capital."""
        return f"{self.prefix}CHECK"

    @property
    def prefect_secret(self) -> str:
        """The secret with the credential of the environment's Prefect API."""
        return f"{self.prefix}prefect-api"

    @property
    def artifact_key_alias(self) -> str:
        """The alias of the KMS key that encrypts artifacts."""
        return f"alias/{self.host_prefix}artifacts"

    @property
    def signing_key_alias(self) -> str:
        """The alias of the KMS key that signs provenance."""
        return f"alias/{self.host_prefix}signing"

    @property
    def signing_key_arn(self) -> str:
        """The ARN of that alias, by which other accounts name the key too.

        https://docs.aws.amazon.com/kms/latest/APIReference/API_GetPublicKey.html
        """
        place = self.environment
        account = place.infrastructure_account
        return f"arn:{self.partition}:kms:{place.region}:{account}:{self.signing_key_alias}"

    @property
    def title(self) -> str:
        """How the environment is called where people read, such as on GitHub."""
        name = self.environment.name
        return f"{name}/{self.on_demand}" if self.on_demand else name

    @property
    def page(self) -> str:
        """How the keys of its pages in Prefect end: a-z, 0-9 and hyphens."""
        return self.title.replace("/", "-")

    @property
    def stack_prefix(self) -> str:
        """What the names of the environment's stacks begin with."""
        return f"{self.prefix}{self.on_demand}-" if self.on_demand else self.prefix

    def stack(self, service: str) -> str:
        """Return the name of the service's stack: `[A-Za-z][A-Za-z0-9-]{0,127}`."""
        return self.stack_prefix + service

    def stack_tags(self, service: str) -> dict[str, str]:
        """Return the tags of the service's stack, by which Tiercel knows that it made the stack."""
        tags = {
            "tiercel:organization": self.organization,
            "tiercel:environment": self.environment.name,
            "tiercel:service": service,
        }
        return tags | ({"tiercel:name": self.on_demand} if self.on_demand else {})


def names_of_stack(topology: Topology, stack: str) -> Names:
    """Return the names of the environment whose prefix a stack's name has.

    Raises RefusedInputError if it is none's.
    """
    known = [Names.of(topology, name) for name in topology.environments]
    for names in known:
        if stack.startswith(names.prefix):
            return names
    raise RefusedInputError(
        "parameter.foreign_stack",
        f"stack {printable(stack, _RUN_NAME_LIMIT)} belongs to no environment",
        why=f"the names of stacks begin with {', '.join(names.prefix for names in known)}",
        state="nothing was called",
        remedy="see `tiercel status` for the stacks of every environment",
    )


def promoted_from(topology: Topology, names: Names) -> Names | None:
    """Return the names of the environment that one promotes from, None if it promotes from none."""
    source = names.environment.promotes_from
    return Names.of(topology, source) if source else None


def partition_of(region: str) -> str:
    """Return the AWS partition that a region belongs to."""
    for prefix, partition in _PARTITIONS.items():
        if region.startswith(prefix):
            return partition
    return "aws"


def session_name(*parts: str | int) -> str:
    """Return the parts, joined by hyphens, as an STS session name or SourceIdentity.

    A legal text of 2 to 64 characters stays as it is; any other is cleaned and ends in
    a fingerprint, so that two texts never share a name:
    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    """
    return legal_text(parts, r"[^A-Za-z0-9_+=,.@-]", 2, _SESSION_LIMIT)


def deployment_of(flow: str, environment: str) -> str:
    """Return the deployment of a flow in an environment, as FLOW/NAME.

    Prefect's lists show the name first, so it says by itself what a run does and where.
    """
    return f"{flow}/{flow}" if flow.endswith(f"-{environment}") else f"{flow}/{flow}-{environment}"


def former_deployment(deployment: str, environment: str) -> str:
    """Return what an earlier version called a deployment, which was after its environment alone.

    Of one that is not called as ours are it is its name: an organization's own took over no other.
    """
    flow = deployment.partition("/")[0]
    is_ours = deployment == deployment_of(flow, environment)
    return f"{flow}/{environment}" if is_ours else deployment


def run_name(action: str, environment: str, service: str, commit: str) -> str:
    """Return a flow run's name, such as `deploy preprod orders@1a2b3c4`; see `printable`.

    A commit id is shortened, the name of a branch is not.
    """
    short = short_commit(commit) if _COMMIT.fullmatch(commit) else commit
    name = f"{action} {environment} {service}@{short}"
    return printable(name, _RUN_NAME_LIMIT)


def with_commit(name: str, asked: str, commit: str) -> str:
    """Return a flow run's name with the commit that it is about, unless it was asked for by that.

    `asked` is what the run was given: `deploy preprod orders@develop (1a2b3c4)`.
    """
    if not commit or _COMMIT.fullmatch(asked):
        return name
    end = f" ({short_commit(commit)})" if asked else short_commit(commit)
    return printable(name, _RUN_NAME_LIMIT - len(end)) + end
