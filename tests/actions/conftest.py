"""`make actions` runs these; every run of the suite has the one of `test_sample`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.actions.comparison import WRITTEN


def pytest_sessionfinish(session: pytest.Session) -> None:
    if WRITTEN:
        print("written, read whether they are right:", *(path.name for path in WRITTEN))  # noqa: T201
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--actions"):
        return
    folder = Path(__file__).parent
    whole = [one for one in items if one.path.parent == folder and one.path.stem != "test_sample"]
    config.hook.pytest_deselected(items=whole)
    items[:] = [one for one in items if one not in whole]
