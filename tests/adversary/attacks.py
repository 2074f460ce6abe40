"""All attacks that are played, from the modules that have them."""

from __future__ import annotations

from pathlib import Path

from tests.adversary import (
    builds_inside,
    builds_limits,
    builds_network,
    installers,
    prefect_runs,
    results,
    sources,
)
from tests.adversary.frame import Attack

ATTACKS: tuple[Attack[Path], ...] = (
    *builds_inside.ATTACKS,
    *builds_network.ATTACKS,
    *builds_limits.ATTACKS,
    *installers.ATTACKS,
    *prefect_runs.ATTACKS,
    *results.ATTACKS,
    *sources.ATTACKS,
)
