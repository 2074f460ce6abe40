"""ephemeral_down: an environment on demand goes, with all its stacks."""

from __future__ import annotations

from dataclasses import dataclass

from tiercel.domain.ephemeral.environments import EphemeralRecord, going_down
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import PREPROD
from tiercel.domain.teardown.stack_deletion import DeletedStack
from tiercel.flows.engine.concurrency import call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.naming import tag_flow_run
from tiercel.flows.engine.parameters import EnvironmentOnDemandParameter
from tiercel.flows.ephemeral.going_down import take_down
from tiercel.flows.ephemeral.pages import report_environments
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.records.ephemeral import change_environment
from tiercel.tasks.source.services import load_topology
from tiercel.tasks.source.topology_file import config_path


@dataclass(frozen=True)
class WentDown:
    """An environment on demand that is gone, and what became of each of its stacks."""

    record: EphemeralRecord
    deleted: list[DeletedStack]


@lifecycle_flow("ephemeral-down", "ephemeral down", PREPROD)
async def ephemeral_down(name: EnvironmentOnDemandParameter) -> WentDown:
    """Delete every stack of an environment on demand, and whatever of it was half made.

    Safe to repeat: what is gone is found gone. Its record and its releases stay in the ledger.

    Args:
        name: The environment, as `tiercel ephemeral list` names it.
    """
    topology = await call(load_topology, config_path())
    target = ReleaseTarget.called(topology, Names.ephemeral(topology, name))
    await tag_flow_run(PREPROD, target.names.title)
    record = await call(
        change_environment, target.records, name,
        lambda found: going_down(found, name, target.run),
    )  # fmt: skip
    deleted = await take_down(target, record, express=topology.on_demand.express)
    await report_environments(target)
    return WentDown(record, deleted)
