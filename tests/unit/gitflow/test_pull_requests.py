from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.topology import topology_of
from tiercel.domain.base.errors import BuildFailedError
from tiercel.domain.gitflow.back_merge import BackMerge, MergePreview, back_merge_step
from tiercel.domain.gitflow.branches import classify, environment_fed_by, where_it_belongs
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.review.promotions import promotion_status
from tiercel.domain.review.statuses import (
    OUTDATED_STATE,
    REJECTED_STATE,
    Status,
    StatusState,
    bad_end,
    candidate_status,
    conflict_status,
    failed_status,
    placed,
    refused_status,
    required_context,
    status_of,
    summary_status,
    told_where_it_belongs,
    unchanged,
)

HEAD = "a" * 40
TOPOLOGY = topology_of("acme/*")


def pull(**changes: Any) -> PullRequest:
    values: dict[str, Any] = {
        "repository": "acme/shop",
        "number": 7,
        "title": "Do it",
        "author": "ada",
        "url": "http://localhost/acme/shop/pull/7",
        "is_open": True,
        "merged": False,
        "mergeable": True,
        "head_branch": "feature/x",
        "head_commit": HEAD,
        "base_branch": "develop",
    }
    return PullRequest(**values | changes)


def say(**changes: Any) -> Status | None:
    return refused_status(pull(**changes), HEAD, TOPOLOGY)


def success(subject: str, description: str = "built and tested") -> Status:
    return status_of(subject, StatusState.SUCCESS, description)


@pytest.mark.parametrize(
    ("head", "base", "state"),
    [
        ("develop", "develop", None),
        ("main", "develop", None),
        ("feature/x", "develop", None),
        ("develop", "main", StatusState.FAILURE),
        ("main", "main", StatusState.FAILURE),
        ("hotfix/1.2.1", "main", None),
    ],
)
def test_a_forks_own_main_and_develop_are_branches_as_any_other(
    head: str, base: str, state: StatusState | None
) -> None:
    found = say(head_branch=head, base_branch=base, from_fork=True)
    assert (found and found.state) == state


@pytest.mark.parametrize("mergeable", [True, None])
@pytest.mark.parametrize(
    ("head", "base"),
    [
        ("feature/x", "develop"),
        ("release/1.2.0", "main"),
        ("hotfix/1.2.1", "main"),
        ("main", "develop"),
    ],
)
def test_a_pull_request_in_order_is_not_refused_before_github_knows_whether_it_merges(
    head: str, base: str, mergeable: bool | None
) -> None:
    assert say(head_branch=head, base_branch=base, mergeable=mergeable) is None


REFUSED: list[tuple[dict[str, Any], StatusState, str]] = [
    ({"head_commit": "b" * 40}, StatusState.ERROR, "superseded: the head moved to bbbbbbb"),
    ({"is_open": False}, StatusState.ERROR, "the pull request is closed"),
    (
        {"base_branch": "main"},
        StatusState.FAILURE,
        "wrong branch: it belongs into ",
    ),
    (
        {"head_branch": "develop", "base_branch": "main"},
        StatusState.FAILURE,
        "wrong branch: it belongs into ",
    ),
    ({"mergeable": False}, StatusState.FAILURE, "merge conflict with develop"),
]


@pytest.mark.parametrize(("changes", "state", "description"), REFUSED)
def test_what_is_not_built_says_why_and_what_to_do(
    changes: dict[str, Any], state: StatusState, description: str
) -> None:
    found = say(**changes)
    assert found
    assert (found.subject, found.state) == ("", state)
    assert found.description.startswith(description)
    assert found.details


FIRST = [changes for changes, _, _ in REFUSED]


@pytest.mark.parametrize("position", range(len(REFUSED) - 1))
def test_the_first_reason_of_the_list_is_the_one_that_is_told(position: int) -> None:
    later = {key: value for changes in FIRST[position:] for key, value in changes.items()}
    found = say(**(later | FIRST[position]))
    assert found
    assert found.description.startswith(REFUSED[position][2])


def test_the_answer_belongs_to_the_commit_of_which_the_caller_was_told() -> None:
    found = refused_status(pull(is_open=False), "c" * 40, TOPOLOGY)
    assert found
    assert found.description == "superseded: the head moved to aaaaaaa"


@pytest.mark.parametrize(
    ("whole", "name"),
    [
        (success(""), ""),
        (say(head_commit="b" * 40), OUTDATED_STATE),
        (say(is_open=False), OUTDATED_STATE),
        (say(base_branch="main"), REJECTED_STATE),
        (say(mergeable=False), REJECTED_STATE),
        (failed_status("", BuildFailedError("test.build", "it failed")), REJECTED_STATE),
    ],
)
def test_a_run_ends_by_another_name_after_a_bad_verdict_than_after_none(
    whole: Status, name: str
) -> None:
    assert bad_end(whole) == name


@pytest.mark.parametrize(
    ("environment", "subject", "context"),
    [
        ("preprod", "", "tiercel/preprod"),
        ("prod", "", "tiercel/prod"),
        ("prod", "orders", "tiercel/prod/orders"),
        ("", "", "tiercel/no-environment"),
        ("", "orders", "tiercel/no-environment/orders"),
    ],
)
def test_a_check_has_the_context_of_what_the_base_feeds_and_of_its_subject(
    environment: str, subject: str, context: str
) -> None:
    (found,) = placed(environment, [success(subject)])
    assert found.context == context


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,38}[a-z0-9]", fullmatch=True)
ENVIRONMENTS = st.from_regex(r"[a-z][a-z0-9]{1,9}", fullmatch=True)


@given(ENVIRONMENTS, ENVIRONMENTS | st.just(""), NAMES)
@example("preprod", "", "preprod")
@example("prod", "prod", "promotion")
@example("candidate", "", "candidate")
def test_no_service_of_a_commit_has_a_context_that_is_demanded(
    demanded: str, fed: str, service: str
) -> None:
    (found,) = placed(fed, [success(service)])
    others = placed("", [promotion_status(demanded, "1.0.0", [])])
    others += [candidate_status(demanded, StatusState.SUCCESS, "verified")]
    kept = {required_context(demanded), required_context(""), *(one.context for one in others)}
    assert found.context not in kept


def test_a_success_for_one_branch_is_none_for_another() -> None:
    contexts = {
        required_context(fed.name if fed else "")
        for branch in ("develop", "main", "feature/x")
        for fed in [environment_fed_by(TOPOLOGY, branch)]
    }
    assert contexts == {"tiercel/preprod", "tiercel/prod", "tiercel/no-environment"}


def test_a_failure_becomes_a_check_with_everything_that_a_person_needs() -> None:
    error = BuildFailedError(
        "test.reason", "the tests fail", where="orders", why="1 of 3", remedy="mend it"
    )
    found = failed_status("orders", error)
    assert (found.subject, found.state) == ("orders", StatusState.FAILURE)
    assert found.description == "the tests fail"
    assert found.details == str(error)


FAILED = status_of("storage", StatusState.FAILURE, "the tests fail")
UNCHANGED = unchanged("inbox")


@pytest.mark.parametrize(
    ("checks", "state", "description"),
    [
        ([], StatusState.SUCCESS, "verified: 0 built, 0 unchanged"),
        ([success("orders")], StatusState.SUCCESS, "verified: 1 built, 0 unchanged"),
        ([success("orders"), UNCHANGED], StatusState.SUCCESS, "verified: 1 built, 1 unchanged"),
        (
            [success("unchanged", "built, unchanged since")],
            StatusState.SUCCESS,
            "verified: 1 built, 0 unchanged",
        ),
        ([status_of("a/b", StatusState.ERROR, "")], StatusState.FAILURE, "failed: a/b"),
        ([success("orders"), FAILED], StatusState.FAILURE, "failed: storage"),
        (
            [status_of("a", StatusState.ERROR, ""), FAILED, UNCHANGED],
            StatusState.FAILURE,
            "failed: a, storage",
        ),
        ([status_of("a", StatusState.PENDING, "")], StatusState.FAILURE, "failed: a"),
    ],
)
def test_the_whole_is_as_good_as_its_worst_part(
    checks: list[Status], state: StatusState, description: str
) -> None:
    found = summary_status(checks)
    assert (found.subject, found.state, found.description) == ("", state, description)


hostile = st.text() | st.text(
    alphabet=" \t\n\r\x1b\u202e\u2028\u200b\ufeff\x00\u0301ab<&@`", max_size=400
)


def fits_github(found: Status) -> bool:
    return len(found.short) <= 140 and (found.short.isprintable() or not found.short)


@given(hostile)
@example("x" * 141)
@example("a\u0301" * 200)
@example("\u202egnp.exe\nsecond line")
@example("\ud800")
def test_every_short_text_is_one_printable_line_of_at_most_140_characters(text: str) -> None:
    assert fits_github(status_of("orders", StatusState.FAILURE, text))
    assert fits_github(failed_status("orders", BuildFailedError("test.reason", text)))


@given(st.lists(hostile, max_size=20))
def test_many_failures_fit_into_one_line(names: list[str]) -> None:
    assert fits_github(summary_status([status_of(name, StatusState.ERROR, "") for name in names]))


@given(hostile, hostile, hostile, st.booleans())
def test_whatever_the_branches_are_called_the_answer_fits(
    head: str, base: str, title: str, mergeable: bool
) -> None:
    one = pull(head_branch=head, base_branch=base, title=title, mergeable=mergeable)
    found = refused_status(one, HEAD, TOPOLOGY)
    assert found is None or fits_github(found)
    assert fits_github(conflict_status(one))


@given(st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1, max_size=140))
def test_a_short_text_that_fits_is_not_changed(text: str) -> None:
    once = status_of("", StatusState.SUCCESS, text).short
    assert status_of("", StatusState.SUCCESS, once).short == once


@pytest.mark.parametrize(
    ("head", "base", "belongs"),
    [
        ("feature/x", "main", "develop"),
        ("feature/x", "release/1.2.0", "develop"),
        ("feature/x", "develop", ""),
        ("whatever", "main", "develop"),
        ("bugfix/x", "main", "develop"),
        ("bugfix/x", "release/1.2.0", ""),
        ("develop", "main", "main by way of a release branch"),
        ("release/1.2.0", "main", ""),
        ("release/1.2.0", "develop", "main; develop gets it with the back-merge"),
        ("release/1.2.0", "hotfix/1.1.1", "main"),
        ("hotfix/1.1.1", "main", ""),
        ("hotfix/1.1.1", "release/1.2.0", ""),
        ("hotfix/1.1.1", "develop", "main; develop gets it with the back-merge"),
        ("main", "develop", ""),
        ("support/1.x", "main", ""),
    ],
)
def test_a_pull_request_is_told_where_it_belongs(head: str, base: str, belongs: str) -> None:
    verified = status_of("", StatusState.SUCCESS, "verified")
    given = pull(head_branch=head, base_branch=base)

    assert where_it_belongs(TOPOLOGY, classify(head), base) == belongs
    told = told_where_it_belongs(verified, given, TOPOLOGY)
    assert told.state is StatusState.SUCCESS
    assert told.description == (f"verified; it belongs into {belongs}" if belongs else "verified")


@pytest.mark.parametrize(
    ("changes", "pull_request", "step"),
    [(True, None, "open"), (True, 7, "stands"), (False, None, "nothing"), (False, 7, "nothing")],
)
def test_a_back_merge_is_open_while_develop_lacks_content(
    changes: bool, pull_request: int | None, step: str
) -> None:
    preview = MergePreview(lacking_commits=1, changes_content=changes)
    due = BackMerge(version="v1.0.0", preview=preview, pull_request=pull_request)

    assert back_merge_step(due) == step
    assert back_merge_step(None) == "nothing"
