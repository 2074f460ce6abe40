"""A promotion's plan and what waits for it, of which a test changes what matters to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tiercel.domain.approvals.plans import (
    AskedBy,
    PlannedChange,
    PlannedService,
    PromotionPlan,
    WaitingPromotion,
)

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
QUEUE = PlannedChange(action="Add", logical_id="Queue", resource_type="AWS::SQS::Queue")
ROLE = PlannedChange(
    action="Modify",
    logical_id="Role",
    resource_type="AWS::IAM::Role",
    replacement="False",
    properties=("Policies",),
)


def planned(service: str = "shop", **given: Any) -> PlannedService:
    known: dict[str, Any] = {
        "service": service,
        "stack": f"acme-prod-{service}",
        "live": 3,
        "artifact_id": "a" * 64,
        "artifact_digest": "b" * 64,
        "template_sha256": "c" * 64,
        "configuration_digest": "d" * 64,
        "changes": (QUEUE, ROLE),
    }
    return PlannedService(**known | given)


def plan(*services: PlannedService, **given: Any) -> PromotionPlan:
    known: dict[str, Any] = {
        "environment": "prod",
        "repository": "acme/shop",
        "commit": "1" * 40,
        "services": services or (planned(),),
    }
    return PromotionPlan(**known | given)


def waiting(shown: PromotionPlan, **given: Any) -> WaitingPromotion:
    known: dict[str, Any] = {
        "number": 1,
        "environment": "prod",
        "repository": shown.repository,
        "commit": shown.commit,
        "plan_digest": shown.digest,
        "asked_by": AskedBy(github=7),
        "pull_request": 12,
        "head_commit": "2" * 40,
        "at": NOON,
        "expires_at": NOON + timedelta(hours=72),
    }
    return WaitingPromotion(**known | given)
