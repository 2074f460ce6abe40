"""What every flow does first: find out what a commit means for an environment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from prefect.runtime import flow_run

from tiercel.domain.artifact.source_tree import SourceTree, paths_of_all, source_trees
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.access import Records, Target
from tiercel.domain.organization.names import Names, promoted_from
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import BuildPlace, Topology
from tiercel.domain.pages.links import Links
from tiercel.domain.release.opened_gates import OpenedGate
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.plan import Plan
from tiercel.flows.engine.concurrency import call
from tiercel.flows.engine.groups import in_group
from tiercel.flows.engine.naming import tag_flow_run
from tiercel.tasks.aws.caller import console_url
from tiercel.tasks.source.fetch import fetch_candidate, fetch_commit, fetch_merge_ref
from tiercel.tasks.source.mirrors import server_url
from tiercel.tasks.source.repository import Commit, find_objects
from tiercel.tasks.source.services import load_services, load_topology
from tiercel.tasks.source.topology_file import config_path
from tiercel.tasks.stack.waiting.under_way import StacksUnderWay

PlanGate = Callable[[Plan], Awaitable[None]]
"""Asked before the plan of a stack is executed; it raises to keep the stack as it is."""


@dataclass(frozen=True)
class ReleaseTarget(Target):
    """The environment that is released to, and the run that does it."""

    links: Links
    lease_seconds: float
    where: BuildPlace
    current_name: Callable[[str], str]
    """By which name a repository is called now, given any that it has had."""
    drill: int = 0
    """The drill of which this run is a part: it does not wait for that one."""
    under_way: StacksUnderWay | None = None
    """What all that wait for stacks share, where those are many."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """What stacks are tagged with besides; nothing is decided by it."""
    express: bool = False
    """Whether a stack counts as changed before all of its resources are ready."""
    revert_drift: bool = False
    """Whether what was changed past CloudFormation is brought back, also where all is live."""
    develop: str = ""
    """The branch into which releases are merged back, of an environment that is for production."""
    source: Names | None = None
    """The environment that this one promotes from, if it does."""

    @classmethod
    def of(cls, topology: Topology, environment: str) -> ReleaseTarget:
        """Return an environment as the target of the flow run that this is."""
        return cls.called(topology, Names.of(topology, environment))

    @classmethod
    def called(cls, topology: Topology, names: Names) -> ReleaseTarget:
        """Return the environment of these names as the target of the flow run that this is."""
        environment = names.environment
        develop = (
            topology.environment(environment.promotes_from).branch if environment.production else ""
        )
        return cls(
            names=names,
            run=str(flow_run.get_id() or "no-flow-run"),
            links=Links.of(topology, server_url(), console_url()),
            lease_seconds=topology.leases.seconds,
            where=topology.builds.where,
            current_name=topology.current_name,
            develop=develop,
            source=promoted_from(topology, names),
        )


@dataclass(frozen=True)
class PreparedCommit:
    """A commit, the services that it describes, and where they are going."""

    topology: Topology
    target: ReleaseTarget
    commit: Commit
    trees: dict[str, SourceTree]
    branch: str
    """The branch that the commit was found on: the environment's, or a candidate's."""
    lent: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Outputs of stacks that are not released with it, by the services that they are of."""
    fill: Callable[[Service, Stack], Awaitable[None]] | None = None
    """What is done to a stack before it is tested."""
    gate: PlanGate | None = None
    """What is asked once more before a stack is changed; it raises to keep it as it is."""
    opened: tuple[OpenedGate, ...] = ()
    """The gates of this promotion that are open by somebody's word."""

    def reverting(self, drift: bool) -> PreparedCommit:  # noqa: FBT001 - what a run was given
        """Return the same, whose stacks are brought back to their templates if that is wanted."""
        return replace(self, target=replace(self.target, revert_drift=drift))

    @property
    def source(self) -> Names:
        """The names of the environment from which the target promotes."""
        return Names.of(self.topology, self.target.names.environment.promotes_from)

    @property
    def source_records(self) -> Records:
        """The source environment's records, which the target's orchestrator may read."""
        return self.target.records_of(self.source)


@in_group("prepare")
async def prepare(repository: str, revision: str, environment: str) -> PreparedCommit:
    """Return what is to be released. Nothing has been called but git by then.

    Raises ConfigurationError or RefusedInputError for whatever is wrong with the
    worker's configuration, the repository, the commit or its services.
    """
    topology = await call(load_topology, config_path())
    branch = topology.environment(environment).branch
    name = require_repository(repository, topology)
    commit = await call(fetch_commit, name, revision, branch)
    return await _prepared(topology, environment, commit, branch)


@in_group("prepare")
async def prepare_merge(
    repository: str, number: int, head_commit: str, environment: str
) -> PreparedCommit:
    """Return what an environment would be given if a pull request into its branch were merged.

    Raises as `prepare` does, TransientError while GitHub has not prepared the merge of this head.
    """
    topology = await call(load_topology, config_path())
    name = require_repository(repository, topology)
    merge = await call(fetch_merge_ref, name, number, head_commit)
    branch = topology.environment(environment).branch
    return await _prepared(topology, environment, merge.commit, branch)


@in_group("prepare")
async def prepare_candidate(repository: str, revision: str) -> PreparedCommit:
    """Return what is to be verified in the environment that production promotes from.

    It is a commit of a hotfix or release branch or of production's, and of no other. Raises as
    `prepare` does.
    """
    topology = await call(load_topology, config_path())
    name = require_repository(repository, topology)
    commit, branch = await call(fetch_candidate, name, revision, topology)
    return await _prepared(topology, topology.verifying.name, commit, branch)


async def _prepared(
    topology: Topology, environment: str, commit: Commit, branch: str
) -> PreparedCommit:
    topology = await call(load_services, commit, topology)
    await tag_flow_run(environment, commit.repository, *topology.services, commit=commit.sha)
    return PreparedCommit(
        topology=topology,
        target=ReleaseTarget.of(topology, environment),
        commit=commit,
        trees=await read_source_trees(commit, topology),
        branch=branch,
    )


def require_repository(repository: str, topology: Topology) -> str:
    """Return the one name of a repository whose commits may be released.

    Raises RefusedInputError for any other.
    """
    name = topology.current_name(repository)
    if not topology.organization.owns(name):
        raise RefusedInputError(
            "source.foreign_repository",
            f"{repository!r} is not a repository of this organization",
            where="organization.repositories in tiercel.toml",
            state="nothing was fetched",
            remedy="add it there as owner/name, if its commits may be released",
        )
    return name


async def read_source_trees(commit: Commit, topology: Topology) -> dict[str, SourceTree]:
    """Return the source tree of each service as the commit has it."""
    services = topology.services.values()
    found = await call(find_objects, commit, paths_of_all(services))
    return source_trees(services, {path: one.id for path, one in found.items()})
