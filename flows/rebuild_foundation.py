"""rebuild_foundation: the drill that destroys and makes the RuntimeAccount's resources as well.

It has no deployment: it takes administrators of both accounts, which no worker has.
"""

from __future__ import annotations

from functools import partial

from prefect.runtime import deployment

from tiercel.domain.drill.foundation import require_no_worker
from tiercel.domain.drill.plan import DrillPlan
from tiercel.domain.drill.report import DrillReport
from tiercel.domain.drill.rules import require_no_production
from tiercel.domain.organization.names import Names
from tiercel.flows.check import check_accounts
from tiercel.flows.drill.approval import Approval, begun_or_approved
from tiercel.flows.drill.course import drilled
from tiercel.flows.drill.foundation import Ground, plan_foundation
from tiercel.flows.engine.concurrency import call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.naming import tag_flow_run
from tiercel.flows.engine.parameters import (
    AccountNameParameter,
    ApprovedDigestParameter,
    BucketNamesParameter,
    EnvironmentParameter,
    PlanOnlyParameter,
)
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.accounts.administrators import administrators_of, require_administrators
from tiercel.tasks.accounts.state_bucket import find_state_bucket
from tiercel.tasks.source.services import load_topology
from tiercel.tasks.source.topology_file import config_path


@lifecycle_flow("rebuild-foundation", "rebuild foundation")
async def rebuild_foundation(
    environment: EnvironmentParameter,
    approve: ApprovedDigestParameter = "",
    account: AccountNameParameter = "",
    bucket_names: BucketNamesParameter = "",
    plan_only: PlanOnlyParameter = False,  # noqa: FBT002 - as in the forms of other flows
) -> DrillReport | DrillPlan:
    """Drill an environment, and between its two halves destroy and make its account's resources.

    Raises RefusedInputError in a worker, before anything is called.

    Args:
        environment: The environment; production is refused.
        approve: The digest of the plan, as a person has read it.
        account: The alias of its RuntimeAccount, or its id if it has none; typed with the digest.
        bucket_names: Names of buckets that may become anybody's, separated by commas.
        plan_only: Show what would be deleted, destroyed and rebuilt, and end.
    """
    require_no_worker(deployment.get_id())
    topology = await call(load_topology, config_path())
    names = Names.of(topology, environment)
    require_no_production(names)
    target = ReleaseTarget.of(topology, environment)
    await tag_flow_run(environment)
    administrators = administrators_of(names)
    await call(require_administrators, names, administrators)
    await call(find_state_bucket, names, administrators.infrastructure)
    ground = Ground(topology, names, administrators, partial(check_accounts, topology, environment))
    asked = Approval(approve, account, frozenset(filter(None, bucket_names.split(","))))
    begun = await begun_or_approved(
        target,
        asked,
        topology.drills,
        partial(plan_foundation, ground, target),
        plan_only=plan_only,
    )
    if isinstance(begun, DrillPlan):
        return begun
    return await drilled(target, begun, topology.drills, ground)
