from __future__ import annotations

import re

import pytest

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.configuration.requests import (
    REVISION_PATTERN,
    require_commit_id,
    require_earlier_release,
    require_environment_name,
    require_plan_digest,
    require_pull_request_number,
    require_repository_name,
    require_revision,
    require_stack_name,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize("name", ["acme/shop", "A-1/.github", "a/b.c_d-e"])
def test_a_repository_is_taken_as_github_names_it(name: str) -> None:
    assert require_repository_name(name) == name


@pytest.mark.parametrize(
    "value", ["", "shop", "acme/", "a/b/c", "../shop", "acme/..", "acme/*", "acme/shop\n", 5, None]
)
def test_what_is_no_repository_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(RefusedInputError, match="is not the name of a repository") as refused:
        require_repository_name(value)
    assert refused.value.where == "parameter repository"
    assert refused.value.state == "nothing was called"
    assert "acme/shop" in refused.value.remedy


@pytest.mark.parametrize("value", ["develop", "feature/a-b", "v1", "deadbeef", COMMIT, "größe"])
def test_a_branch_or_commit_is_taken_and_so_it_is_by_the_form(value: str) -> None:
    assert require_revision(value) == value
    assert re.search(REVISION_PATTERN, value)


@pytest.mark.parametrize("value", ["", "-f", "HEAD~1", "a b", "a\n", "a..b", "a.lock", ["a"]])
def test_what_git_would_not_take_for_a_branch_is_refused(value: object) -> None:
    with pytest.raises(RefusedInputError, match="commit id or the name of a branch"):
        require_revision(value)


@pytest.mark.parametrize("value", ["-f", "HEAD~1", "a b", "--upload-pack=x", "a\nb"])
def test_the_form_refuses_the_worst_at_once(value: str) -> None:
    assert not re.search(REVISION_PATTERN, value)


def test_a_head_commit_is_all_of_its_digits() -> None:
    assert require_commit_id(COMMIT) == COMMIT
    for value in (COMMIT[:-1], COMMIT.upper(), f"{COMMIT}\n", "develop", 1):
        with pytest.raises(RefusedInputError, match="is not a full commit id"):
            require_commit_id(value)


def test_a_pull_request_has_a_number_from_one_on() -> None:
    assert require_pull_request_number(17) == 17
    for value in (0, -1, 2**31, True, "17", 1.5):
        with pytest.raises(RefusedInputError, match="is not the number of a pull request"):
            require_pull_request_number(value)


def test_an_environment_is_named_as_in_the_configuration() -> None:
    assert require_environment_name("preprod") == "preprod"
    for value in ("", "Prod", "a", "../prod", "prod\n", "x" * 11, None):
        with pytest.raises(RefusedInputError, match="is not the name of an environment"):
            require_environment_name(value)


def test_a_plan_digest_is_complete_or_left_out() -> None:
    assert require_plan_digest("") == ""
    assert require_plan_digest("0f" * 32) == "0f" * 32
    for value in ("0f", "0F" * 32, "0f" * 32 + "\n", None):
        with pytest.raises(RefusedInputError, match="is not a plan's digest"):
            require_plan_digest(value)


def test_a_stack_is_named_as_cloudformation_takes_it() -> None:
    assert require_stack_name("acme-preprod-orders") == "acme-preprod-orders"
    for value in ("", "1st", "a_b", "a" * 129, "orders\n", None):
        with pytest.raises(RefusedInputError, match="is not the name of a stack"):
            require_stack_name(value)


def test_a_release_to_go_back_to_is_a_number_or_left_open() -> None:
    assert [require_earlier_release(value) for value in (0, 1, 99_999_999)] == [0, 1, 99_999_999]
    for value in (-1, 100_000_000, True, "1", 1.0, None):
        with pytest.raises(RefusedInputError, match="is not the number of a release"):
            require_earlier_release(value)


def test_a_long_value_is_shown_short() -> None:
    with pytest.raises(RefusedInputError) as refused:
        require_repository_name("x" * 5000)
    assert len(refused.value.what) < 200
