from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.oracle.judges import Judge, UnavailableError, iam_simulate, sandbox_evaluator


@pytest.fixture(scope="module")
def oracle() -> Iterator[Judge]:
    try:
        judge = iam_simulate()
    except UnavailableError as error:
        pytest.skip(str(error))
    with judge:
        yield judge


@pytest.fixture(scope="module")
def sandbox_judge() -> Iterator[Judge]:
    with sandbox_evaluator() as judge:
        yield judge
