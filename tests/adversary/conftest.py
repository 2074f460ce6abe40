"""A sample of the attacks is a part of the suite; the whole is `make adversary`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.adversary.frame import Attack


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "attack" in metafunc.fixturenames:
        from tests.adversary.attacks import ATTACKS  # every pytest would import all of Prefect

        whole = metafunc.config.getoption("--adversary")
        chosen = [one for one in ATTACKS if whole or one.sampled]
        metafunc.parametrize("attack", chosen, ids=[one.name for one in chosen])


@pytest.fixture(autouse=True)
def possible(request: pytest.FixtureRequest) -> None:
    """Skip what cannot be played on this machine."""
    if "attack" in request.fixturenames:
        attack: Attack[Path] = request.getfixturevalue("attack")
        if why := attack.impossible():
            pytest.skip(why)
