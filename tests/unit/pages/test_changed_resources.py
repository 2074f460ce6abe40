"""What the pages say of a resource that goes: whether it is deleted, or kept, or nobody knows."""

from __future__ import annotations

import pytest

from tests.support.promotion_plans import plan as promotion
from tests.support.promotion_plans import planned
from tests.unit.pages.pull_request.test_comment import HEAD, VERIFIED
from tests.unit.pages.pull_request.test_promotion import verdict
from tests.unit.pages.test_release_pages import LINKS, NAMES
from tests.unit.pages.test_release_pages import plan as stack_plan
from tiercel.domain.approvals.plans import PlannedChange
from tiercel.domain.pages.plan_page import BesidePlan, plan_page
from tiercel.domain.pages.promotion_page import promotion_page
from tiercel.domain.pages.pull_request.comment import comment
from tiercel.domain.review.stack_plans import StackPlan
from tiercel.domain.review.verdicts import Reviewed
from tiercel.domain.stack.needed_actions import RoleCheck
from tiercel.domain.stack.plan import Change

TABLE, BUCKET, QUEUE = "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue"
FUNCTION = "AWS::Lambda::Function"


def going(action: str, policy: str, replacement: str = "", kind: str = TABLE) -> Change:
    return Change(
        action=action,
        logical_id="Goes",
        resource_type=kind,
        replacement=replacement,
        policy_action=policy,
    )


def commented(*changes: Change) -> str:
    told = verdict(plan=StackPlan(changes=changes))
    return comment(VERIFIED, Reviewed([told], environment="preprod"), HEAD)


@pytest.mark.parametrize(
    ("change", "action", "of_plan"),
    [
        (going("Remove", ""), "removed", "Remove | "),
        (going("Remove", "Delete"), "removed, **deleted**", "Remove, **deleted** | "),
        (going("Remove", "Retain"), "removed, kept", "Remove, kept | "),
        (going("Remove", "Snapshot"), "removed, a snapshot stays", "Remove, a snapshot stays | "),
        (going("Modify", "", "True"), "**replaced**", "Modify | **replaced**"),
        (going("Modify", "ReplaceAndDelete", "True"), "**replaced**", "Modify | **replaced**"),
        (
            going("Modify", "ReplaceAndRetain", "True"),
            "**replaced**, the old one is kept",
            "Modify | **replaced**, the old one is kept",
        ),
        (
            going("Modify", "ReplaceAndSnapshot", "Conditional"),
            "may be **replaced**, a snapshot of the old one stays",
            "Modify | may be **replaced**, a snapshot of the old one stays",
        ),
        (going("Modify", ""), "changed", "Modify | "),
    ],
)
def test_all_pages_say_alike_what_becomes_of_a_resource_that_goes(
    change: Change, action: str, of_plan: str
) -> None:
    row = f"| {action} | `Goes` | {TABLE} |"
    assert row in commented(change)
    kept = PlannedChange(**change.model_dump())
    assert row in promotion_page(promotion(planned(changes=(kept,))), None)
    page = plan_page(stack_plan(change), LINKS, NAMES, BesidePlan(RoleCheck()))
    assert f"| {of_plan} | `Goes` | {TABLE} |" in page


@pytest.mark.parametrize(
    ("change", "is_warned_of"),
    [
        (going("Remove", "Delete", kind=TABLE), True),
        (going("Remove", "Delete", kind=BUCKET), True),
        (going("Remove", "Delete", kind=QUEUE), True),
        (going("Remove", "Delete", kind=FUNCTION), False),
        (going("Remove", "Retain"), False),
        (going("Remove", "Snapshot"), False),
        (going("Remove", ""), False),
        (going("Modify", "", "True"), True),
        (going("Modify", "", "Conditional"), True),
        (going("Modify", "ReplaceAndDelete", "True"), True),
        (going("Modify", "ReplaceAndRetain", "True"), False),
        (going("Modify", "ReplaceAndRetain", "Conditional"), False),
        (going("Modify", "ReplaceAndSnapshot", "True"), False),
        (going("Modify", ""), False),
    ],
)
def test_a_comment_warns_of_what_loses_what_it_holds_and_of_nothing_that_stays(
    change: Change, is_warned_of: bool
) -> None:
    warned = [line for line in commented(change).splitlines() if "⚠️" in line]
    assert [line.endswith(": `Goes`.") for line in warned] == [True] * is_warned_of
