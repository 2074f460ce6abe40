"""Attacks through the whole of a flow; see tests/adversary. The whole list is `make adversary`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adversary.frame import Attack
from tests.adversary.whole.attacks import ATTACKS
from tests.adversary.whole.scene import Scene
from tests.support.place import Place
from tiercel.domain.organization.names import Names


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    whole = metafunc.config.getoption("--adversary")
    chosen = [one for one in ATTACKS if whole or one.sampled]
    metafunc.parametrize("attack", chosen, ids=[one.name for one in chosen])


@pytest.fixture
def scene(place: Place, preprod: Names, tmp_path: Path) -> Scene:
    folder = tmp_path / "scene"
    folder.mkdir()
    return Scene(place, preprod, folder)


def test_an_attack_is_without_effect(attack: Attack[Scene], scene: Scene) -> None:
    if why := attack.impossible():
        pytest.skip(why)
    assert not attack.deed(scene)


def test_it_reaches_its_deed_when_its_own_protection_is_taken_out(
    attack: Attack[Scene], scene: Scene
) -> None:
    if why := attack.impossible():
        pytest.skip(why)
    with attack.unprotected():
        assert attack.deed(scene)
