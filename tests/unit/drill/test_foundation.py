"""The RuntimeAccount's own resources in a drill: what may be destroyed, and what comes back."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.support.codes import because
from tests.support.drills import ACCOUNT, NOON, plan, seen
from tiercel.domain.accounts.terraform_plan import ResourceChange, TerraformPlan
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.drill.foundation import (
    TARGETS,
    foundation_of,
    require_approved_creation,
    require_approved_destruction,
    require_foundation_done,
    require_no_worker,
    require_nothing_on_demand,
)
from tiercel.domain.drill.plan import DrillPlan, Foundation
from tiercel.domain.drill.standing_approval import StandingApproval, exceeded
from tiercel.domain.pages.environment.drill_page import drill_plan_page
from tiercel.tasks.engine.resources import resource as file_of

ROLE = 'module.runtime_account.aws_iam_role.this["deployer"]'
BOUNDARY = "module.runtime_account.aws_iam_policy.boundary"
ON_DEMAND = 'module.ephemeral_environments[0].aws_iam_role.this["deployer"]'
BUCKET = "module.runtime_account.module.staging.aws_s3_bucket.this"
KEY = "module.infrastructure_account.aws_kms_key.artifacts"
NOTHING = TerraformPlan(environment="preprod", digest="0", changes=(), changes_outputs=False)


def planned(*addresses: str, action: str = "delete", digest: str = "d" * 64) -> TerraformPlan:
    changes = tuple(
        ResourceChange(address=one, resource_type="aws", action=action) for one in addresses
    )
    return TerraformPlan(
        environment="preprod", digest=digest, changes=changes, changes_outputs=bool(changes)
    )


APPROVED = foundation_of(NOTHING, planned(ROLE, BOUNDARY, ON_DEMAND))


def test_the_roles_and_boundaries_are_destroyed_and_nothing_else() -> None:
    assert Foundation(digest="d" * 64, addresses=(ON_DEMAND, BOUNDARY, ROLE)) == APPROVED


@pytest.mark.parametrize(
    "wrong",
    [
        planned(ROLE, BUCKET),
        planned(ROLE, KEY),
        planned(ROLE, f"{BUCKET}.aws_iam_role.this"),
        planned(ROLE, action="replace"),
        planned(ROLE, action="update"),
        planned(),
    ],
)
def test_more_than_the_runtime_accounts_roles_is_never_destroyed(wrong: TerraformPlan) -> None:
    with pytest.raises(RefusedInputError, check=because("drill.foundation_differs")):
        foundation_of(NOTHING, wrong)


@pytest.mark.parametrize(
    "wanted",
    [
        planned(ROLE, action="update"),
        TerraformPlan(environment="preprod", digest="", changes=(), changes_outputs=True),
    ],
)
def test_accounts_that_are_not_as_terraform_describes_them_are_provisioned_first(
    wanted: TerraformPlan,
) -> None:
    with pytest.raises(RefusedInputError, check=because("drill.foundation_not_provisioned")):
        foundation_of(wanted, planned(ROLE))


def test_what_a_kill_has_left_is_destroyed_without_another_approval() -> None:
    require_approved_destruction(APPROVED, planned(ROLE, digest="e" * 64))
    require_approved_destruction(APPROVED, planned())
    require_approved_destruction(APPROVED, planned(ROLE, BOUNDARY, ON_DEMAND))


def test_what_was_provisioned_again_after_a_kill_has_other_ids_and_is_destroyed() -> None:
    again = planned(ROLE, BOUNDARY, ON_DEMAND, digest="e" * 64)
    require_approved_destruction(APPROVED, again, begun=True)
    for wrong in (planned(ROLE, BUCKET), planned(f"{ROLE}x"), planned(ROLE, action="replace")):
        with pytest.raises(RefusedInputError, check=because("drill.foundation_differs")):
            require_approved_destruction(APPROVED, wrong, begun=True)


@pytest.mark.parametrize(
    ("require", "wrong"),
    [
        (require_approved_destruction, planned(ROLE, BOUNDARY, ON_DEMAND, digest="e" * 64)),
        (require_approved_destruction, planned(ROLE, BUCKET)),
        (require_approved_destruction, planned(f"{ROLE}x")),
        (require_approved_destruction, planned(ROLE, action="create")),
        (require_approved_creation, planned(ROLE, action="update")),
        (require_approved_creation, planned(BUCKET, action="create")),
        (require_approved_creation, planned(ROLE, action="delete")),
    ],
)
def test_what_nobody_approved_is_not_done(
    require: Callable[[Foundation, TerraformPlan], None], wrong: TerraformPlan
) -> None:
    with pytest.raises(RefusedInputError, check=because("drill.foundation_differs")):
        require(APPROVED, wrong)


def test_exactly_what_was_destroyed_is_made_again() -> None:
    require_approved_creation(APPROVED, planned(ROLE, BOUNDARY, action="create"))
    require_approved_creation(APPROVED, NOTHING)


def test_the_digest_that_is_approved_covers_the_foundation() -> None:
    stacks = plan(seen("orders"))
    with_it = stacks.model_copy(update={"foundation": APPROVED})
    other = APPROVED.model_copy(update={"digest": "e" * 64})
    digests = {one.digest for one in (stacks, with_it, _with(other))}
    assert len(digests) == 3
    assert "destroyed and made again" in drill_plan_page(with_it, None, [])
    assert "3 resources of the account" in with_it.summary()


def _with(foundation: Foundation) -> DrillPlan:
    return plan(seen("orders")).model_copy(update={"foundation": foundation})


def test_no_standing_approval_covers_it() -> None:
    approval = StandingApproval(
        by="ada",
        environment="preprod",
        accounts=(ACCOUNT,),
        stacks=("acme-*",),
        expires=NOON + timedelta(days=1),
    )
    assert exceeded(plan(seen("orders")), approval, NOON) == ()
    [why] = exceeded(_with(APPROVED), approval, NOON)
    assert "account's own" in why


def test_no_worker_destroys_it() -> None:
    require_no_worker(None)
    with pytest.raises(RefusedInputError, check=because("drill.foundation_in_worker")):
        require_no_worker("0b6f0c6e-8d6a-4d39-9f1e-000000000000")


def test_a_drill_that_is_to_destroy_it_goes_on_only_with_administrators() -> None:
    require_foundation_done(plan(seen("orders")), done=False)
    require_foundation_done(_with(APPROVED), done=True)
    with pytest.raises(RefusedInputError, check=because("drill.foundation_needed")):
        require_foundation_done(_with(APPROVED), done=False)


def test_environments_on_demand_keep_the_roles_that_they_use() -> None:
    require_nothing_on_demand([])
    with pytest.raises(RefusedInputError, check=because("drill.environments_on_demand")):
        require_nothing_on_demand(["login"])


def test_every_resource_of_the_runtime_account_is_destroyed_but_its_bucket() -> None:
    text = (file_of("terraform") / "modules" / "runtime-account" / "main.tf").read_text()
    written = {f"module.runtime_account.{kind}.{name}" for kind, name in
               re.findall(r'^resource "([a-z_]+)" "([a-z_]+)"', text, re.M)}  # fmt: skip
    assert written == {one for one in TARGETS if one.startswith("module.runtime_account.")}
    assert re.findall(r'^module "([a-z_]+)"', text, re.M) == ["policies", "staging"]
