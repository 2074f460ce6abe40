"""`make image` runs these; they are no part of the suite, which reads the Containerfile only."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--image"):
        return
    folder = Path(__file__).parent
    ours = [one for one in items if one.path.parent == folder]
    config.hook.pytest_deselected(items=ours)
    items[:] = [one for one in items if one not in ours]
