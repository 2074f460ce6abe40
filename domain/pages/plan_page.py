"""The page of a plan: every change of a stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tiercel.domain.drift.report import DriftFinding
from tiercel.domain.organization.names import Names
from tiercel.domain.pages.changed_resources import removal_words, replacement_words
from tiercel.domain.pages.frame import page, place, stack_link
from tiercel.domain.pages.links import Links
from tiercel.domain.pages.markdown import code, escaped, table
from tiercel.domain.stack.needed_actions import Lack, RoleCheck
from tiercel.domain.stack.plan import Change, Plan
from tiercel.domain.stack.validations import Validation
from tiercel.domain.template.outside import OutsideReference
from tiercel.domain.traffic.planned import PlannedShift

_LONGEST = 500
_LACKING = ("resource", "type", "cannot do without", "may need", "seldom needed")
_ASKED = ("resource", "type", "for some properties, or never", "seldom")


@dataclass(frozen=True)
class BesidePlan:
    """What is told beside a plan: what the service role lacks, and what follows from the plan.

    `outside` is what its templates let in that is not the service's own, `past` what a look for
    drift found changed past Tiercel of the resources that the plan changes, `shifts` the traffic
    that CodeDeploy will shift.
    """

    check: RoleCheck
    outside: Sequence[OutsideReference] = ()
    past: Sequence[DriftFinding] = ()
    shifts: Sequence[PlannedShift] = ()


def plan_page(plan: Plan, links: Links, names: Names, beside: BesidePlan) -> str:
    """Return every change of a stack: replacements marked, permissions apart, what lacks.

    Changes of nested stacks stand among them with their path, and warnings before all.
    """
    permissions = [change for change in plan.changes if change.changes_permissions]
    others = [change for change in plan.changes if not change.changes_permissions]
    parameters = [
        (code(name), code(value) if value else "*empty*")
        for name, value in sorted(plan.parameters.items())
    ]
    return page(
        f"Plan of {stack_link(plan.stack, plan.stack_id, links, names)}",
        f"{plan.summary()}. {place(names)}",
        f"Plan digest {code(plan.digest)}",
        *_warnings(plan.warnings),
        *_unseen(plan),
        *_overwritten(plan, beside.past),
        *_traffic(beside.shifts),
        "## Resources",
        _changes(others),
        "## Permissions",
        _changes(permissions),
        *_service_role(beside.check),
        "## Parameters",
        table(("name", "value"), parameters) if parameters else "none",
        "## From outside",
        _outside(beside.outside),
    )


def _warnings(warnings: Sequence[Validation]) -> list[str]:
    """Return what CloudFormation found and does not stop at, where it found something."""
    if not warnings:
        return []
    rows = [
        (
            code(one.name),
            code(one.resource),
            escaped(one.resource_type),
            code(one.path) if one.path else "",
            escaped(one.reason),
        )
        for one in warnings
    ]
    return ["## Warnings", table(("validation", "resource", "type", "path", "why"), rows)]


def _unseen(plan: Plan) -> list[str]:
    if not plan.unseen:
        return []
    told = "CloudFormation cannot tell before what changes in the nested stacks, so they are not"
    return [f"{told} listed: {escaped(plan.unseen)}"]


def _overwritten(plan: Plan, past: Sequence[DriftFinding]) -> list[str]:
    """Return what was changed past CloudFormation and is overwritten, where anything is known."""
    rows = [
        (code(one.path), escaped(one.resource_type), one.state, escaped(", ".join(one.properties)))
        for one in plan.overwrites
    ]
    told = [escaped(plan.not_reverted, _LONGEST)] if plan.not_reverted else []
    if past and not plan.overwrites:
        told.append("This plan may overwrite what the newest look for drift found changed:")
        rows = [(escaped(one.what), "", one.kind.value, escaped(one.why)) for one in past]
    if not (rows or told):
        return []
    shown = [table(("resource", "type", "how", "properties"), rows)] if rows else []
    return ["## Changed past CloudFormation", *told, *shown]


def _traffic(shifts: Sequence[PlannedShift]) -> list[str]:
    if not shifts:
        return []
    rows = [
        (
            code(one.logical_id),
            escaped(one.routing.words() if one.routing else "not told by the template"),
            str(one.routing.least_minutes) if one.routing else "",
            str(one.hooks),
            str(one.alarms),
        )
        for one in shifts
    ]
    heads = ("alias", "shares of the new version", "minutes at least", "hooks", "alarms")
    return ["## Traffic that shifts", table(heads, rows)]


def _outside(outside: Sequence[OutsideReference]) -> str:
    rows = [
        (
            one.kind.value,
            code(one.logical_id),
            code(one.name),
            escaped(one.template),
            code(one.text),
        )
        for one in outside
    ]
    return table(("kind", "resource", "property", "template", "what"), rows) if rows else "nothing"


def _changes(changes: Sequence[Change]) -> str:
    if not changes:
        return "none"
    rows = [
        (
            change.action + removal_words(change),
            replacement_words(change),
            code(change.path),
            escaped(change.resource_type),
            escaped(", ".join(change.properties)),
        )
        for change in changes
    ]
    return table(("action", "replacement", "resource", "type", "properties"), rows)


def _service_role(check: RoleCheck) -> list[str]:
    """Return what the service role lacks, where it does, and apart what may never be needed.

    What is seldom needed, and nothing else lacks, is no news.
    """
    needed = [one for one in check.lacks if one.certain]
    others = [one for one in check.lacks if one.possible and not one.certain]
    parts = []
    if needed:
        rows = [
            (*_resource(one), *map(_actions, (one.certain, one.possible, one.seldom)))
            for one in needed
        ]
        parts += ["## Permissions that the service role lacks", table(_LACKING, rows)]
    if others:
        rows = [(*_resource(one), *map(_actions, (one.possible, one.seldom))) for one in others]
        parts += ["## What the service role might be asked for", table(_ASKED, rows)]
    if check.unknown:
        types = ", ".join(map(code, check.unknown))
        parts.append(
            f"AWS publishes no needed permissions for {types}: the service role was not "
            "compared with them."
        )
    return parts


def _resource(lack: Lack) -> tuple[str, str]:
    return code(lack.logical_id), escaped(lack.resource_type)


def _actions(actions: Sequence[str]) -> str:
    return ", ".join(map(code, actions))
