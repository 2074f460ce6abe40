"""A webhook of a repository, and what it was told."""

from __future__ import annotations

from typing import Any

from github.Hook import Hook

from tests.sandbox.github.support import Place, eventually
from tests.sandbox.github.webhook_receiver import Delivered, WebhookReceiver

SECRET = "it is a secret"


def hook(place: Place, receiver: WebhookReceiver, events: list[str], **config: str) -> Hook:
    """Create a webhook with an address of its own, and wait for the first ping."""
    settings = {"url": address(place, receiver), "content_type": "json", "secret": SECRET}
    made = place.repo("releaser").create_hook("web", settings | config, events, active=True)
    eventually(lambda: receiver.at(path(place), "ping"))
    return made


def path(place: Place) -> str:
    return f"/{place.name}"


def address(place: Place, receiver: WebhookReceiver) -> str:
    return receiver.url + path(place)


def told(place: Place, receiver: WebhookReceiver, event: str, count: int = 1) -> list[Delivered]:
    return eventually(
        lambda: found if len(found := receiver.at(path(place), event)) >= count else []
    )


def deliveries(place: Place, made: Hook, count: int) -> list[Any]:
    def listed() -> list[Any]:
        found = list(place.repo("releaser").get_hook_deliveries(made.id))
        return found if len(found) >= count else []

    return eventually(listed)
