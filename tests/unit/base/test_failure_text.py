from __future__ import annotations

import pytest

from tiercel.domain.base.errors import (
    BuildFailedError,
    ExitCode,
    RefusedInputError,
    SmokeTestFailedError,
    TiercelError,
    combined,
)
from tiercel.domain.base.failure_text import failure_in

FULL = RefusedInputError("refused", where="here", why="one\ntwo", state="as it was", remedy="mend")


@pytest.mark.parametrize("error", [FULL, BuildFailedError("no"), TiercelError("x", remedy="y")])
@pytest.mark.parametrize("before", ["Flow run encountered an exception: ", "Validation: x: "])
def test_an_error_comes_back_from_the_text_of_a_state_with_all_its_parts(
    error: TiercelError, before: str
) -> None:
    found = failure_in(f"{before}{type(error).__name__}: {error}")
    assert type(found) is type(error)
    assert found
    assert found.parts() == error.parts()
    assert found.exit_code == error.exit_code


def test_several_errors_come_back_as_the_whole_and_not_as_one_of_them() -> None:
    whole = combined([SmokeTestFailedError("a", where="b", remedy="c"), FULL])
    found = failure_in(f"Flow run encountered an exception: SmokeTestFailedError: {whole}")
    assert found
    assert found.what == "2 services failed"
    assert found.remedy == "see each of them"
    assert found.where == ""
    assert "where: here" in found.why
    assert found.exit_code is ExitCode.SMOKE_TEST_FAILED


@pytest.mark.parametrize("text", ["", "Flow run encountered an exception: KeyError: 'x'", "Error"])
def test_what_nobody_foresaw_is_no_error_of_ours(text: str) -> None:
    assert failure_in(text) is None
