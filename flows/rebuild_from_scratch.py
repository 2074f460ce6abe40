"""rebuild_from_scratch: an environment is deleted, proven empty, rebuilt, verified and timed."""

from __future__ import annotations

from tiercel.domain.drill.plan import DrillPlan
from tiercel.domain.drill.report import DrillReport
from tiercel.domain.drill.rules import require_no_production
from tiercel.domain.organization.names import Names
from tiercel.flows.drill.approval import Approval, begun_or_approved
from tiercel.flows.drill.course import drilled
from tiercel.flows.engine.concurrency import call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.naming import tag_flow_run
from tiercel.flows.engine.parameters import (
    AccountNameParameter,
    ApprovedDigestParameter,
    BucketNamesParameter,
    EnvironmentParameter,
    GiveUpParameter,
    PlanOnlyParameter,
)
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.source.services import load_topology
from tiercel.tasks.source.topology_file import config_path


@lifecycle_flow("rebuild-from-scratch", "rebuild")
async def rebuild_from_scratch(
    environment: EnvironmentParameter,
    approve: ApprovedDigestParameter = "",
    account: AccountNameParameter = "",
    bucket_names: BucketNamesParameter = "",
    plan_only: PlanOnlyParameter = False,  # noqa: FBT002 - a check box of the form
    give_up: GiveUpParameter = False,  # noqa: FBT002 - the same
) -> DrillReport | DrillPlan:
    """Delete every stack of an environment, prove it empty, rebuild it from the ledger, verify.

    A drill that is open goes on where it was stopped. Returns its report, or the plan if
    only that is asked for.

    Args:
        environment: The environment; production is refused.
        approve: The digest of the plan, as a person has read it.
        account: The alias of its RuntimeAccount, or its id if it has none; typed with the digest.
        bucket_names: Names of buckets that may become anybody's, separated by commas.
        plan_only: Show what would be deleted and rebuilt, and end.
        give_up: Delete nothing more of a drill that is open, rebuild what is gone, and end also if
            that fails.
    """
    topology = await call(load_topology, config_path())
    require_no_production(Names.of(topology, environment))
    target = ReleaseTarget.of(topology, environment)
    await tag_flow_run(environment)
    asked = Approval(approve, account, frozenset(filter(None, bucket_names.split(","))))
    begun = await begun_or_approved(target, asked, topology.drills, plan_only=plan_only)
    if isinstance(begun, DrillPlan):
        return begun
    return await drilled(target, begun, topology.drills, give_up=give_up)
