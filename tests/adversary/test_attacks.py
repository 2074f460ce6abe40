from __future__ import annotations

from pathlib import Path

import pytest

from tests.adversary.attacks import ATTACKS
from tests.adversary.frame import Attack, Removal

pytestmark = pytest.mark.process


def test_an_attack_is_without_effect(attack: Attack[Path], tmp_path: Path) -> None:
    assert not attack.deed(tmp_path)


def test_it_reaches_its_deed_when_its_own_protection_is_taken_out(
    attack: Attack[Path], tmp_path: Path
) -> None:
    with attack.unprotected():
        assert attack.deed(tmp_path)


def test_no_two_attacks_have_one_name() -> None:
    assert len({one.name for one in ATTACKS}) == len(ATTACKS)


def test_a_removal_that_the_product_has_outgrown_is_found() -> None:
    stale = Removal("tasks.build.places:place_of", "no such text")
    with pytest.raises(AssertionError), stale.applied():
        pass
