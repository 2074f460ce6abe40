"""Webhooks of a repository and their deliveries.

https://docs.github.com/en/rest/repos/webhooks
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal
from urllib.parse import urlencode, urlsplit

from pydantic import ConfigDict, Field

from tiercel.sandbox.github.memory.activities import Delivery, Hook
from tiercel.sandbox.github.memory.world import JsonObject
from tiercel.sandbox.github.operations.calls import Answer, ApiCall, Body, Route, read, write
from tiercel.sandbox.github.operations.pulls.pulls import teller
from tiercel.sandbox.github.rules.errors import invalid, not_found, refused_because
from tiercel.sandbox.github.views.releases import delivery, delivery_item, hook

EVENTS = frozenset(
    {
        "*", "create", "delete", "deployment", "deployment_status", "issue_comment", "ping",
        "pull_request", "pull_request_review", "push", "release", "status",
        # GitHub sends these too; the stand-in takes a subscription and has nothing to say.
        "check_run", "check_suite", "issues", "pull_request_review_comment", "workflow_run",
    }
)  # fmt: skip
_LARGEST_PAGE = 100
_DEFAULT_PAGE = 30


class HookConfig(Body):
    """Where and how to deliver; the content type is `form` unless asked otherwise."""

    url: str = ""
    content_type: Literal["json", "form"] = "form"
    secret: str = ""
    insecure_ssl: str | float = "0"


class HookWish(Body):
    """The body of the operation that creates a webhook."""

    # GitHub takes no other field here.
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    resource: ClassVar[str] = "Hook"

    name: str = "web"
    config: HookConfig = HookConfig()
    events: list[str] = Field(default=["push"])
    active: bool = True


class HookChange(Body):
    """The body of the operation that changes a webhook; a new `config` replaces the old."""

    resource: ClassVar[str] = "Hook"

    config: HookConfig = HookConfig()
    events: list[str] = Field(default_factory=list)
    add_events: list[str] = Field(default_factory=list)
    remove_events: list[str] = Field(default_factory=list)
    active: bool = True


def _show(call: ApiCall, record: Hook) -> JsonObject:
    return hook(call.world, call.repository, record)


def _list(call: ApiCall) -> Answer:
    return call.page(
        call.world.store.find(Hook, call.repository.id), lambda record: _show(call, record)
    )


def _get(call: ApiCall) -> Answer:
    return Answer(200, _show(call, call.record(Hook, "hook_id")))


def _create(call: ApiCall) -> Answer:
    wish = call.parse(HookWish)
    if wish.name != "web":
        raise invalid("Hook", "name")
    config = _config(wish.config)
    for other in call.world.store.find(Hook, call.repository.id):
        if (other.url, other.content_type) == (config["url"], config["content_type"]):
            raise refused_because("Hook", "Hook already exists on this repository")
    now = call.world.now()
    record = call.world.store.put(
        Hook(
            id=call.world.store.next_id(),
            repository=call.repository.id,
            events=_events(wish.events),
            active=wish.active,
            created_at=now,
            updated_at=now,
            **config,
        )
    )
    teller(call).ping(record, _show(call, record))
    view = _show(call, record)
    return Answer(201, view, {"Location": view["url"]})


def _update(call: ApiCall) -> Answer:
    record, wish = call.record(Hook, "hook_id"), call.parse(HookChange)
    update: dict[str, Any] = {"updated_at": call.world.now()}
    if wish.has("config"):
        update |= _config(wish.config)
    events = _events(wish.events) if wish.has("events") else record.events
    events = [*events, *(e for e in _events(wish.add_events) if e not in events)]
    update["events"] = [event for event in events if event not in wish.remove_events]
    if wish.has("active"):
        update["active"] = wish.active
    record = call.world.store.put(record.model_copy(update=update))
    return Answer(200, _show(call, record))


def _delete(call: ApiCall) -> Answer:
    call.world.store.delete(call.record(Hook, "hook_id"))
    return Answer(204)


def _config(wish: HookConfig) -> dict[str, Any]:
    try:
        parts = urlsplit(wish.url)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        sound = False
    if not sound:
        raise invalid("Hook", "url", "missing_field" if not wish.url else "invalid")
    return {
        "url": wish.url,
        "content_type": wish.content_type,
        "secret": wish.secret,
        "insecure_ssl": str(wish.insecure_ssl),
    }


def _events(names: list[str]) -> list[str]:
    if not set(names) <= EVENTS:
        raise invalid("Hook", "events")
    return list(dict.fromkeys(names))


def _ping(call: ApiCall) -> Answer:
    record = call.record(Hook, "hook_id")
    teller(call).ping(record, _show(call, record))
    return Answer(204)


def _deliveries(call: ApiCall) -> Answer:
    """List what was delivered, newest first; a cursor leads to the next page."""
    record = call.record(Hook, "hook_id")
    found = call.world.store.find(Delivery, call.repository.id, str(record.id))
    done = [item for item in found[::-1] if item.delivered_at]
    wanted = call.query.get("status")
    if wanted in {"success", "failure"}:
        done = [item for item in done if (200 <= item.status_code < 400) == (wanted == "success")]
    cursor = call.query.get("cursor", "")
    if cursor.isascii() and cursor.isdigit() and len(cursor) < 18:
        done = [item for item in done if item.id < int(cursor)]
    text = call.query.get("per_page", "")
    size = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else _DEFAULT_PAGE
    size = min(size or _DEFAULT_PAGE, _LARGEST_PAGE)
    headers = {}
    if len(done) > size:
        query = urlencode({**call.query, "cursor": done[size - 1].id})
        headers = {"Link": f'<{call.address}?{query}>; rel="next"'}
    return Answer(200, [delivery_item(call.repository, item) for item in done[:size]], headers)


def _delivery_of(call: ApiCall) -> tuple[Hook, Delivery]:
    record, item = call.record(Hook, "hook_id"), call.record(Delivery, "delivery_id")
    if item.hook != record.id or item.delivered_at is None:
        raise not_found()
    return record, item


def _delivery(call: ApiCall) -> Answer:
    record, item = _delivery_of(call)
    return Answer(200, delivery(call.repository, item, record.url))


def _redeliver(call: ApiCall) -> Answer:
    """Deliver again what was delivered; the GUID stays.

    https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks
    """
    _, item = _delivery_of(call)
    again = Delivery(
        id=call.world.store.next_id(),
        repository=item.repository,
        hook=item.hook,
        guid=item.guid,
        event=item.event,
        action=item.action,
        payload=item.payload,
        redelivery=True,
    )
    call.world.tell(call.world.store.put(again).id)
    return Answer(202, {})


_HOOKS = "/repos/{owner}/{repo}/hooks"
_HOOK = f"{_HOOKS}/{{hook_id}}"
_DELIVERY = f"{_HOOK}/deliveries/{{delivery_id}}"
_HOOKS_PERMISSION = "repository_hooks"
ROUTES = (
    Route("GET", _HOOKS, _list, read(_HOOKS_PERMISSION)),
    Route("POST", _HOOKS, _create, write(_HOOKS_PERMISSION)),
    Route("GET", _HOOK, _get, read(_HOOKS_PERMISSION)),
    Route("PATCH", _HOOK, _update, write(_HOOKS_PERMISSION)),
    Route("DELETE", _HOOK, _delete, write(_HOOKS_PERMISSION)),
    Route("POST", f"{_HOOK}/pings", _ping, read(_HOOKS_PERMISSION)),
    Route("GET", f"{_HOOK}/deliveries", _deliveries, read(_HOOKS_PERMISSION)),
    Route("GET", _DELIVERY, _delivery, read(_HOOKS_PERMISSION)),
    Route("POST", f"{_DELIVERY}/attempts", _redeliver, write(_HOOKS_PERMISSION)),
)
