"""What every flow does first: find out what a commit means for an environment."""

from __future__ import annotations

from dataclasses import dataclass, replace

from prefect.runtime import flow_run

from tiercel.domain.artifact.source_tree import SourceTree, source_paths, source_tree
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.access import Access, deployer, orchestrator
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology, no_environment
from tiercel.domain.pages.links import Links
from tiercel.flows.engine.concurrency import call
from tiercel.flows.engine.naming import tag_flow_run
from tiercel.tasks.source.fetch import fetch_commit, server_url
from tiercel.tasks.source.repository import Commit, object_ids
from tiercel.tasks.source.services import load_services, load_topology
from tiercel.tasks.source.topology_file import config_path


@dataclass(frozen=True)
class ReleaseTarget:
    """The environment that is released to, and the run that does it."""

    names: Names
    links: Links
    run: str
    lease_seconds: float

    @classmethod
    def of(cls, topology: Topology, environment: str) -> ReleaseTarget:
        """Return an environment as the target of the flow run that this is."""
        return cls(
            names=Names.of(topology, environment),
            links=Links.of(topology, server_url()),
            run=str(flow_run.get_id() or "no-flow-run"),
            lease_seconds=topology.leases.seconds,
        )

    @property
    def orchestrator(self) -> Access:
        """Who acts in the InfrastructureAccount."""
        return orchestrator(self.names, self.run)

    @property
    def deployer(self) -> Access:
        """Who acts in the RuntimeAccount."""
        return deployer(self.names, self.run)

    @property
    def bucket(self) -> str:
        """Where artifacts, ledger and leases are."""
        return self.names.artifact_bucket


@dataclass(frozen=True)
class Candidate:
    """A commit, the services that it describes, and where they are going."""

    topology: Topology
    target: ReleaseTarget
    commit: Commit
    trees: dict[str, SourceTree]

    @property
    def names(self) -> Names:
        """The names of the environment's resources."""
        return self.target.names

    @property
    def links(self) -> Links:
        """The addresses that people open."""
        return self.target.links

    @property
    def run(self) -> str:
        """The flow run, by which AWS and the ledger know it."""
        return self.target.run

    @property
    def orchestrator(self) -> Access:
        """Who acts in the InfrastructureAccount."""
        return self.target.orchestrator

    def source_names(self, environment: str) -> Names:
        """The names of another environment, from which this one pulls."""
        return Names.of(self.topology, environment)

    def reader_of(self, environment: str) -> Access:
        """Who reads another environment's artifacts: this one's own orchestrator."""
        region = self.topology.environment(environment).region
        return replace(self.orchestrator, region=region)


async def prepare(repository: str, revision: str, environment: str) -> Candidate:
    """Return what is to be released. Nothing has been called but git by then.

    Raises ConfigurationError or RefusedInputError for whatever is wrong with the
    worker's configuration, the repository, the commit or its services.
    """
    topology = await call(load_topology, config_path())
    if environment not in topology.environments:
        raise no_environment(environment, topology)
    check_repository(repository, topology)
    commit = await call(
        fetch_commit, repository, revision, topology.environments[environment].branch
    )
    topology = await call(load_services, commit, topology)
    await tag_flow_run(environment, repository, *topology.services)
    return Candidate(
        topology=topology,
        target=ReleaseTarget.of(topology, environment),
        commit=commit,
        trees=source_trees(commit, topology),
    )


def check_repository(repository: str, topology: Topology) -> None:
    """Raise RefusedInputError for a repository whose commits may not be released."""
    if not topology.organization.owns(repository):
        raise RefusedInputError(
            "source.foreign_repository",
            f"{repository!r} is not a repository of this organization",
            where="organization.repositories in tiercel.toml",
            state="nothing was fetched",
            remedy="add it there as owner/name, if its commits may be released",
        )


def source_trees(commit: Commit, topology: Topology) -> dict[str, SourceTree]:
    """Return the source tree of each service as the commit has it."""
    return {
        name: source_tree(service, object_ids(commit, source_paths(service)))
        for name, service in topology.services.items()
    }
