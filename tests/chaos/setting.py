"""The world of `python -m tests.chaos`, which lasts as long as the process does."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.logging.handlers import PrefectConsoleHandler
from prefect.settings import PREFECT_API_URL

from tests.chaos.world import World
from tests.support.commands import ROOT
from tests.support.prefect_server import prefect_server
from tests.support.repositories import RepositoryMaker
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.organization.names import Names
from tiercel.sandbox import lifecycle


@contextmanager
def setting(folder: Path) -> Iterator[World]:
    topology = parse_topology((ROOT / "tiercel.toml").read_text())
    running = lifecycle.up(folder / "sandbox", topology, prefect=False, github=False)
    try:
        with prefect_server(folder / "prefect"):
            world = World(
                sandbox=running,
                names=Names.of(topology, "preprod"),
                maker=RepositoryMaker(running.state, folder / "repositories"),
                server=str(PREFECT_API_URL.value()),
            )
            world.work()
            _say_nothing()
            yield world
    finally:
        lifecycle.down(running.state)


def _say_nothing() -> None:
    """Take Prefect's lines off the terminal; its server and other handlers still get them."""
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, PrefectConsoleHandler)]:
        root.removeHandler(handler)
