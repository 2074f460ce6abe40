from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.topology import topology_of
from tiercel.domain.base.errors import BuildFailedError
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.review.checks import (
    Check,
    CheckState,
    check,
    conflict,
    failed_check,
    refusal,
    summary,
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


def say(**changes: Any) -> Check | None:
    return refusal(pull(**changes), HEAD, TOPOLOGY)


def success(subject: str, description: str = "built and tested") -> Check:
    return check(subject, CheckState.SUCCESS, description)


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


REFUSED: list[tuple[dict[str, Any], CheckState, str]] = [
    ({"head_commit": "b" * 40}, CheckState.ERROR, "superseded: the head moved to bbbbbbb"),
    ({"is_open": False}, CheckState.ERROR, "the pull request is closed"),
    ({"base_branch": "main"}, CheckState.FAILURE, "wrong branch: "),
    ({"head_branch": "develop", "base_branch": "main"}, CheckState.FAILURE, "wrong branch: "),
    ({"mergeable": False}, CheckState.FAILURE, "merge conflict with develop"),
]


@pytest.mark.parametrize(("changes", "state", "description"), REFUSED)
def test_what_is_not_built_says_why_and_what_to_do(
    changes: dict[str, Any], state: CheckState, description: str
) -> None:
    found = say(**changes)
    assert found
    assert (found.context, found.state) == ("tiercel", state)
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
    found = refusal(pull(is_open=False), "c" * 40, TOPOLOGY)
    assert found
    assert found.description == "superseded: the head moved to aaaaaaa"


def test_a_check_has_the_context_of_its_subject() -> None:
    assert success("orders").context == "tiercel/orders"
    assert success("").context == "tiercel"


def test_a_failure_becomes_a_check_with_everything_that_a_person_needs() -> None:
    error = BuildFailedError(
        "test.reason", "the tests fail", where="orders", why="1 of 3", remedy="mend it"
    )
    found = failed_check("orders", error)
    assert (found.context, found.state) == ("tiercel/orders", CheckState.FAILURE)
    assert found.description == "the tests fail"
    assert found.details == str(error)


FAILED = check("storage", CheckState.FAILURE, "the tests fail")
UNCHANGED = unchanged("inbox")


@pytest.mark.parametrize(
    ("checks", "state", "description"),
    [
        ([], CheckState.SUCCESS, "verified: 0 built, 0 unchanged"),
        ([success("orders")], CheckState.SUCCESS, "verified: 1 built, 0 unchanged"),
        ([success("orders"), UNCHANGED], CheckState.SUCCESS, "verified: 1 built, 1 unchanged"),
        (
            [success("unchanged", "built, unchanged since")],
            CheckState.SUCCESS,
            "verified: 1 built, 0 unchanged",
        ),
        ([check("a/b", CheckState.ERROR, "")], CheckState.FAILURE, "failed: a/b"),
        ([success("orders"), FAILED], CheckState.FAILURE, "failed: storage"),
        (
            [check("a", CheckState.ERROR, ""), FAILED, UNCHANGED],
            CheckState.FAILURE,
            "failed: a, storage",
        ),
        ([check("a", CheckState.PENDING, "")], CheckState.FAILURE, "failed: a"),
    ],
)
def test_the_whole_is_as_good_as_its_worst_part(
    checks: list[Check], state: CheckState, description: str
) -> None:
    found = summary(checks)
    assert (found.context, found.state, found.description) == ("tiercel", state, description)


hostile = st.text() | st.text(
    alphabet=" \t\n\r\x1b\u202e\u2028\u200b\ufeff\x00\u0301ab<&@`", max_size=400
)


def fits_github(found: Check) -> bool:
    return len(found.short) <= 140 and (found.short.isprintable() or not found.short)


@given(hostile)
@example("x" * 141)
@example("a\u0301" * 200)
@example("\u202egnp.exe\nsecond line")
@example("\ud800")
def test_every_short_text_is_one_printable_line_of_at_most_140_characters(text: str) -> None:
    assert fits_github(check("orders", CheckState.FAILURE, text))
    assert fits_github(failed_check("orders", BuildFailedError("test.reason", text)))


@given(st.lists(hostile, max_size=20))
def test_many_failures_fit_into_one_line(names: list[str]) -> None:
    assert fits_github(summary([check(name, CheckState.ERROR, "") for name in names]))


@given(hostile, hostile, hostile, st.booleans())
def test_whatever_the_branches_are_called_the_answer_fits(
    head: str, base: str, title: str, mergeable: bool
) -> None:
    one = pull(head_branch=head, base_branch=base, title=title, mergeable=mergeable)
    found = refusal(one, HEAD, TOPOLOGY)
    assert found is None or fits_github(found)
    assert fits_github(conflict(one))


@given(st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1, max_size=140))
def test_a_short_text_that_fits_is_not_changed(text: str) -> None:
    once = check("", CheckState.SUCCESS, text).short
    assert check("", CheckState.SUCCESS, once).short == once
