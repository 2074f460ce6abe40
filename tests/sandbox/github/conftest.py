"""One stand-in for all tests here, in this process, so that every exchange can be checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.github.support import Place, StandIn
from tests.sandbox.github.tally import watched
from tests.sandbox.github.webhook_receiver import WebhookReceiver

Protect = Callable[..., None]


@pytest.fixture(scope="session")
def stand_in(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[StandIn]:
    watch = watched(pytestconfig)
    running = StandIn(tmp_path_factory.mktemp("github"), observers=[watch.exchanges.append])
    watch.modelled |= {f"{route.method} {route.template}" for route in running.api_routes}
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
def receiver(pytestconfig: pytest.Config) -> Iterator[WebhookReceiver]:
    running = WebhookReceiver()
    yield running
    running.stop()
    watched(pytestconfig).deliveries.extend(running.delivered)
