from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.releases import STACK, outcome, release
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import BuildPlace, Environment
from tiercel.domain.pages.failure_page import failure_page
from tiercel.domain.pages.links import Links
from tiercel.domain.pages.plan_page import BesidePlan, plan_page
from tiercel.domain.pages.pull_request.review_page import verification_page
from tiercel.domain.pages.release_pages import (
    Unfinished,
    publication_page,
    release_board,
    release_page,
)
from tiercel.domain.release.entries import UnreadableEntry
from tiercel.domain.release.ledger import Release, ReleaseStatus
from tiercel.domain.release.live import Live, live_of
from tiercel.domain.review.statuses import StatusState, placed, status_of
from tiercel.domain.stack.needed_actions import Lack, RoleCheck
from tiercel.domain.stack.plan import Change, Plan
from tiercel.domain.stack.validations import Validation

STACK_ID = f"arn:aws:cloudformation:eu-central-1:222222222222:stack/{STACK}/1a"
LINKS = Links(server="https://github.com")
NAMES = Names(
    "acme",
    Environment(
        name="preprod",
        branch="develop",
        region="eu-central-1",
        infrastructure_account="111111111111",
        runtime_account="222222222222",
        external_id="external-id",
    ),
)
HOSTILE = "<img src=x onerror=alert(1)> | [x](https://evil.example) `y`\n# z \u202egnp"

ROLE = Change(action="Add", logical_id="Role", resource_type="AWS::IAM::Role")
TABLE = Change(
    action="Modify",
    logical_id="Table",
    resource_type="AWS::DynamoDB::Table",
    replacement="True",
    properties=("KeySchema",),
)
API = TABLE.model_copy(update={"logical_id": "Api", "replacement": "Conditional"})


def plan(*changes: Change, **parameters: str) -> Plan:
    return Plan(
        stack=STACK,
        stack_id=STACK_ID,
        change_set_id="arn:change-set",
        template_sha256="c" * 64,
        parameters=parameters,
        changes=changes,
        executable=True,
    )


def section(page: str, title: str) -> str:
    return page.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_a_plan_marks_replacements_and_keeps_permissions_apart() -> None:
    page = plan_page(
        plan(ROLE, TABLE, API, LogLevel="info", Empty=""), LINKS, NAMES, BesidePlan(RoleCheck())
    )
    assert f"# Plan of [{STACK}](https://eu-central-1.console.aws.amazon.com/" in page
    assert "RuntimeAccount 222222222222, region eu-central-1" in page
    assert "| Modify | **replaced** | `Table` | AWS::DynamoDB::Table | KeySchema |" in section(
        page, "Resources"
    )
    assert "| Modify | may be **replaced** | `Api` |" in section(page, "Resources")
    assert "Role" not in section(page, "Resources")
    assert "| Add |  | `Role` | AWS::IAM::Role |  |" in section(page, "Permissions")
    assert "| `LogLevel` | `info` |" in section(page, "Parameters")
    assert "| `Empty` | *empty* |" in section(page, "Parameters")


def test_a_plan_shows_what_nested_stacks_change_with_its_path_and_warnings_first() -> None:
    nested = [one.model_copy(update={"nested_in": "Inner/Deep"}) for one in (ROLE, TABLE)]
    warning = Validation(
        name="BUCKET_EMPTINESS_VALIDATION",
        resource="Inner/Files",
        resource_type="AWS::S3::Bucket",
        path="/Resources/Files",
        reason="The bucket | is not empty",
        warns=True,
    )
    told = plan(*nested).model_copy(update={"warnings": (warning,), "unseen": "Other: no such"})
    page = plan_page(told, LINKS, NAMES, BesidePlan(RoleCheck()))
    assert "`Inner/Deep/Table`" in section(page, "Resources")
    assert "`Inner/Deep/Role`" in section(page, "Permissions")
    assert "| `BUCKET_EMPTINESS_VALIDATION` | `Inner/Files` |" in section(page, "Warnings")
    assert "Other: no such" in page.partition("## Resources")[0]
    assert "Warnings" not in plan_page(plan(TABLE), LINKS, NAMES, BesidePlan(RoleCheck()))


def test_a_plan_of_outputs_alone_says_so() -> None:
    page = plan_page(plan(), LINKS, NAMES, BesidePlan(RoleCheck()))
    assert "no resource changes, outputs only. RuntimeAccount" in page
    assert section(page, "Resources").strip() == "none"
    assert section(page, "Permissions").strip() == "none"


def test_a_plan_says_what_the_service_role_lacks_and_what_was_not_checked() -> None:
    lack = Lack(
        logical_id="Orders",
        resource_type="AWS::DynamoDB::Table",
        certain=("dynamodb:CreateTable",),
        possible=("dynamodb:UpdateTimeToLive",),
        seldom=("kinesis:PutRecords",),
    )
    check = RoleCheck(lacks=(lack,), unknown=("Custom::Seed",))
    text = section(
        plan_page(plan(TABLE), LINKS, NAMES, BesidePlan(check)),
        "Permissions that the service role lacks",
    )
    assert (
        "| `Orders` | AWS::DynamoDB::Table | `dynamodb:CreateTable` "
        "| `dynamodb:UpdateTimeToLive` | `kinesis:PutRecords` |" in text
    )
    assert "AWS publishes no needed permissions for `Custom::Seed`" in text


@pytest.mark.parametrize("known", ["possible", "seldom", ""])
def test_a_plan_alarms_nobody_about_permissions_that_are_not_needed(known: str) -> None:
    lack = Lack(logical_id="Orders", resource_type="AWS::DynamoDB::Table")
    lacks = (lack.model_copy(update={known: ("kinesis:PutRecords",)}),) if known else ()
    page = plan_page(plan(TABLE), LINKS, NAMES, BesidePlan(RoleCheck(lacks=lacks)))
    assert "lacks" not in page
    assert ("| `Orders` | AWS::DynamoDB::Table |" in page) is (known == "possible")


def test_the_artifacts_of_a_commit_say_what_this_run_built() -> None:
    rows = [("orders", True, 2, "aaaa", "bbbb"), ("catalog", False, 0, "cccc", "dddd")]
    page = publication_page("`1a2b3c4`", rows, "s3://bucket")
    assert "| orders | **built** | 2 | `aaaa` | `bbbb` |" in page
    assert "| catalog | unchanged | 0 | `cccc` | `dddd` |" in page
    assert "In `s3://bucket`" in page


def test_a_release_shows_stack_commit_outputs_and_answer() -> None:
    done = outcome(stack_id=STACK_ID, outputs={"Url": "https://x.example"}, smoke_test='{"a": 1}')
    page = release_page("Released", [(release(done), True)], LINKS, NAMES)
    assert "| [orders](https://eu-central-1.console.aws.amazon.com/" in page
    assert ") | **released** | 7 | " in page
    assert f"[shop@1111111](https://github.com/acme/shop/commit/{'1' * 40})" in page
    assert "| 12.5 s |" in page
    assert "| orders | `Url` | https\\://x.example |" in section(page, "Outputs").replace(
        "\\.", "."
    )
    assert '| orders | `{"a": 1}` |' in section(page, "Smoke tests")


def test_what_was_unchanged_took_no_time_and_has_no_empty_sections() -> None:
    page = release_page("Released", [(release(outcome()), False)], LINKS, NAMES)
    assert "| unchanged |" in page
    assert "12.5 s" not in page
    assert "Outputs" not in page
    assert "Smoke tests" not in page


def live_on(*newest_first: Release) -> Live:
    return live_of(STACK, newest_first)


def test_the_board_says_what_is_live_since_when_and_by_whom() -> None:
    live = release(outcome(stack_id=STACK_ID), requested_by="arn:aws:iam::1:user/ada")
    page = release_board([live_on(live)], {"run-1": "https://prefect.example/run-1"}, LINKS, NAMES)
    assert "# What is live in preprod" in page
    assert "| 7 | 2026-03-01 12:00 | [shop@" in page
    assert "| ada |  | [run](https://prefect.example/run-1) |" in page


def test_the_board_marks_what_runs_although_its_smoke_test_failed() -> None:
    failed = release(outcome(status=ReleaseStatus.FAILED))
    assert "| 7: **its smoke test failed** |" in release_board([live_on(failed)], {}, LINKS, NAMES)


def test_the_board_says_of_a_release_without_outcome_that_it_may_be_running() -> None:
    later = release(number=9)
    before = live_of(STACK, [later, release(outcome())])
    page = release_board([before], {}, LINKS, NAMES)
    assert "| 7: **release 9 open since 2026-03-01 12:00:00, may be running** |" in page
    assert "| 9: **release 9 open since" in release_board(
        [live_of(STACK, [later])], {}, LINKS, NAMES
    )


def test_the_board_marks_what_cannot_be_read_and_shows_everything_else() -> None:
    damaged = TiercelError("ledger.entry_damaged", "entry 9 cannot be read").failure
    beside = live_of(STACK, [UnreadableEntry(STACK, 9, damaged), release(outcome())])
    alone = live_of("acme-preprod-other", [UnreadableEntry("acme-preprod-other", 1, damaged)])
    page = release_board([beside, alone], {}, LINKS, NAMES)
    assert "| 7: **release 9 cannot be read** |" in page
    assert "| `acme-preprod-other` | **release 1 cannot be read** |" in page


def test_an_open_back_merge_stands_on_the_board_and_its_names_are_text() -> None:
    pull = PullRequest(
        repository="acme/shop",
        number=7,
        title=HOSTILE,
        author=HOSTILE,
        url="https://evil.example",
        is_open=True,
        merged=False,
        mergeable=None,
        head_branch="main",
        head_commit="1" * 40,
        base_branch="`develop`<b>",
    )
    page = release_board([], {}, LINKS, NAMES, unfinished=Unfinished(back_merges=[pull]))

    assert "**Open back-merge:** acme/shop [#7](https://github.com/acme/shop/pull/7) into" in page
    assert "<b>" not in re.sub(r"`+[^`].*?[^`]?`+(?!`)", "", page)
    assert "evil.example" not in page
    assert "back-merge" not in release_board([], {}, LINKS, NAMES)
    unknown = release_board([], {}, LINKS, NAMES, unfinished=Unfinished(back_merges=None))
    assert "Open back-merges are not known" in unknown


def test_a_stack_that_never_ran_a_release_is_not_on_the_board() -> None:
    failed = release(outcome(status=ReleaseStatus.FAILED, deployed=False))
    assert "Nothing is deployed yet." in release_board([live_on(failed)], {}, LINKS, NAMES)


def test_an_empty_board_says_so() -> None:
    assert "Nothing is deployed yet." in release_board([], {}, LINKS, NAMES)


def test_the_board_says_that_builds_run_without_protection() -> None:
    assert "`here`" not in release_board([], {}, LINKS, NAMES, BuildPlace.ISOLATED)
    assert "`here`" in release_board([], {}, LINKS, NAMES, BuildPlace.HERE)


def test_a_failure_says_what_to_do() -> None:
    error = TiercelError(
        "test.reason", "it broke", where="here", why="because\nof that", state="so", remedy="do"
    )
    page = failure_page(error.failure)
    assert page.startswith("# it broke\n\n## Where\n\nhere\n")
    assert "## Why\n\n````text\nbecause\nof that\n````" in page
    assert "## How things stand\n\nso" in page
    assert page.endswith("## What to do\n\ndo\n\nReason `test.reason`\n")


def test_a_failure_without_details_is_its_title() -> None:
    assert failure_page(TiercelError("test.reason", "it broke").failure) == (
        "# it broke\n\nReason `test.reason`\n"
    )


def pull(text: str) -> PullRequest:
    return PullRequest(
        repository="acme/shop",
        number=7,
        title=text,
        author=text,
        url="",
        is_open=True,
        merged=False,
        mergeable=None,
        head_branch="feature/x",
        head_commit="1" * 40,
        base_branch="develop",
    )


def test_a_verification_links_the_pull_request_and_lists_the_statuses() -> None:
    failed = status_of("orders", StatusState.FAILURE, "a test failed", "line 1\nline 2")
    checks = placed("preprod", [failed])
    page = verification_page(pull("Add it"), "2" * 40, checks, LINKS)
    assert "# Pull request [#7](https://github.com/acme/shop/pull/7) of acme/shop" in page
    assert "Add it, by Add it, at [shop@2222222](" in page
    assert "| `tiercel/preprod/orders` | **failure** | a test failed |" in page
    assert "### tiercel/preprod/orders\n\n````text\nline 1\nline 2\n````" in page


@pytest.mark.parametrize("text", [HOSTILE, "````\n# x", "a|b"])
def test_nothing_from_outside_breaks_out_of_its_place(text: str) -> None:
    pages = [
        plan_page(
            plan(ROLE.model_copy(update={"resource_type": text}), P=text),
            LINKS,
            NAMES,
            BesidePlan(
                RoleCheck(lacks=(Lack(logical_id=text, resource_type=text),), unknown=(text,))
            ),
        ),
        release_page(
            "x", [(release(outcome(outputs={"O": text}, smoke_test=text)), True)], LINKS, NAMES
        ),
        release_board([live_on(release(outcome(), requested_by=text))], {}, LINKS, NAMES),
        verification_page(
            pull(text), "1" * 40, [status_of("a", StatusState.ERROR, text, text)], LINKS
        ),
        failure_page(
            TiercelError("test.reason", text, where=text, why=text, state=text, remedy=text).failure
        ),
    ]
    for page in pages:
        outside_of_code = re.sub(r"(?s)````text\n.*?\n````|`[^`\n]*`", "", page)
        assert not re.search(
            r"(?<!\\)<img|\u202e|(?<!\\)\]\(https://evil|\n# [xz]", outside_of_code
        )


@given(st.text(max_size=300))
def test_a_board_has_one_line_for_each_release_whoever_asked_for_it(person: str) -> None:
    plain = release_board([live_on(release(outcome(), requested_by="x"))], {}, LINKS, NAMES)
    page = release_board([live_on(release(outcome(), requested_by=person))], {}, LINKS, NAMES)
    assert len(page.splitlines()) == len(plain.splitlines())
    assert len(re.findall(r"(?<!\\)\|", page)) == len(re.findall(r"(?<!\\)\|", plain))
