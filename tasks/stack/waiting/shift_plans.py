"""Which traffic a change set will shift."""

from __future__ import annotations

import json
from typing import Any

import yaml

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.access import Access
from tiercel.domain.stack.plan import Plan
from tiercel.domain.traffic.planned import PlannedShift, planned_shifts
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import translated
from tiercel.tasks.engine.task import run_logger, world_task


@world_task("plan shifts", "plan shifts of {plan.stack}")
def plan_shifts(access: Access, plan: Plan, aliases: set[str]) -> list[PlannedShift]:
    """Return what will shift when these aliases get another version.

    A template that cannot be read is no failure: what shifts is told while it does.
    """
    try:
        with translated("read a change set's template", f"stack {plan.stack}"):
            told = client("cloudformation", access).get_template(
                ChangeSetName=plan.change_set_id, TemplateStage="Processed"
            )
    except TiercelError as error:
        run_logger().warning("what traffic will shift is not known: %s", error)
        return []
    return planned_shifts(_document(told["TemplateBody"]), aliases)


def _document(body: Any) -> dict[str, Any]:
    """Return a template that CloudFormation has transformed: JSON, or YAML without tags."""
    if isinstance(body, dict):
        return body
    try:
        found = json.loads(body)
    except ValueError:
        try:
            found = yaml.safe_load(body)
        except yaml.YAMLError:
            return {}
    return found if isinstance(found, dict) else {}
