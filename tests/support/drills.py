"""Inventories, plans and steps of drills, of which a test changes what matters to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.releases import intent
from tiercel.domain.base.digests import Sha256
from tiercel.domain.drill.inventory import (
    QUEUE_TYPE,
    DataKind,
    HeldData,
    Inventory,
    SeenResource,
    SeenStack,
)
from tiercel.domain.drill.plan import DrillPlan, plan_drill
from tiercel.domain.drill.record import ApprovalKind, Begun, DrillStep, Phase
from tiercel.domain.release.ledger import Intent
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.teardown.stack_deletion import BUCKET_TYPE

ACCOUNT = "222222222222"
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


def stack_id(name: str, number: int = 1) -> str:
    return f"arn:aws:cloudformation:eu-central-1:{ACCOUNT}:stack/{name}/{number}"


def seen(service: str, **changes: Any) -> SeenStack:
    name = f"acme-preprod-{service}"
    values: dict[str, Any] = {
        "name": name,
        "stack_id": stack_id(name),
        "service": service,
        "status": StackStatus.UPDATE_COMPLETE,
        "token": "release-7-attempt-1",
        "tags": {
            "tiercel:organization": "acme",
            "tiercel:environment": "preprod",
            "tiercel:service": service,
        },
        "protected": False,
        "template_sha256": Sha256("c" * 64),
        "parameters": {},
        "outputs": {},
    }
    return SeenStack(**values | changes)


def resource(path: str = "Queue", kind: str = QUEUE_TYPE, **changes: Any) -> SeenResource:
    values: dict[str, Any] = {
        "path": path,
        "physical_id": f"acme-preprod-{path.lower()}",
        "resource_type": kind,
    }
    return SeenResource(**values | changes)


def bucket(name: str = "acme-preprod-files", **changes: Any) -> SeenResource:
    return resource("Files", BUCKET_TYPE, physical_id=name, **changes)


def held(name: str = "acme-preprod-queue", kind: DataKind = DataKind.QUEUE) -> HeldData:
    return HeldData(kind=kind, name=name, path="Queue", items=3)


def inventory(*stacks: SeenStack, **changes: Any) -> Inventory:
    values: dict[str, Any] = {"account": ACCOUNT, "alias": "acme-try", "at": NOON, "stacks": stacks}
    return Inventory(**values | changes)


def running(*stacks: SeenStack, **parameters: dict[str, str]) -> dict[str, Intent]:
    return {
        one.name: intent(
            stack=one.name, service=one.service, parameters=parameters.get(one.service, {})
        )
        for one in stacks
    }


def plan(*stacks: SeenStack, **parameters: dict[str, str]) -> DrillPlan:
    return plan_drill("acme", "preprod", inventory(*stacks), running(*stacks, **parameters))


def step(phase: Phase, stack: str = "", start: float = 0, seconds: float = 1, **more: Any) -> Any:
    began = NOON + timedelta(seconds=start)
    ended = began + timedelta(seconds=seconds)
    return DrillStep(phase=phase, stack=stack, began=began, ended=ended, **more)


def begun(of: DrillPlan, **changes: Any) -> Begun:
    values: dict[str, Any] = {
        "number": 3,
        "plan": of,
        "digest": of.digest,
        "approved_by": "ada",
        "approval": ApprovalKind.TYPED,
        "at": NOON,
        "flow_run": "run-1",
    }
    return Begun(**values | changes)
