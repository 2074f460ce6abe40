"""The RuntimeAccount's own resources, which a drill may destroy and make again with Terraform.

They are the roles and boundaries of stacks, and nothing else: the staging bucket is kept, and of
the InfrastructureAccount nothing is touched.
"""

from __future__ import annotations

from collections.abc import Iterable

from tiercel.domain.accounts.terraform_plan import TerraformPlan
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.drill.plan import DrillPlan, Foundation

TARGETS = (
    "module.runtime_account.aws_iam_policy.boundary",
    "module.runtime_account.aws_iam_role.this",
    "module.runtime_account.aws_iam_role_policy.this",
    "module.ephemeral_environments",
)
"""What Terraform is told to destroy; whatever else it would destroy with it is refused."""
_UNTOUCHED = "nothing was deleted"
_AS_THEY_WERE = "the stacks are deleted, the account's own resources are as this run found them"


def foundation_of(wanted: TerraformPlan, destruction: TerraformPlan) -> Foundation:
    """Return what is destroyed and made again, given what Terraform plans in either direction.

    Raises RefusedInputError if the accounts are not what Terraform describes, since others would
    come back, and if more would go than the RuntimeAccount's roles and boundaries.
    """
    where = f"environment {wanted.environment}"
    if not wanted.is_empty:
        raise RefusedInputError(
            "drill.foundation_not_provisioned",
            f"the accounts of {wanted.environment} are not what Terraform describes",
            where=where,
            why=f"Terraform plans {wanted.summary()}",
            state=_UNTOUCHED,
            remedy=f"run `tiercel provision {wanted.environment}` first, then plan again",
        )
    addresses = tuple(sorted(one.address for one in destruction.changes))
    _require_within(destruction, addresses, _UNTOUCHED)
    if not addresses:
        raise _refused(where, "Terraform's state has nothing of it", _UNTOUCHED)
    return Foundation(digest=destruction.digest, addresses=addresses)


def require_approved_destruction(
    approved: Foundation, now: TerraformPlan, *, begun: bool = False
) -> None:
    """Return if Terraform destroys what was approved, or what is left of it after a kill.

    Where a run has `begun` with it, the same resources may have other ids since: they were
    provisioned again. Raises RefusedInputError for anything else: this run has destroyed nothing
    then.
    """
    _require_within(now, approved.addresses, _AS_THEY_WERE)
    is_whole = len(now.changes) == len(approved.addresses)
    if is_whole and not begun and now.digest != approved.digest:
        why = f"Terraform's plan is {now.digest}, approved was {approved.digest}"
        raise _refused(f"environment {now.environment}", why, _AS_THEY_WERE)


def require_approved_creation(approved: Foundation, now: TerraformPlan) -> None:
    """Return if Terraform makes nothing but what the drill has destroyed; else raise as above."""
    other = [
        f"{one.action} {one.address}"
        for one in now.changes
        if one.action != "create" or one.address not in approved.addresses
    ]
    if other:
        raise _refused(
            f"environment {now.environment}",
            f"Terraform would {', '.join(other)}",
            "the roles of the RuntimeAccount are destroyed",
        )


def require_nothing_on_demand(names: Iterable[str]) -> None:
    """Raise RefusedInputError if environments on demand use the roles that are destroyed."""
    there = sorted(names)
    if there:
        raise RefusedInputError(
            "drill.environments_on_demand",
            "environments on demand need what would be destroyed",
            where=f"environments {', '.join(there)}",
            why="their stacks have the boundary and the roles of the RuntimeAccount",
            state=_UNTOUCHED,
            remedy="take them down with `tiercel ephemeral down`, then plan again",
        )


def require_no_worker(deployment: str | None) -> None:
    """Raise RefusedInputError in a run of a deployment: no worker is an administrator."""
    if deployment:
        raise RefusedInputError(
            "drill.foundation_in_worker",
            "the account's own resources are not destroyed by a worker",
            where=f"deployment {deployment}",
            why="it takes administrators of both accounts, and a person who watches",
            state="nothing was called",
            remedy="run `tiercel rebuild ENVIRONMENT --foundation` on an administrator's machine",
        )


def require_foundation_done(plan: DrillPlan, *, done: bool) -> None:
    """Raise RefusedInputError if a drill with a foundation goes on where nobody may destroy it."""
    if plan.foundation and not done:
        raise RefusedInputError(
            "drill.foundation_needed",
            f"the drill of {plan.environment} is to destroy the account's own resources as well",
            where=f"environment {plan.environment}",
            why="it was approved so, and has not done it yet",
            state="this run changed nothing",
            remedy="let it go on on an administrator's machine: "
            f"`tiercel rebuild {plan.environment} --foundation`",
        )


def foundation_stays(environment: str) -> RefusedInputError:
    """Return why the account's own resources are left as they are."""
    return RefusedInputError(
        "drill.foundation_stays",
        "the account's own resources were not destroyed",
        where=f"environment {environment}",
        why="not every stack is gone, and what is there needs them; or the drill was given up",
        state="they are as they were",
        remedy="see why a stack stayed; the next drill tries again",
    )


def _require_within(plan: TerraformPlan, addresses: Iterable[str], state: str) -> None:
    allowed = {one for one in addresses if one.startswith(TARGETS)}
    other = [
        f"{one.action} {one.address}"
        for one in plan.changes
        if one.action != "delete" or one.address not in allowed
    ]
    if other:
        where = f"environment {plan.environment}"
        raise _refused(where, f"Terraform would {', '.join(other)}", state)


def _refused(where: str, why: str, state: str) -> RefusedInputError:
    return RefusedInputError(
        "drill.foundation_differs",
        "what Terraform would do to the RuntimeAccount is not what a drill may do",
        where=where,
        why=why,
        state=state,
        remedy="find out who changed the account or terraform/, and provision it; then let the "
        "drill go on",
    )
