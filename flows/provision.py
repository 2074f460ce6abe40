"""provision_accounts: what an environment's two accounts hold, planned and applied."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tiercel.domain.accounts.terraform_plan import TerraformPlan, require_approval
from tiercel.domain.organization.names import Names
from tiercel.flows.engine.concurrency import call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.naming import tag_flow_run
from tiercel.flows.engine.parameters import (
    ApprovedDigestParameter,
    BootstrapParameter,
    EnvironmentParameter,
    PlanOnlyParameter,
)
from tiercel.flows.engine.terraform_root import initialized_root
from tiercel.flows.release.pages import report_terraform_plan
from tiercel.tasks.accounts.administrators import (
    administrators_of,
    require_administrators,
)
from tiercel.tasks.accounts.state_bucket import ensure_state_bucket, find_state_bucket
from tiercel.tasks.accounts.terraform import (
    apply_terraform,
    plan_terraform,
    private_folder,
    read_outputs,
)
from tiercel.tasks.engine.policy_files import require_fitting_policies
from tiercel.tasks.source.services import load_topology
from tiercel.tasks.source.topology_file import config_path


@dataclass(frozen=True)
class Provisioned:
    """What was planned, whether it was applied, and the outputs when nothing is left to do."""

    plan: TerraformPlan
    applied: bool
    outputs: dict[str, Any] = field(default_factory=dict)


@lifecycle_flow("provision-accounts", "provision")
async def provision_accounts(
    environment: EnvironmentParameter,
    approve: ApprovedDigestParameter = "",
    plan_only: PlanOnlyParameter = False,  # noqa: FBT002 - a check box of the form
    bootstrap: BootstrapParameter = False,  # noqa: FBT002 - the same
) -> Provisioned:
    """Bring an environment's two accounts to what Terraform describes, after an approval.

    Args:
        environment: The environment whose accounts are meant.
        approve: The digest of the plan to apply. If what is planned now differs, nothing is done.
        plan_only: Show what would change, and end.
        bootstrap: Create the bucket of Terraform's state first; needed once.
    """
    topology = await call(load_topology, config_path())
    require_fitting_policies(topology, str(config_path()))
    names = Names.of(topology, environment)
    await tag_flow_run(environment)
    administrators = administrators_of(names)
    await call(require_administrators, names, administrators)
    await call(
        ensure_state_bucket if bootstrap else find_state_bucket,
        names,
        administrators.infrastructure,
    )
    with private_folder() as folder:
        root = await initialized_root(folder, topology, names, administrators)
        file = await call(plan_terraform, root)
        await report_terraform_plan(file.plan)
        if file.plan.is_empty:
            return Provisioned(file.plan, applied=False, outputs=await call(read_outputs, root))
        if plan_only:
            return Provisioned(file.plan, applied=False)
        require_approval(file.plan, approve)
        await call(apply_terraform, root, file)
        return Provisioned(file.plan, applied=True, outputs=await call(read_outputs, root))
