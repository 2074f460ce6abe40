from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.support.codes import because
from tests.support.drills import (
    ACCOUNT,
    NOON,
    bucket,
    held,
    inventory,
    plan,
    resource,
    running,
    seen,
    stack_id,
)
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.drill.inventory import DataKind, SeenStack
from tiercel.domain.drill.plan import DrillPlan, changes_since
from tiercel.domain.drill.rules import (
    require_drillable,
    require_heeded,
    require_no_production,
    require_typed_approval,
)
from tiercel.domain.drill.standing_approval import StandingApproval, approved_by, exceeded
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.domain.release.ledger import Purpose
from tiercel.domain.stack.states import StackStatus

ORDERS = seen("orders", resources=(resource(), bucket("acme-preprod-orders-files-1x")))


def test_an_environment_of_tiercels_own_stacks_may_be_drilled(preprod: Names) -> None:
    storage = seen("storage", imported_by=("acme-preprod-orders",))
    kept = seen("kept", resources=(resource(retained=True), bucket(named=True)))
    stacks = (ORDERS, storage, kept)
    require_drillable(preprod, inventory(*stacks), running(*stacks), {"acme-preprod-files"})


FORGED = seen("orders", name="acme-preprod-extra", stack_id=stack_id("acme-preprod-extra"))
ELSEWHERE = stack_id("acme-preprod-orders").replace(ACCOUNT, "444444444444")


@pytest.mark.parametrize(
    ("stack", "known", "code"),
    [
        (seen("orders", stack_id=ELSEWHERE), True, "drill.wrong_account"),
        (seen("orders", name="other-preprod-orders"), True, "teardown.foreign_name"),
        (seen("orders", name="acme-prod-orders"), True, "teardown.foreign_name"),
        (seen("orders", name="acme-ephemeral-x-orders"), True, "teardown.foreign_name"),
        (seen("orders", tags={}), True, "drill.stack_not_ours"),
        (
            seen("orders", tags={**ORDERS.tags, "tiercel:organization": "other"}),
            True,
            "drill.stack_not_ours",
        ),
        (
            seen("orders", tags={**ORDERS.tags, "tiercel:environment": "prod"}),
            True,
            "drill.stack_not_ours",
        ),
        (FORGED, False, "drill.stack_not_ours"),
        (FORGED, True, "drill.other_service"),
        (seen("orders", protected=True), True, "drill.protected"),
        (seen("orders", status=StackStatus.UPDATE_IN_PROGRESS), True, "drill.stack_busy"),
        (seen("orders", status=StackStatus.DELETE_IN_PROGRESS), True, "drill.stack_busy"),
        (seen("orders", imported_by=("theirs",)), True, "drill.imported_elsewhere"),
        (
            seen("orders", resources=(resource(retained=True, named=True),)),
            True,
            "drill.retained_name",
        ),
        (seen("orders", resources=(bucket(named=True),)), True, "drill.name_would_be_free"),
    ],
)
def test_what_must_not_be_deleted_is_refused_by_its_own_reason(
    preprod: Names, stack: SeenStack, known: bool, code: str
) -> None:
    intents = running(stack) if known else {}
    with pytest.raises(RefusedInputError) as refused:
        require_drillable(preprod, inventory(stack), intents)
    assert code in {refused.value.code, *(one.code for one in refused.value.causes)}


def test_what_is_there_only_to_be_verified_is_not_rebuilt_for_good(preprod: Names) -> None:
    intents = running(ORDERS)
    tried = {
        name: intent.model_copy(update={"purpose": Purpose.CANDIDATE})
        for name, intent in intents.items()
    }
    with pytest.raises(RefusedInputError, check=because("drill.runs_candidate")):
        require_drillable(preprod, inventory(ORDERS), tried)


def test_production_other_accounts_and_nothing_at_all_are_refused(
    preprod: Names, topology: Topology
) -> None:
    prod = Names.of(topology, "prod")
    with pytest.raises(RefusedInputError, check=because("drill.production")):
        require_no_production(prod)
    with pytest.raises(RefusedInputError, check=because("drill.production")):
        require_drillable(prod, inventory(ORDERS), running(ORDERS))
    with pytest.raises(RefusedInputError, check=because("drill.wrong_account")):
        require_drillable(preprod, inventory(ORDERS, account="4" * 12), running(ORDERS))
    with pytest.raises(RefusedInputError, check=because("drill.nothing_there")):
        require_drillable(preprod, inventory(), {})


def test_the_name_of_one_bucket_gives_up_no_other(preprod: Names) -> None:
    stack = seen("orders", resources=(bucket(named=True),))
    with pytest.raises(RefusedInputError, check=because("drill.name_would_be_free")):
        require_drillable(preprod, inventory(stack), running(stack), {"acme-preprod-file"})


PLAN = plan(seen("orders", resources=(resource(),), data=(held(),)), seen("storage"))


@pytest.mark.parametrize(
    ("digest", "name", "code"),
    [
        ("", "acme-try", "drill.other_plan"),
        ("a" * 64, "acme-try", "drill.other_plan"),
        (PLAN.digest[:12], "acme-try", "drill.other_plan"),
        (PLAN.digest, "", "drill.other_account"),
        (PLAN.digest, "acme-prod", "drill.other_account"),
        (PLAN.digest, ACCOUNT, "drill.other_account"),
    ],
)
def test_who_types_another_digest_or_another_account_approves_nothing(
    digest: str, name: str, code: str
) -> None:
    require_typed_approval(PLAN, PLAN.digest, "acme-try")
    with pytest.raises(RefusedInputError, check=because(code)):
        require_typed_approval(PLAN, digest, name)


@pytest.mark.parametrize(
    "other",
    [
        plan(seen("orders", resources=(resource(),), data=(held(),))),
        plan(*[seen(name) for name in ("orders", "storage")]),
        plan(seen("orders", resources=(resource(),), data=(held("other"),)), seen("storage")),
        plan(
            seen("orders", resources=(resource(),), data=(held(),), token="manual"),
            seen("storage"),
        ),
        PLAN.model_copy(update={"account": "4" * 12}),
        PLAN.model_copy(update={"alias": "acme-prod"}),
        PLAN.model_copy(update={"environment": "prod"}),
        PLAN.model_copy(
            update={
                "stacks": (
                    PLAN.stacks[0].model_copy(update={"stack_id": stack_id("acme-prod-orders")}),
                    PLAN.stacks[1],
                )
            }
        ),
    ],
)
def test_a_plan_that_was_tampered_with_has_another_digest(other: DrillPlan) -> None:
    with pytest.raises(RefusedInputError, check=because("drill.other_plan")):
        require_typed_approval(other, PLAN.digest, "acme-try")


def test_data_that_came_since_is_covered_by_the_approval() -> None:
    more = held().model_copy(update={"items": 99})
    now = plan(seen("orders", resources=(resource(),), data=(more,)), seen("storage"))
    assert now.digest == PLAN.digest


def approval(**changes: Any) -> StandingApproval:
    values: dict[str, Any] = {
        "by": "ada",
        "environment": "preprod",
        "accounts": (ACCOUNT,),
        "stacks": ("acme-preprod-*",),
        "data": ("acme-preprod-*",),
        "expires": NOON + timedelta(days=1),
    }
    return StandingApproval(**values | changes)


NAMED = plan(seen("orders", resources=(bucket(named=True),)))


USERS = plan(seen("users", data=(held("eu-central-1_Users", DataKind.USER_POOL),)))


@pytest.mark.parametrize(
    ("of", "changes"),
    [
        (PLAN, {"environment": "staging"}),
        (PLAN, {"accounts": ("444444444444",)}),
        (PLAN, {"stacks": ("acme-preprod-storage",)}),
        (PLAN, {"stacks": ("acme-preprod",)}),
        (PLAN, {"stacks": ("acme-preprod-o*",)}),
        (PLAN, {"data": ()}),
        (PLAN, {"data": ("acme-preprod-table*",)}),
        (PLAN, {"expires": NOON}),
        (PLAN, {"expires": NOON - timedelta(days=400)}),
        (USERS, {}),
        (NAMED, {}),
        (NAMED, {"bucket_names": ("acme-preprod-logs",)}),
    ],
)
def test_what_exceeds_the_standing_approval_waits(of: DrillPlan, changes: dict[str, Any]) -> None:
    assert exceeded(of, approval(**changes), NOON)
    assert approved_by(of, [approval(**changes)], NOON) is None


def test_a_plan_within_a_standing_approval_goes_on() -> None:
    wide = approval(bucket_names=("acme-preprod-files",))
    assert approved_by(PLAN, [approval(stacks=("x-*",)), approval()], NOON) == approval()
    assert approved_by(NAMED, [approval(), wide], NOON) == wide


def _same(stack: SeenStack) -> SeenStack:
    return stack


@pytest.mark.parametrize(
    ("change", "is_new"),
    [
        (_same, False),
        (lambda one: one.model_copy(update={"data": (held(),)}), False),
        (lambda one: one.model_copy(update={"resources": ()}), False),
        (lambda one: one.model_copy(update={"token": "release-8-attempt-1"}), True),
        (lambda one: one.model_copy(update={"token": ""}), True),
        (lambda one: one.model_copy(update={"stack_id": stack_id(one.name, 2)}), True),
        (
            lambda one: one.model_copy(update={"resources": (*one.resources, resource("New"))}),
            True,
        ),
        (
            lambda one: one.model_copy(update={"resources": (resource(physical_id="other"),)}),
            True,
        ),
    ],
)
def test_a_stack_with_something_newer_than_the_plan_stays(
    change: Callable[[SeenStack], SeenStack], is_new: bool
) -> None:
    assert bool(changes_since(plan(ORDERS).stacks[0], change(ORDERS))) is is_new


@pytest.mark.parametrize(
    ("given", "unheeded"),
    [
        ("--foundation --give-up", "--give-up"),
        ("--shadow --foundation", "--foundation"),
        ("--shadow --approve --account", "--approve, --account"),
        ("--shadow --free-name", "--free-name"),
        ("--shadow --give-up --plan-only", "--give-up"),
        ("--plan-only --give-up", "--give-up"),
        ("--plan-only --approve --account", "--approve, --account"),
        ("--account", "--account"),
        ("--foundation --account", "--account"),
    ],
)
def test_an_option_that_a_drill_would_not_heed_is_refused(given: str, unheeded: str) -> None:
    with pytest.raises(RefusedInputError, check=because("drill.option_unheeded")) as refusal:
        require_heeded(given.split())
    assert refusal.value.where == unheeded


@pytest.mark.parametrize(
    "given",
    [
        "",
        "--give-up",
        "--shadow --plan-only",
        "--plan-only --free-name --foundation",
        "--approve --account --free-name --foundation",
        "--give-up --approve --account",
    ],
)
def test_what_a_drill_heeds_is_taken(given: str) -> None:
    require_heeded(given.split())
