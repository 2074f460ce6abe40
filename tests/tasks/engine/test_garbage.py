"""What was imported is left out of the search for garbage, and what a run makes is not."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any
from weakref import ref

import pytest

from tiercel.tasks.engine.garbage import import_first, then_work


class _Knot:
    """Something that only a search finds to be garbage: it holds itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_nothing_is_looked_through_while_much_is_imported() -> None:
    gc.collect()
    import_first()
    knot, kept = ref(_Knot()), _made(100_000)
    assert (knot() is not None, len(kept)) == (True, 100_000)


def test_garbage_of_a_run_is_found_again_and_what_was_imported_is_not_looked_at() -> None:
    import_first()
    then_work()
    knot, kept = ref(_Knot()), _made(100_000)
    assert (knot(), len(kept)) == (None, 100_000)
    assert gc.get_freeze_count() > 0


def _made(number: int) -> list[Any]:
    return [[one] for one in range(number)]
