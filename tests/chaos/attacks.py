"""Row: attacks on what builds, mirrors, GitHub and Prefect can bring, from tests/adversary."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.adversary.attacks import ATTACKS
from tests.adversary.frame import Attack
from tests.chaos.frame import Case, Row, Size
from tests.chaos.world import World


def _held(attack: Attack[Path]) -> None:
    """The attack is without effect, and reaches its deed without its own protection."""
    with tempfile.TemporaryDirectory(prefix="tiercel-attack-") as folder:
        assert not attack.deed(Path(folder)), "it has reached its deed"
    with attack.unprotected(), tempfile.TemporaryDirectory(prefix="tiercel-attack-") as folder:
        assert attack.deed(Path(folder)), "something else stops it: the attack proves nothing"


def _cases(_: World, size: Size) -> Iterator[Case]:
    possible = [one for one in ATTACKS if not one.impossible()]
    cases = [Case(one.name, partial(_held, one)) for one in possible]
    yield from size.few(cases, 0)


ROW = Row(
    key="attacks",
    title=f"{len(ATTACKS)} attacks on {len({one.removals for one in ATTACKS})} protections",
    target="0 reach their deed; each does without its own protection",
    measured=(
        "Each attack is played twice: as it is, when it has to be without effect, and with its own "
        "protection taken out of the running product, when it has to reach its deed, so that it "
        "is known what stops it. Builds and tests that read, write, reach, outlive, forge or "
        "escape; poisoned git mirrors; answers that GitHub would not give; runs that are not what "
        "was installed. `make adversary` plays the same."
    ),
    not_shown=(
        "What a machine cannot play is left out: attacks as a user without rights where the row "
        "does not run as root, and isolation where bubblewrap is not installed. The kernel itself "
        "is trusted."
    ),
    cases=_cases,
    sampled=False,
)
