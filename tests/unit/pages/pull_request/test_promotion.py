"""What a release pull request says of production: what changes, and what is not known yet."""

from __future__ import annotations

from tests.support.topology import topology_of
from tests.unit.pages.test_release_notes import HOSTILE, pull
from tests.unit.review.test_situations import pull as release_pull
from tests.unit.triggers.test_hostile_texts import is_text
from tiercel.domain.base.errors import ExitCode
from tiercel.domain.pages.pull_request.comment import LONGEST_COMMENT
from tiercel.domain.pages.pull_request.promotion import plan_marker, pull_request_promotion_page
from tiercel.domain.review.stack_plans import StackPlan
from tiercel.domain.review.statuses import StatusState, status_of
from tiercel.domain.review.unverified import not_verified_yet, widened_in
from tiercel.domain.review.verdicts import ServiceVerdict
from tiercel.domain.stack.plan import Change

PROD = topology_of().environment("prod")
ROLE = Change(action="Add", logical_id="Role", resource_type="AWS::IAM::Role")
DONE = status_of("orders", StatusState.SUCCESS, "planned")


def verdict(name: str = "orders", plan: StackPlan | None = None) -> ServiceVerdict:
    return ServiceVerdict(service=name, status=DONE, plan=plan or StackPlan(changes=(ROLE,)))


def test_what_is_planned_is_shown_with_what_may_allow_more() -> None:
    widening = verdict().model_copy(update={"widens": ("Role",)})
    page = pull_request_promotion_page(pull("Release"), PROD, [widening], [], "http://run")
    assert "What a promotion to prod would change" in page
    assert "| orders | added, **may allow more** | `Role` | AWS::IAM::Role |  |" in page
    assert "has not verified" not in page
    assert "(http://run)" in page


def test_what_is_not_verified_is_said_plainly_and_without_anything_verified_there_is_no_plan() -> (
    None
):
    missing = verdict("api", StackPlan(reason="it is not verified in preprod"))
    half = pull_request_promotion_page(pull("Release"), PROD, [verdict(), missing], ["api"])
    assert "preprod has not verified what this brings:** `api`." in half
    assert "| orders | added" in half
    none = pull_request_promotion_page(pull("Release"), PROD, [missing], ["api"])
    assert "There is no plan of prod." in none


def test_the_comment_has_room_at_github_and_hostile_names_are_text() -> None:
    many = [verdict(f"s{number}{HOSTILE}") for number in range(2000)]
    page = pull_request_promotion_page(pull("x"), PROD, many, [one.service for one in many[:999]])
    assert len(plan_marker("prod")) + len(page) < LONGEST_COMMENT
    assert is_text(page)


def test_of_nested_stacks_every_change_of_permissions_may_allow_more() -> None:
    nested = ROLE.model_copy(update={"nested_in": "Inner"})
    queue = nested.model_copy(update={"resource_type": "AWS::SQS::Queue"})
    found = widened_in(StackPlan(changes=(nested, queue)), {"": {}}, {"": {}})
    assert found == (nested.path,)


def test_a_plan_waits_until_everything_is_verified() -> None:
    error = not_verified_yet(release_pull("release/1.0.0", "main"), PROD, ["orders"])
    assert error.exit_code == ExitCode.WAITING
    assert "orders" in error.why
