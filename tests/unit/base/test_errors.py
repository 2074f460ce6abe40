from __future__ import annotations

import copy
import pickle

import pytest

from tiercel.domain.base.errors import (
    BuildFailedError,
    ExitCode,
    NotStartedError,
    RefusedInputError,
    SmokeTestFailedError,
    TiercelError,
    TransientError,
    UnreachableError,
    combined,
    error_from,
)
from tiercel.domain.base.failure import REMEDY, WHERE, WHY, Failure

FULL = RefusedInputError(
    "test.refused", "refused", where="here", why="one\ntwo", state="as it was", remedy="mend"
)
WRONG_ANSWER = SmokeTestFailedError("test.wrong", "wrong answer", where="the address")
NO_COMPILER = BuildFailedError("test.compiler", "no compiler")
WAITED = NotStartedError("test.waited", "waited")


def refused(where: str, remedy: str = "ask") -> UnreachableError:
    return UnreachableError(
        "test.denied", "refused", where=where, why=f"may not read {where}", remedy=remedy
    )


def test_one_failure_stays_as_it_is() -> None:
    assert combined([NO_COMPILER]) is NO_COMPILER


def test_a_service_that_was_left_alone_is_no_cause() -> None:
    assert combined([WAITED, WRONG_ANSWER, WAITED]) is WRONG_ANSWER


def test_several_causes_are_kept_as_they_are_and_the_first_decides_the_exit_code() -> None:
    whole = combined([WRONG_ANSWER, NO_COMPILER])
    assert whole.exit_code is ExitCode.SMOKE_TEST_FAILED
    assert whole.code == "run.several_failed"
    assert whole.what == "2 services failed"
    assert whole.causes == (WRONG_ANSWER.failure, NO_COMPILER.failure)


def test_what_was_refused_in_several_places_is_one_failure_with_its_remedy() -> None:
    whole = combined([refused("a"), refused("b"), refused("a"), WAITED])
    assert type(whole) is UnreachableError
    assert whole.code == "test.denied"
    assert [cause.where for cause in whole.causes] == ["a", "b", "a"]
    assert whole.failure.parts() == {
        WHERE: "a, b",
        WHY: "may not read a\nmay not read b",
        REMEDY: "ask",
    }
    assert combined([whole, refused("c")]).failure.parts()[WHERE] == "a, b, c"


def test_what_differs_in_kind_words_or_remedy_stays_apart() -> None:
    other = TransientError("test.denied", "refused", remedy="ask")
    whole = combined([refused("a"), other, refused("b", remedy="wait")])
    assert len(whole.causes) == 3
    assert (
        len(combined([NO_COMPILER, BuildFailedError("test.compiler", "no compiler")]).causes) == 2
    )


@pytest.mark.parametrize("error", [FULL, NO_COMPILER, combined([WRONG_ANSWER, FULL])])
def test_an_error_that_was_sent_comes_back_as_it_was(error: TiercelError) -> None:
    found = error_from(error.failure)
    assert type(found) is type(error)
    assert found.failure == error.failure
    assert found.exit_code == error.exit_code
    assert str(found) == str(error)


@pytest.mark.parametrize(("sent", "code"), [(6, 6), (0, 1)])
def test_an_error_of_a_newer_version_keeps_its_exit_code_and_is_never_a_success(
    sent: int, code: int
) -> None:
    newer = Failure("test.newer", "it failed", kind="TrafficShiftError", exit_code=sent)
    found = error_from(newer)
    assert found.failure == newer
    assert found.exit_code == code


def test_an_error_never_changes_whoever_knows_more_makes_another() -> None:
    more = FULL.but(where="there", state="it was undone")
    assert (FULL.where, FULL.state) == ("here", "as it was")
    assert (more.where, more.state, more.why) == ("there", "it was undone", FULL.why)
    assert (type(more), more.code) == (type(FULL), FULL.code)
    with pytest.raises(AttributeError):
        FULL.where = "elsewhere"  # type: ignore[misc]


@pytest.mark.parametrize("copied", [copy.copy(FULL), pickle.loads(pickle.dumps(FULL))])  # noqa: S301
def test_an_error_that_is_copied_or_sent_to_another_process_stays_whole(
    copied: TiercelError,
) -> None:
    assert copied.failure == FULL.failure
