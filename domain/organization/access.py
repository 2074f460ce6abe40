"""Who Tiercel becomes to make a call: a chain of roles, as a value."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tiercel.domain.organization.names import Names, Role, session_name


@dataclass(frozen=True)
class Access:
    """One role in one region, and the role from which it is assumed.

    Without `via` the role is assumed with whatever credentials the process has.
    `source_identity` leads every call in CloudTrail back to the flow run. `profile` is one of
    AWS's own configuration files, whose credentials stand in for those of the process. `policy` is
    that of the session, as JSON: it can do what both the role and this allow.
    """

    role_arn: str
    region: str
    source_identity: str
    external_id: str = ""
    via: Access | None = None
    profile: str = ""
    policy: str = ""

    @property
    def account(self) -> str:
        """The account that the role lives in."""
        return self.role_arn.split(":")[4]


@dataclass(frozen=True)
class Records:
    """The artifacts, ledger and leases of one environment: who reads and writes them, and where."""

    access: Access
    bucket: str


@dataclass(frozen=True)
class BuildProject:
    """A CodeBuild project of an environment, and the run that has it build.

    `tests` says that a build runs the service's tests as well, as for a pull request.
    """

    access: Access
    bucket: str
    name: str
    run: str
    tests: bool


def orchestrator(names: Names, run: str) -> Access:
    """Return the access of an environment's orchestrator, in its InfrastructureAccount."""
    return Access(
        role_arn=names.role_arn(Role.ORCHESTRATOR),
        region=names.environment.region,
        source_identity=session_name(run),
    )


def deployer(names: Names, run: str) -> Access:
    """Return the access of an environment's deployer, assumed from its orchestrator."""
    return _in_runtime(names, Role.DEPLOYER, run)


def auditor(names: Names, run: str) -> Access:
    """Return the access of an environment's auditor, assumed from its orchestrator."""
    return _in_runtime(names, Role.AUDITOR, run)


def destroyer(names: Names, run: str) -> Access:
    """Return the access of an environment's destroyer, assumed from its orchestrator.

    No environment of production has one.
    """
    return _in_runtime(names, Role.DESTROYER, run)


def _in_runtime(names: Names, role: Role, run: str) -> Access:
    return Access(
        role_arn=names.role_arn(role),
        region=names.environment.region,
        source_identity=session_name(run),
        external_id=names.environment.external_id,
        via=orchestrator(names, run),
    )


@dataclass(frozen=True)
class Target:
    """One environment, and the run that acts in it."""

    names: Names
    run: str

    @property
    def orchestrator(self) -> Access:
        """Who acts in the InfrastructureAccount."""
        return orchestrator(self.names, self.run)

    @property
    def deployer(self) -> Access:
        """Who acts in the RuntimeAccount."""
        return deployer(self.names, self.run)

    @property
    def auditor(self) -> Access:
        """Who reads in the RuntimeAccount."""
        return auditor(self.names, self.run)

    @property
    def builder(self) -> BuildProject:
        """The project that builds what is published."""
        return self._project(Role.BUILDER, tests=False)

    @property
    def verifier(self) -> BuildProject:
        """The project that builds and tests pull requests."""
        return self._project(Role.VERIFIER, tests=True)

    def _project(self, role: Role, *, tests: bool) -> BuildProject:
        bucket = self.names.artifact_bucket
        return BuildProject(self.orchestrator, bucket, self.names.role(role), self.run, tests)

    @property
    def destroyer(self) -> Access:
        """Who deletes stacks in the RuntimeAccount, outside of production."""
        return destroyer(self.names, self.run)

    @property
    def records(self) -> Records:
        """The environment's records, as its own orchestrator reads and writes them."""
        return Records(self.orchestrator, self.names.artifact_bucket)

    def records_of(self, source: Names) -> Records:
        """Return the records of the environment that this one promotes from, as it may read them.

        It is its own orchestrator that reads them, in the region where they are.
        """
        access = replace(self.orchestrator, region=source.environment.region)
        return Records(access, source.artifact_bucket)
