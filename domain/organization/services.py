"""The deployable folders of a repository, as tiercel.toml describes them."""

from __future__ import annotations

import graphlib
from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    field_validator,
    model_serializer,
)

from tiercel.domain.base.values import Frozen, Json
from tiercel.domain.organization.on_demand import EPHEMERAL
from tiercel.domain.organization.parts import (
    Argument,
    EnvironmentName,
    LogicalId,
    Parameters,
    ServiceName,
    relative_path,
)

_FIRST_STEP = "first-step"


class SmokeTest(Frozen):
    """Either a Lambda function to invoke or an address to call, and what must come back.

    `at` says when, where the function's traffic shifts: when all of it has gone over, or as soon
    as the new version has its first share.
    """

    invoke: LogicalId | None = None
    payload: Json = None
    http: LogicalId | None = None
    path: Annotated[str, StringConstraints(pattern=r"^/[\x21-\x7e]*$", max_length=1024)] = "/"
    method: Literal["GET", "POST"] = "GET"
    expect_status: Annotated[int, Field(strict=True, ge=100, le=599)] = 200
    expect: Json = None
    at: Literal["after-shift", "first-step"] = "after-shift"

    @property
    def asks_first_step(self) -> bool:
        """Whether the new version is to be asked while its traffic shifts."""
        return self.at == _FIRST_STEP

    @field_validator("http")
    @classmethod
    def _one_target(cls, http: str | None, info: Any) -> str | None:
        if (http is None) == (info.data.get("invoke") is None):
            raise ValueError("give either `invoke` or `http`")
        return http

    @field_validator("at")
    @classmethod
    def _only_a_version_has_shares(cls, at: str, info: Any) -> str:
        if at == _FIRST_STEP and info.data.get("invoke") is None:
            raise ValueError(f"`{_FIRST_STEP}` is only for `invoke`: an address has no version")
        return at

    @model_serializer(mode="wrap")
    def _as_always(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave the default out: versions of Tiercel that do not know `at` read the rest."""
        written: dict[str, Any] = write(self)
        return written if self.asks_first_step else {k: v for k, v in written.items() if k != "at"}

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class StackSeed(Frozen):
    """A function of the stack that fills it with data, and what it must answer.

    It is invoked once after a stack was created, where stacks come and go.
    """

    invoke: LogicalId
    payload: Json = None
    expect: Json = None


class EnvironmentOverrides(Frozen):
    """What one environment does differently for a service."""

    parameters: Parameters = Field(default_factory=dict)


class Service(Frozen):
    """A deployable folder of a repository."""

    name: ServiceName
    path: str
    template: str = "template.yaml"
    include: tuple[str, ...] = ()
    build: tuple[Argument, ...] = ()
    test: tuple[Argument, ...] = ()
    test_requirements: str | None = None
    network: Annotated[bool, Field(strict=True)] = False
    install_scripts: Annotated[bool, Field(strict=True)] = False
    role_names: Literal["own", "stack"] = "own"
    depends_on: tuple[ServiceName, ...] = ()
    parameters: Parameters = Field(default_factory=dict)
    environments: dict[EnvironmentName, EnvironmentOverrides] = Field(default_factory=dict)
    smoke_test: SmokeTest | None = None
    seed: StackSeed | None = None

    @field_validator("path", "template", "test_requirements")
    @classmethod
    def _relative(cls, path: str | None) -> str | None:
        return path if path is None else relative_path(path)

    @field_validator("include")
    @classmethod
    def _all_relative(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(relative_path(path) for path in paths)

    @property
    def template_path(self) -> str:
        """The template's path from the root of the repository."""
        return str(PurePosixPath(self.path) / self.template)

    def as_allowed_by(self, base: Service | None) -> Service:
        """Return the service as a pull request may build it, given what its base branch has.

        Whether a build may reach more than its indexes is for those who merge to say.
        """
        return self.model_copy(update={"network": base is not None and base.network})

    def as_on_demand(self, host: str) -> Service:
        """Return the service with what it gets in an environment on demand.

        What is said of `ephemeral` wins over what is said of the host.
        """
        both = {**self.environments.get(host, EnvironmentOverrides()).parameters}
        both |= self.environments.get(EPHEMERAL, EnvironmentOverrides()).parameters
        overrides = {**self.environments, EPHEMERAL: EnvironmentOverrides(parameters=both)}
        return self.model_copy(update={"environments": overrides})

    def with_parameters_of(self, environment: str, names: Collection[str]) -> Service:
        """Return the service with what another environment gets of these parameters, on demand."""
        there = self.parameters_in(environment)
        own = self.environments.get(EPHEMERAL, EnvironmentOverrides()).parameters
        taken = {**own, **{name: there[name] for name in names if name in there}}
        overrides = {**self.environments, EPHEMERAL: EnvironmentOverrides(parameters=taken)}
        return self.model_copy(update={"environments": overrides})

    def without(self, others: Collection[str]) -> Service:
        """Return the service as it is where it does not wait for others."""
        kept = tuple(name for name in self.depends_on if name not in others)
        return self.model_copy(update={"depends_on": kept})

    def parameters_in(self, environment: str) -> dict[str, str]:
        """Return the template parameters of one environment; the environment's own win."""
        overrides = self.environments.get(environment, EnvironmentOverrides())
        return {**self.parameters, **overrides.parameters}


def deployment_order(services: dict[str, Service]) -> dict[str, tuple[str, ...]]:
    """Return what each service waits for, in an order in which all can be deployed.

    Raises graphlib.CycleError when services wait for each other in a circle.
    """
    sorter = graphlib.TopologicalSorter({s.name: s.depends_on for s in services.values()})
    return {name: services[name].depends_on for name in sorter.static_order()}
