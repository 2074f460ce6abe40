"""The organization as tiercel.toml describes it: environments, accounts, services."""

from __future__ import annotations

import graphlib
import json
import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
)

REQUIRED_ENVIRONMENTS = ("preprod", "prod")

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_RESERVED_BUCKET_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_LONGEST_PATH = 1024
_LONGEST_PARAMETER = 4096
_OWNER = r"[A-Za-z0-9][A-Za-z0-9-]{0,38}"
_REPOSITORY = r"[.]{0,2}[A-Za-z0-9_-][A-Za-z0-9._-]{0,97}"
REPOSITORY_PATTERN = f"^{_OWNER}/{_REPOSITORY}$"
"""What GitHub takes as `owner/name`."""


def _unreserved(organization: str) -> str:
    if f"{organization}-".startswith(_RESERVED_BUCKET_PREFIXES):
        raise ValueError("S3 reserves bucket names that start like this")
    return organization


def _short_in_bytes(value: str) -> str:
    if len(value.encode(errors="replace")) > _LONGEST_PARAMETER:
        raise ValueError(f"must not be longer than {_LONGEST_PARAMETER} bytes")
    return value


def _json_value(value: Any) -> Any:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError("must be JSON: no dates, no nan or inf, not nested deeply") from error
    return value


AccountId = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{12}$"), Field(description="12 digits, in quotes")
]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,4}(-[a-z]+)+-[0-9]$")]
OrganizationName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,14}[a-z0-9]$"),
    AfterValidator(_unreserved),
]
EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{1,9}$")]
ServiceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,38}[a-z0-9]$")]
RepositoryName = Annotated[str, StringConstraints(pattern=rf"^{_OWNER}/({_REPOSITORY}|[*])$")]
AccessPortal = Annotated[str, StringConstraints(pattern=r"^(https://[A-Za-z0-9./-]{1,200})?$")]
ConsoleRole = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+=,.@_-]{1,32}$")]
ExternalId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{8,64}$")]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
LogicalId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,255}$")]
Argument = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Json = Annotated[Any, AfterValidator(_json_value)]
ParameterValue = Annotated[
    str, StringConstraints(max_length=_LONGEST_PARAMETER), AfterValidator(_short_in_bytes)
]
Parameters = Annotated[dict[LogicalId, ParameterValue], Field(max_length=200)]


class Frozen(BaseModel):
    """A value: it never changes, and a key that nobody reads is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
        if not re.fullmatch(f"{_OWNER}/{_REPOSITORY}", repository):
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


class SmokeTest(Frozen):
    """Either a Lambda function to invoke or an address to call, and what must come back."""

    invoke: LogicalId | None = None
    payload: Json = None
    http: LogicalId | None = None
    path: Annotated[str, StringConstraints(pattern=r"^/[\x21-\x7e]*$", max_length=1024)] = "/"
    method: Literal["GET", "POST"] = "GET"
    expect_status: Annotated[int, Field(strict=True, ge=100, le=599)] = 200
    expect: Json = None

    @field_validator("http")
    @classmethod
    def _one_target(cls, http: str | None, info: Any) -> str | None:
        if (http is None) == (info.data.get("invoke") is None):
            raise ValueError("give either `invoke` or `http`")
        return http

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class EnvironmentOverrides(Frozen):
    """What one environment does differently for a service."""

    parameters: Parameters = {}


class Service(Frozen):
    """A deployable folder of a repository."""

    name: ServiceName
    path: str
    template: str = "template.yaml"
    include: tuple[str, ...] = ()
    build: tuple[Argument, ...] = ()
    test: tuple[Argument, ...] = ()
    depends_on: tuple[ServiceName, ...] = ()
    parameters: Parameters = {}
    environments: dict[EnvironmentName, EnvironmentOverrides] = {}
    smoke_test: SmokeTest | None = None

    @field_validator("path", "template")
    @classmethod
    def _relative(cls, path: str) -> str:
        return relative_path(path)

    @field_validator("include")
    @classmethod
    def _all_relative(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(relative_path(path) for path in paths)

    @property
    def template_path(self) -> str:
        """The template's path from the root of the repository."""
        return str(PurePosixPath(self.path) / self.template)

    def parameters_in(self, environment: str) -> dict[str, str]:
        """Return the template parameters of one environment; the environment's own win."""
        overrides = self.environments.get(environment, EnvironmentOverrides())
        return {**self.parameters, **overrides.parameters}


class Topology(Frozen):
    """Everything that the worker's own tiercel.toml says."""

    organization: Organization
    builds: Builds = Builds()
    leases: Leases = Leases()
    environments: dict[EnvironmentName, Environment]
    services: dict[ServiceName, Service] = {}

    def environment(self, name: str) -> Environment:
        """Return one environment; KeyError when there is none of that name."""
        return self.environments[name]

    def with_services(self, services: dict[str, Service]) -> Self:
        """Return the same organization with the services that a commit describes."""
        return self.model_copy(update={"services": services})


def relative_path(path: str) -> str:
    """Return the path normalized; ValueError unless it stays inside the repository."""
    if not path or "\\" in path or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", path):
        raise ValueError("must be a path with forward slashes and no control characters")
    if len(path) > _LONGEST_PATH:
        raise ValueError(f"must not be longer than {_LONGEST_PATH} characters")
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        raise ValueError("must stay inside the repository: no leading `/` and no `..`")
    return str(pure)


def deployment_order(services: dict[str, Service]) -> dict[str, tuple[str, ...]]:
    """Return what each service waits for, in an order in which all can be deployed.

    Raises graphlib.CycleError when services wait for each other in a circle.
    """
    sorter = graphlib.TopologicalSorter({s.name: s.depends_on for s in services.values()})
    return {name: services[name].depends_on for name in sorter.static_order()}
