"""reap: what is over, and what nobody owns, goes; everything with its reason."""

from __future__ import annotations

from tiercel.domain.teardown.reaper import ReapReport
from tiercel.flows.engine.concurrency import call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.naming import tag_flow_run
from tiercel.flows.engine.parameters import DryRunParameter, EnvironmentParameter
from tiercel.flows.reaping.reaper import reap_once
from tiercel.tasks.source.services import load_topology
from tiercel.tasks.source.topology_file import config_path


@lifecycle_flow("reap", "reap")
async def reap(
    environment: EnvironmentParameter,
    dry_run: DryRunParameter = False,  # noqa: FBT002 - a check box of the form
) -> ReapReport:
    """Destroy environments on demand that are over, and delete what no stack owns.

    Nothing of production, and nothing without Tiercel's tags or names. Whose environment ends
    within the hour is told. The run fails if something could not be deleted.

    Args:
        environment: The environment in whose accounts is looked.
        dry_run: Show what would go, and delete nothing.
    """
    topology = await call(load_topology, config_path())
    await tag_flow_run(environment)
    return await reap_once(topology, environment, dry_run=dry_run)
