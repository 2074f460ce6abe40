"""The organization as tiercel.toml describes it: environments, accounts, services."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import (
    Field,
    StringConstraints,
)

from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.base.values import Frozen
from tiercel.domain.organization.parts import (
    REPOSITORY_PATTERN,
    AccessPortal,
    AccountId,
    ConsoleRole,
    EnvironmentName,
    ExternalId,
    OrganizationName,
    Region,
    RepositoryName,
    ServiceName,
    VariableName,
)
from tiercel.domain.organization.services import Service

REQUIRED_ENVIRONMENTS = ("preprod", "prod")


class Organization(Frozen):
    """One GitHub repository, or several, and the prefix of every name Tiercel creates."""

    name: OrganizationName
    repositories: tuple[RepositoryName, ...] = ()
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


class Builds(Frozen):
    """Limits of a service's own build; seconds."""

    timeout_seconds: Annotated[int, Field(strict=True, ge=10, le=7200)] = 900
    pass_environment: tuple[VariableName, ...] = ()


class Leases(Frozen):
    """How long a stack waits for a run that gives no sign of life; seconds."""

    seconds: Annotated[int, Field(strict=True, ge=3, le=600)] = 30


class Environment(Frozen):
    """A pair of accounts in one region, fed by one branch."""

    name: EnvironmentName
    branch: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    region: Region
    infrastructure_account: AccountId
    runtime_account: AccountId
    external_id: ExternalId


class Topology(Frozen):
    """Everything that the worker's own tiercel.toml says."""

    organization: Organization
    builds: Builds = Builds()
    leases: Leases = Leases()
    environments: dict[EnvironmentName, Environment]
    services: dict[ServiceName, Service] = Field(default_factory=dict)

    def environment(self, name: str) -> Environment:
        """Return one environment; KeyError when there is none of that name."""
        return self.environments[name]

    def with_services(self, services: dict[str, Service]) -> Self:
        """Return the same organization with the services that a commit describes."""
        return self.model_copy(update={"services": services})


def no_environment(name: str, topology: Topology) -> ConfigurationError:
    """Return the error for an environment that tiercel.toml does not have."""
    return ConfigurationError(
        "configuration.no_environment",
        f"there is no environment {name!r}",
        where="environments",
        remedy=f"choose one of {', '.join(topology.environments)}",
    )
