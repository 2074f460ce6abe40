"""The organization as tiercel.toml describes it: environments, accounts, services."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.base.values import Frozen
from tiercel.domain.organization.gate_settings import GateSettings
from tiercel.domain.organization.on_demand import EPHEMERAL, EphemeralSettings
from tiercel.domain.organization.parts import (
    REPOSITORY_PATTERN,
    AbsolutePath,
    AccessPortal,
    AccountId,
    ConsoleRole,
    EnvironmentName,
    ExternalId,
    GitHubId,
    ImagePlace,
    IndexHost,
    OneRepository,
    OrganizationName,
    OwnerOrRepository,
    Principal,
    Region,
    RemotePlace,
    RepositoryName,
    SecurityGroupId,
    ServiceName,
    ServiceParameter,
    SubnetId,
    VariableName,
    VpcId,
)
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.stack_rules import StackNames, StackRules

LONGEST_LEASE_SECONDS = 600
"""The longest lease that can be configured, and that anybody is believed to have."""
LEAST_RELEASES = 20
"""Of each stack the newest releases, whose artifacts are kept in any case."""
LEAST_DAYS = 90
"""Younger artifacts are kept in any case."""
PREPROD = "preprod"
"""The environment of the deployments `publish-artifact` and `deploy-to-preprod`."""
PROD = "prod"
"""The environment of the deployment `promote-to-prod`."""


class Organization(Frozen):
    """One GitHub repository, or several, and the prefix of every name Tiercel creates."""

    name: OrganizationName
    repositories: tuple[RepositoryName, ...] = ()
    github_ids: dict[OwnerOrRepository, GitHubId] = Field(default_factory=dict)
    access_portal: AccessPortal = ""
    console_role: ConsoleRole = "ReadOnlyAccess"

    def owns(self, repository: str) -> bool:
        """Tell whether commits of a repository, as `owner/name`, may be released.

        GitHub does not tell upper from lower case in either part.
        """
        if not re.fullmatch(REPOSITORY_PATTERN, repository):
            return False
        owner = repository.lower().partition("/")[0]
        allowed = {name.lower() for name in self.repositories}
        return repository.lower() in allowed or f"{owner}/*" in allowed

    def numbered(self, repository: str) -> str:
        """Return one of `repositories` with GitHub's ids, `OWNER@ID/NAME@ID`; empty without them.

        GitHub gives no id a second time, whoever may take the name.
        """
        ids = {name.lower(): number for name, number in self.github_ids.items()}
        owner, _, name = repository.partition("/")
        of_owner, own = ids.get(owner.lower()), ids.get(repository.lower())
        if of_owner is None or (own is None and name != "*"):
            return ""
        return f"{owner}@{of_owner}/{name}" + ("" if name == "*" else f"@{own}")

    @model_validator(mode="after")
    def _ids_of_listed(self) -> Self:
        """An id of what is not listed is a misspelt name; half of a subject is none.

        GitHub does not tell upper from lower case, so one of two spellings would win unseen.
        """
        owners = {one.lower().partition("/")[0] for one in self.repositories}
        known: dict[str, str] = {}
        for name in self.github_ids:
            first = known.setdefault(name.lower(), name)
            if first != name:
                raise ValueError(f"github_ids: {first} and {name} are one name")
        for name in self.github_ids:
            owner, slash, _ = name.lower().partition("/")
            listed = self.owns(name) if slash else owner in owners
            if not listed:
                raise ValueError(f"github_ids: `repositories` does not list {name}")
            if owner not in known:
                raise ValueError(f"github_ids: the id of {owner} is missing")
        return self


class RepositorySettings(Frozen):
    """What is said of one repository: the names under which it was released before.

    The first one comes first: services without a file are called after it.
    """

    formerly: tuple[OneRepository, ...] = ()


class BuildPlace(StrEnum):
    """Where the commands of a repository run."""

    ISOLATED = "isolated"
    """On the worker, in namespaces of its own, by bubblewrap."""
    HERE = "here"
    """On the worker, as the worker's user, without protection."""
    CODEBUILD = "codebuild"
    """In a project of the environment's InfrastructureAccount."""


LONGEST_REMOTE_SECONDS = 3000
"""Of a build's commands in CodeBuild, all together: less than the hour of a role's session."""


_READ_INSTEAD = {
    "PIP_INDEX_URL": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "PIP_EXTRA_INDEX_URL": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "PIP_FIND_LINKS": ("UV_FIND_LINKS",),
    "PIP_NO_INDEX": ("UV_NO_INDEX",),
}
"""By a variable of pip's, those of uv that say the same:
https://docs.astral.sh/uv/reference/environment/."""


class Builds(Frozen):
    """Where a service's own build runs, what it reaches there, and its limits."""

    where: BuildPlace = BuildPlace.ISOLATED
    indexes: tuple[IndexHost, ...] = ()
    index_credentials: dict[IndexHost, AbsolutePath] = Field(default_factory=dict)
    tools: tuple[AbsolutePath, ...] = ()
    timeout_seconds: Annotated[int, Field(strict=True, ge=10, le=7200)] = 900
    memory_mib: Annotated[int, Field(strict=True, ge=64, le=1_048_576)] = 4096
    processes: Annotated[int, Field(strict=True, ge=16, le=32_768)] = 1024
    disk_mib: Annotated[int, Field(strict=True, ge=16, le=1_048_576)] = 10_240
    pass_environment: tuple[VariableName, ...] = ()

    @model_validator(mode="after")
    def _in_an_hour(self) -> Self:
        """What a build in CodeBuild is given is signed with a session of an hour."""
        if self.where is BuildPlace.CODEBUILD and self.timeout_seconds > LONGEST_REMOTE_SECONDS:
            raise ValueError(
                f"timeout_seconds: in CodeBuild at most {LONGEST_REMOTE_SECONDS} seconds"
            )
        return self

    @model_validator(mode="after")
    def _indexes_that_are_read(self) -> Self:
        """uv reads none of pip's variables: it would ask the public index for private names."""
        for ignored, read in _READ_INSTEAD.items():
            if ignored in self.pass_environment and not set(read) & set(self.pass_environment):
                raise ValueError(
                    f"pass_environment: uv does not read {ignored}; pass {' or '.join(read)}"
                )
        return self

    @model_validator(mode="after")
    def _credentials_of_indexes(self) -> Self:
        """A credential of a host that builds do not reach is a misspelt host."""
        for host in self.index_credentials:
            if host not in self.indexes:
                raise ValueError(f"index_credentials: {host} is not among `indexes`")
        return self


class Leases(Frozen):
    """How long a stack waits for a run that gives no sign of life; seconds."""

    seconds: Annotated[int, Field(strict=True, ge=3, le=LONGEST_LEASE_SECONDS)] = 30


class Drills(Frozen):
    """How environments are deleted and rebuilt: in express mode or not, and how fast it has to be.

    Without an objective of more than 0 minutes any time will do. `prod_parameters` are those, as
    `SERVICE.Parameter`, that what production has live gets from production's own table where it is
    rebuilt beside; of all others it gets the values of environments on demand.
    """

    objective_minutes: Annotated[int, Field(strict=True, ge=0, le=10_080)] = 0
    express: Annotated[bool, Field(strict=True)] = False
    prod_parameters: Annotated[tuple[ServiceParameter, ...], Field(max_length=200)] = ()


class BuildNetwork(Frozen):
    """Where in the InfrastructureAccount's network CodeBuild's projects stand; by default nowhere.

    https://docs.aws.amazon.com/codebuild/latest/userguide/vpc-support.html
    """

    vpc: VpcId = ""
    subnets: Annotated[tuple[SubnetId, ...], Field(max_length=16)] = ()
    security_groups: Annotated[tuple[SecurityGroupId, ...], Field(max_length=5)] = ()

    @model_validator(mode="after")
    def _whole_or_nothing(self) -> Self:
        given = [bool(one) for one in (self.vpc, self.subnets, self.security_groups)]
        if any(given) and not all(given):
            raise ValueError("a VPC, its subnets and security groups are named together")
        return self


class Retention(Frozen):
    """What an artifact bucket keeps whatever is live: never less than by default; ages in days."""

    enabled: Annotated[bool, Field(strict=True)] = False
    days: Annotated[int, Field(strict=True, ge=LEAST_DAYS, le=36_500)] = LEAST_DAYS
    releases: Annotated[int, Field(strict=True, ge=LEAST_RELEASES, le=10_000)] = LEAST_RELEASES


class Environment(Frozen):
    """A pair of accounts in one region, fed by one branch.

    In production no role may delete a stack. An environment with `promotes_from`
    builds nothing: it pulls what that one has verified. `prod` is production and promotes from
    `preprod`, unless its table says otherwise. Templates may trust the accounts of `trusts`, and
    functions have layers of those of `layers_from`, beside the environment's own and AWS's.
    CloudFormation reads what Tiercel does not package from `reads_from` alone, and images that are
    not named by their digest come from `images_from`. CodeBuild's projects stand in
    `build_network`, which says what their builds reach.
    """

    name: EnvironmentName
    branch: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    region: Region
    infrastructure_account: AccountId
    runtime_account: AccountId
    external_id: ExternalId
    production: Annotated[bool, Field(strict=True)] = False
    promotes_from: Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9]{1,9})?$")] = ""
    trusts: tuple[Principal, ...] = ()
    layers_from: tuple[AccountId, ...] = ()
    reads_from: tuple[RemotePlace, ...] = ()
    images_from: tuple[ImagePlace, ...] = ()
    stacks: StackRules = StackRules()
    build_network: BuildNetwork = BuildNetwork()
    retention: Retention = Retention()
    gates: GateSettings = GateSettings()

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_prod(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("name") == PROD:
            return {"production": True, "promotes_from": PREPROD} | data
        return data

    @model_validator(mode="after")
    def _gates_of_promotions(self) -> Self:
        if self.gates != GateSettings() and not self.promotes_from:
            raise ValueError("gates: nothing is promoted to it, so nothing would ask them")
        return self


class Topology(Frozen):
    """Everything that the worker's own tiercel.toml says."""

    organization: Organization
    repositories: dict[OneRepository, RepositorySettings] = Field(default_factory=dict)
    builds: Builds = Builds()
    leases: Leases = Leases()
    drills: Drills = Drills()
    environments: dict[EnvironmentName, Environment]
    ephemeral: EphemeralSettings | None = None
    services: dict[ServiceName, Service] = Field(default_factory=dict)

    def current_name(self, repository: str) -> str:
        """Return the one name by which a repository is called, whichever of its names is given.

        It is in lower case: GitHub does not tell upper from lower case. A former name stands for
        the repository that had it, whoever may have taken it since.
        """
        name = repository.lower()
        for current, settings in self.repositories.items():
            if name in {former.lower() for former in settings.formerly}:
                return current.lower()
        return name

    def first_name(self, repository: str) -> str:
        """Return the oldest name of a repository that is told, after which its stacks are named."""
        for current, settings in self.repositories.items():
            if current.lower() == repository.lower() and settings.formerly:
                return settings.formerly[0]
        return repository

    def environment(self, name: str) -> Environment:
        """Return one environment; ConfigurationError when there is none of that name."""
        if name not in self.environments:
            raise ConfigurationError(
                "configuration.no_environment",
                f"there is no environment {name!r}",
                where="environments",
                state="nothing was called",
                remedy=f"choose one of {', '.join(self.environments)}",
            )
        return self.environments[name]

    def pullers_of(self, name: str) -> list[Environment]:
        """Return the environments that promote from one."""
        return [one for one in self.environments.values() if one.promotes_from == name]

    @property
    def verifying(self) -> Environment:
        """The environment from which the first production one in the file promotes.

        Raises ConfigurationError if there is none, which `parse_topology` does not let pass.
        """
        sources = [one.promotes_from for one in self.environments.values() if one.production]
        return self.environment(sources[0] if sources else "")

    @property
    def on_demand(self) -> EphemeralSettings:
        """What environments on demand may take; ConfigurationError where there are none."""
        if self.ephemeral is None:
            raise ConfigurationError(
                "configuration.no_ephemeral",
                "this organization has no environments on demand",
                where="ephemeral",
                why="tiercel.toml has no table [ephemeral]",
                state="nothing was called",
                remedy="add the table, which may be empty, and run "
                f"`tiercel provision {self.verifying.name}`, which makes their roles",
            )
        return self.ephemeral

    def hosts_on_demand(self, name: str) -> bool:
        """Tell whether environments on demand live in the accounts of an environment."""
        return self.ephemeral is not None and self.verifying.name == name

    def derived(self) -> Environment:
        """Return the environment that environments on demand have in common.

        It has its host's accounts and rules, but that everything in it has a name of its own.
        """
        host = self.verifying
        strict = host.stacks.model_copy(update={"names": StackNames.PREFIX})
        return host.model_copy(update={"name": EPHEMERAL, "stacks": strict})

    def with_services(self, services: dict[str, Service]) -> Self:
        """Return the same organization with the services that a commit describes."""
        return self.model_copy(update={"services": services})
