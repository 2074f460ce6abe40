"""One stand-in for all tests here, in this process, so that every exchange can be checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.github.journal import Exchange
from tests.sandbox_github.support import Place, StandIn
from tests.sandbox_github.webhook_receiver import WebhookReceiver

LAST_MODULE = "test_fidelity.py"
SUMMARY = pytest.StashKey[list[str]]()
Protect = Callable[..., None]
HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def seen() -> list[Exchange]:
    """Every exchange with the shared stand-in, in order."""
    return []


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory, seen: list[Exchange]) -> Iterator[StandIn]:
    running = StandIn(tmp_path_factory.mktemp("github"), observers=[seen.append])
    yield running
    running.stop()


@pytest.fixture
def place(stand_in: StandIn, tmp_path: Path) -> Place:
    """A new repository with `main`, and a work tree of it."""
    return Place.create(stand_in, tmp_path)


@pytest.fixture
def protect(place: Place) -> Protect:
    """Protect `main` of the place; without words only the protection itself."""

    def apply(**rules: Any) -> None:
        place.repo("releaser").get_branch("main").edit_protection(**rules)

    return apply


@pytest.fixture(scope="session")
def receiver() -> Iterator[WebhookReceiver]:
    running = WebhookReceiver()
    yield running
    running.stop()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What was seen is checked when everything was seen, and by the process that saw it."""
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.xdist_group("github"))
    items.sort(key=lambda item: item.path == HERE / LAST_MODULE)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in terminalreporter.config.stash.get(SUMMARY, []):
        terminalreporter.write_line(line)
