"""Entries of the ledger and a manifest, of which a test changes what matters to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tiercel.domain.artifact.manifest import (
    AssetReference,
    Manifest,
    PackagedObject,
    TemplateParameter,
    object_key,
)
from tiercel.domain.artifact.source_tree import SourceTree
from tiercel.domain.release.ledger import Intent, Outcome, Release, ReleaseStatus

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STACK = "acme-preprod-orders"
SHA = "ab" * 32
TREE = SourceTree(service="orders", objects={"orders": "1" * 40}, template="orders/template.yaml")


def intent(**changes: Any) -> Intent:
    values: dict[str, Any] = {
        "stack": STACK,
        "number": 7,
        "service": "orders",
        "environment": "preprod",
        "repository": "acme/shop",
        "commit": "1" * 40,
        "artifact_id": "a" * 64,
        "artifact_digest": "b" * 64,
        "template_sha256": "c" * 64,
        "parameters": {"LogLevel": "info"},
        "requested_by": "ada",
        "flow_run": "run-1",
        "at": NOON,
    }
    return Intent(**values | changes)


def outcome(**changes: Any) -> Outcome:
    values: dict[str, Any] = {
        "status": ReleaseStatus.SUCCEEDED,
        "deployed": True,
        "at": NOON,
        "seconds": 12.5,
        "stack_token": "release-7-attempt-1",
    }
    return Outcome(**values | changes)


def release(result: Outcome | None = None, **changes: Any) -> Release:
    return Release(intent=intent(**changes), outcome=result)


def packaged(sha256: str = SHA, suffix: str = "zip", size: int = 3) -> PackagedObject:
    return PackagedObject(key=object_key(sha256, suffix), sha256=sha256, size=size)


def manifest(**changes: Any) -> Manifest:
    values: dict[str, Any] = {
        "service": "orders",
        "artifact_id": TREE.artifact_id,
        "source": TREE,
        "template": packaged("cd" * 32, "template"),
        "parameters": (TemplateParameter(name="LogLevel", required=False),),
        "objects": (packaged(),),
        "assets": (
            AssetReference(
                template="orders/template.yaml",
                logical_id="Function",
                property="CodeUri",
                path="src/",
                sha256=SHA,
            ),
        ),
    }
    return Manifest(**values | changes)
