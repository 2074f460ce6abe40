"""ephemeral_down: an environment on demand goes, with all its stacks."""

from __future__ import annotations

from dataclasses import dataclass

from prefect import get_run_logger

from tiercel.domain.ephemeral.environments import EphemeralRecord, going_down
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import PREPROD
from tiercel.domain.teardown.stack_deletion import DeletedStack
from tiercel.flows.engine.concurrency import call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.naming import tag_flow_run
from tiercel.flows.engine.parameters import EnvironmentOnDemandParameter, IfThereParameter
from tiercel.flows.ephemeral.going_down import take_down
from tiercel.flows.ephemeral.pages import report_environments
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.records.ephemeral import change_environment, read_environment
from tiercel.tasks.source.services import load_topology
from tiercel.tasks.source.topology_file import config_path


@dataclass(frozen=True)
class WentDown:
    """An environment on demand as it is recorded now, and what became of each of its stacks.

    Without a record there never was one.
    """

    record: EphemeralRecord | None
    deleted: list[DeletedStack]


@lifecycle_flow("ephemeral-down", "ephemeral down", PREPROD)
async def ephemeral_down(
    name: EnvironmentOnDemandParameter,
    if_there: IfThereParameter = False,  # noqa: FBT002 - a check box of the form
) -> WentDown:
    """Delete every stack of an environment on demand, and whatever of it was half made.

    Safe to repeat: what is gone is found gone. Its record and its releases stay in the ledger.

    Args:
        name: The environment, as `tiercel ephemeral list` names it.
        if_there: There is nothing to do, and no failure, if there never was one of that name.
    """
    topology = await call(load_topology, config_path())
    target = ReleaseTarget.called(topology, Names.ephemeral(topology, name))
    await tag_flow_run(PREPROD, target.names.title)
    if if_there and await call(read_environment, target.records, name) is None:
        get_run_logger().info("there never was an environment %s", name)
        return WentDown(None, [])
    record = await call(
        change_environment, target.records, name,
        lambda found: going_down(found, name, target.run),
    )  # fmt: skip
    deleted = await take_down(target, record, express=topology.on_demand.express)
    await report_environments(target)
    now = await call(read_environment, target.records, name)
    return WentDown(now or record, deleted)
