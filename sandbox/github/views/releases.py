"""Releases and webhooks, as GitHub shows them."""

from __future__ import annotations

from tiercel.sandbox.github.memory.activities import Delivery, Hook, ReleaseRecord
from tiercel.sandbox.github.memory.records import RepositoryRecord
from tiercel.sandbox.github.memory.world import JsonObject, World, node_id, timestamp
from tiercel.sandbox.github.views.users import simple_user

_HIDDEN = "********"


def release_view(world: World, repository: RepositoryRecord, record: ReleaseRecord) -> JsonObject:
    """Return a release; a draft's page has no tag in its address."""
    name, urls = repository.full_name, world.urls
    address = urls.repository(name, "releases", record.id)
    place = f"untagged-{record.id}" if record.draft else record.tag
    balls = [
        None if record.draft else urls.repository(name, ball, record.tag)
        for ball in ("tarball", "zipball")
    ]
    return {
        "url": address,
        "html_url": urls.page(name, "releases/tag", place),
        "assets_url": f"{address}/assets",
        "upload_url": f"{urls.server}/api/uploads/repos/{name}/releases/{record.id}/assets"
        "{?name,label}",
        "tarball_url": balls[0],
        "zipball_url": balls[1],
        "id": record.id,
        "node_id": node_id("Release", record.id),
        "tag_name": record.tag,
        "target_commitish": record.target,
        "name": record.name,
        "body": record.body,
        "draft": record.draft,
        "prerelease": record.prerelease,
        "immutable": False,
        "created_at": timestamp(record.created_at),
        "updated_at": timestamp(record.updated_at),
        "published_at": timestamp(record.published_at),
        "author": simple_user(world, record.author),
        "assets": [],
    }


def hook(world: World, repository: RepositoryRecord, record: Hook) -> JsonObject:
    """Return a webhook; its secret is never shown."""
    address = world.urls.repository(repository.full_name, "hooks", record.id)
    config = {
        "url": record.url,
        "content_type": record.content_type,
        "insecure_ssl": record.insecure_ssl,
    }
    return {
        "type": "Repository",
        "id": record.id,
        "name": "web",
        "active": record.active,
        "events": record.events,
        "config": config | ({"secret": _HIDDEN} if record.secret else {}),
        "updated_at": timestamp(record.updated_at),
        "created_at": timestamp(record.created_at),
        "url": address,
        "test_url": f"{address}/test",
        "ping_url": f"{address}/pings",
        "deliveries_url": f"{address}/deliveries",
        "last_response": {
            "code": record.last_code,
            "status": "active" if record.last_code else "unused",
            "message": record.last_message,
        },
    }


def delivery_item(repository: RepositoryRecord, record: Delivery) -> JsonObject:
    """Return a delivery as lists show it."""
    return {
        "id": record.id,
        "guid": record.guid,
        "delivered_at": timestamp(record.delivered_at),
        "redelivery": record.redelivery,
        "duration": record.duration,
        "status": record.status,
        "status_code": record.status_code,
        "event": record.event,
        "action": record.action,
        "installation_id": None,
        "repository_id": repository.id,
        "throttled_at": None,
    }


def delivery(repository: RepositoryRecord, record: Delivery, hook_url: str) -> JsonObject:
    """Return a delivery with what was sent and what came back."""
    return delivery_item(repository, record) | {
        "url": hook_url,
        "request": {"headers": record.request_headers, "payload": record.payload},
        "response": {"headers": record.response_headers, "payload": record.response_body},
    }
