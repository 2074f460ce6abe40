from __future__ import annotations

from tiercel.domain.base.errors import (
    BuildFailedError,
    ExitCode,
    NotStartedError,
    SmokeTestFailedError,
    TiercelError,
    TransientError,
    UnreachableError,
    combined,
)


def refused(where: str, **more: str) -> UnreachableError:
    why = f"may not read {where}"
    return UnreachableError("refused", **{"where": where, "why": why, "remedy": "ask"} | more)


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


def test_what_was_refused_in_several_places_is_one_failure_with_its_remedy() -> None:
    whole = combined([refused("a"), refused("b"), refused("a"), NotStartedError("waited")])
    assert type(whole) is UnreachableError
    assert whole.parts() == {
        "what": "refused",
        "where": "a, b",
        "why": "may not read a\nmay not read b",
        "do": "ask",
    }
    assert combined([whole, refused("c")]).where == "a, b, c"


def test_of_many_places_a_few_are_told() -> None:
    whole = combined([refused(name) for name in "abcdef"])
    assert whole.where == "a, b, c, and 3 more"
    assert whole.why.splitlines()[-1] == "and 3 more"


def test_what_differs_in_kind_words_or_remedy_stays_apart() -> None:
    others = [TransientError("refused", remedy="ask"), refused("b", remedy="wait")]
    whole = combined([refused("a"), *others])
    assert whole.what == "3 services failed"
    assert combined([BuildFailedError("no"), BuildFailedError("no")]).what == "2 services failed"


def test_an_error_shows_its_parts_in_reading_order() -> None:
    error = TiercelError("it failed", where="here", why="because", state="broken", remedy="mend it")
    assert list(error.parts()) == ["what", "where", "why", "now", "do"]
    assert str(error).splitlines()[-1].strip() == "do: mend it"
