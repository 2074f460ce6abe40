"""Failures told apart by their codes: sentences may change."""

from __future__ import annotations

from collections.abc import Callable

from tiercel.domain.base.errors import TiercelError


def because(code: str) -> Callable[[BaseException], bool]:
    """Return the check, for `pytest.raises`, that an error has a code of docs/use/failures.md."""
    return lambda error: isinstance(error, TiercelError) and error.code == code
