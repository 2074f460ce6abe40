"""An environment on demand comes up: its place is taken, then it is released as any other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from prefect import get_run_logger

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.ephemeral.contents import borrowed_by, contents_of, not_lent
from tiercel.domain.ephemeral.environments import (
    EphemeralRecord,
    EphemeralState,
    EphemeralWish,
    begun,
    in_state,
    information_tags,
    require_within_limits,
    seeded,
)
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.on_demand import EphemeralSettings
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Topology
from tiercel.domain.stack.observed import Stack
from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.release.preparation import PreparedCommit, ReleaseTarget, read_source_trees
from tiercel.tasks.records.ephemeral import change_environment, read_environments
from tiercel.tasks.source.repository import Commit
from tiercel.tasks.source.services import load_services
from tiercel.tasks.stack.seeds import seed_stack
from tiercel.tasks.stack.stacks import observe_stack
from tiercel.tasks.verification.template_checks import require_names_on_demand

FIXED_NAME = "template.name_without_prefix"
"""The code with which a template is refused that fixes a name."""


async def prepared_on_demand(
    topology: Topology, name: str, commit: Commit, branch: str, wanted: tuple[str, ...]
) -> PreparedCommit:
    """Return what is to be released to an environment on demand; nothing of it is made yet.

    Raises RefusedInputError for services that there are not, for templates that fix names, and
    for shared stacks that the host does not have.
    """
    described = await call(load_services, commit, topology)
    share, host = topology.on_demand.share, topology.verifying.name
    services = contents_of(described.services, wanted, share, host)
    topology = topology.with_services(services)
    names = Names.ephemeral(topology, name)
    environment = names.environment.model_copy(update={"branch": branch})
    target = ReleaseTarget.called(topology, replace(names, environment=environment))
    for service in services.values():
        await call(require_names_on_demand, commit, service, names)
    lent = await lent_outputs(topology, borrowed_by(services, share))
    return PreparedCommit(
        topology=topology,
        target=target,
        commit=commit,
        trees=await read_source_trees(commit, topology),
        branch=branch,
        lent=lent,
    )


async def lent_outputs(topology: Topology, shared: list[str]) -> dict[str, dict[str, str]]:
    """Return the outputs of the host's own stacks, which its auditor reads."""
    host = ReleaseTarget.of(topology, topology.verifying.name)

    async def outputs(service: str) -> dict[str, str]:
        stack = host.names.stack(service)
        found = await call(observe_stack, host.auditor, stack)
        if found is None:
            raise not_lent(service, host.names.environment.name, stack)
        return found.outputs

    return dict(zip(shared, await each(shared, outputs), strict=True))


async def place_taken(
    target: ReleaseTarget, wish: EphemeralWish, settings: EphemeralSettings
) -> EphemeralRecord:
    """Record that an environment comes up, and return its record.

    Raises RefusedInputError as `begun` does, and if the limits are reached: then it is recorded
    as gone again.
    """
    now = datetime.now(UTC)
    records = target.records
    record = await call(
        change_environment, records, wish.name, lambda found: begun(found, wish, settings, now)
    )
    try:
        everything = await call(read_environments, records)
        for one in everything.unreadable:
            get_run_logger().warning("left out of account: %s: %s", one.name, one.failure.what)
        require_within_limits(record, everything.readable, settings)
    except RefusedInputError:
        if record.created == now:
            await call(
                change_environment, records, wish.name,
                lambda found: in_state(found or record, EphemeralState.GONE, record.generation),
            )  # fmt: skip
        raise
    get_run_logger().info(
        "%s: stays until %s UTC, %s",
        record.name,
        f"{record.expires.astimezone(UTC):%d %b %H:%M}",
        f"for {record.owner}" if record.owner else "and has no owner",
    )
    return record


def in_its_place(
    prepared: PreparedCommit, record: EphemeralRecord, *, express: bool
) -> PreparedCommit:
    """Return the commit with what its stacks are told of their environment."""
    tags = information_tags(record)
    target = replace(prepared.target, tags=tags, express=express)

    async def fill(service: Service, stack: Stack) -> None:
        if service.seed is None or service.name in record.seeded:
            return
        answer = await call(seed_stack, target.deployer, stack, service.seed)
        get_run_logger().info("%s: filled with data: %s", service.name, answer)
        await call(
            change_environment, target.records, record.name,
            lambda found: seeded(found or record, service.name, record.generation),
        )  # fmt: skip

    return replace(prepared, target=target, fill=fill)
