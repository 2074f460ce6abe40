from __future__ import annotations

from domain.errors import (
    BuildFailedError,
    ExitCode,
    NotStartedError,
    SmokeTestFailedError,
    TiercelError,
    combined,
)


def test_one_failure_stays_as_it_is() -> None:
    only = BuildFailedError("it failed")
    assert combined([only]) is only


def test_a_service_that_was_left_alone_is_no_cause() -> None:
    cause = SmokeTestFailedError("wrong answer")
    assert combined([NotStartedError("waited"), cause, NotStartedError("waited")]) is cause


def test_several_causes_are_all_told_and_the_first_decides_the_exit_code() -> None:
    whole = combined([SmokeTestFailedError("wrong answer"), BuildFailedError("no compiler")])
    assert whole.exit_code is ExitCode.SMOKE_TEST_FAILED
    assert whole.what == "2 services failed"
    assert "wrong answer" in whole.why
    assert "no compiler" in whole.why


def test_an_error_shows_its_parts_in_reading_order() -> None:
    error = TiercelError("it failed", where="here", why="because", state="broken", remedy="mend it")
    assert list(error.parts()) == ["what", "where", "why", "now", "do"]
    assert str(error).splitlines()[-1].strip() == "do: mend it"
