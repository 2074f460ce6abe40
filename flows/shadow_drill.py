"""shadow_drill: what production has live is rebuilt beside Preprod, timed, and taken down again."""

from __future__ import annotations

from tiercel.domain.drill.plan import DrillPlan
from tiercel.domain.drill.record import ApprovalKind
from tiercel.domain.drill.report import DrillReport
from tiercel.domain.drill.shadow import require_production
from tiercel.domain.ephemeral.environments import OriginKind
from tiercel.domain.ephemeral.origins import Origin
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import PREPROD, PROD
from tiercel.flows.drill.approval import begun_already, opened_with
from tiercel.flows.drill.reports import finish
from tiercel.flows.drill.shadow import planned_shadow
from tiercel.flows.drill.shadow_rebuild import (
    rebuild_shadow,
    shadow_of,
    shadow_source,
    take_shadow_down,
    verify_shadow,
)
from tiercel.flows.drill.under_way import Drill
from tiercel.flows.engine.concurrency import call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.naming import tag_flow_run
from tiercel.flows.engine.parameters import PlanOnlyParameter, ShadowedParameter
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.aws.caller import caller_arn
from tiercel.tasks.source.services import load_topology
from tiercel.tasks.source.topology_file import config_path


@lifecycle_flow("shadow-drill", "shadow drill", PREPROD)
async def shadow_drill(
    live_of: ShadowedParameter = PROD,
    plan_only: PlanOnlyParameter = False,  # noqa: FBT002 - a check box of the form
) -> DrillReport | DrillPlan:
    """Rebuild what production has live in an environment on demand, time that, and take it down.

    Nothing of production is touched or read: it has told what runs there. A drill that is open
    goes on where it was stopped. Returns its report, or the plan if only that is asked for.

    Args:
        live_of: The environment whose live artifacts are rebuilt; it has to be production.
        plan_only: Show what would be rebuilt and what is left out, and end.
    """
    topology = await call(load_topology, config_path())
    require_production(Names.of(topology, live_of))
    name = Origin(OriginKind.DRILL, live_of).name("")
    target = ReleaseTarget.called(topology, Names.ephemeral(topology, name))
    await tag_flow_run(PREPROD, target.names.title)
    begun, source = await begun_already(target), None
    if begun is None:
        plan = await planned_shadow(topology, target, live_of)
        if plan_only:
            return plan
        source = await shadow_source(topology, target, plan)
        who = await call(caller_arn, target.names.environment.region)
        begun = await opened_with(target, plan, ApprovalKind.NOT_NEEDED, who, topology.drills)
    elif plan_only:
        return begun.plan
    shadow = await shadow_of(topology, await Drill.taken_up(target, begun), source)
    await rebuild_shadow(shadow)
    await verify_shadow(shadow)
    await take_shadow_down(shadow)
    return await finish(shadow.drill, topology.drills)
