"""What will shift when a plan is carried out, told from the template as CloudFormation has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tiercel.domain.base.values import Frozen, TemplateDocument
from tiercel.domain.stack.plan import Change
from tiercel.domain.traffic.routing import Routing, RoutingKind, predefined
from tiercel.domain.traffic.shifts import ALIAS_TYPE

_POLICY = "CodeDeployLambdaAliasUpdate"
_HOOKS = ("BeforeAllowTrafficHook", "AfterAllowTrafficHook")
_DEFAULT = "CodeDeployDefault.LambdaAllAtOnce"
_MOST_PERCENT = 99


class PlannedShift(Frozen):
    """An alias whose traffic will shift; `routing` is None where the template does not tell it."""

    logical_id: str
    routing: Routing | None
    hooks: int = 0
    alarms: int = 0

    def line(self) -> str:
        """Say it in one line, with the time that it takes at least."""
        how = self.routing.words() if self.routing else "as a configuration outside says"
        told = [f"traffic of {self.logical_id} shifts: {how}"]
        if self.routing and self.routing.least_minutes:
            told.append(f"at least {self.routing.least_minutes} minutes")
        for count, what in ((self.hooks, "hook"), (self.alarms, "alarm")):
            told += [f"{count} {what}{'' if count == 1 else 's'}"] if count else []
        return ", ".join(told)


def updated_aliases(changes: Iterable[Change]) -> set[str]:
    """Return the aliases of the stack itself that a plan changes in place."""
    return {
        one.logical_id
        for one in changes
        if one.resource_type == ALIAS_TYPE
        and one.action == "Modify"
        and not (one.replaces or one.nested_in)
        and (not one.properties or "FunctionVersion" in one.properties)
    }


def planned_shifts(template: TemplateDocument, aliases: set[str]) -> list[PlannedShift]:
    """Return which of the aliases CodeDeploy shifts, and how; by name.

    `template` is without macros and transforms. What only values at the time of the deploy tell,
    such as a configuration that a parameter names, stays open.
    """
    resources = template.get("Resources") or {}
    found = []
    for name in sorted(aliases & resources.keys()):
        policy = (resources[name].get("UpdatePolicy") or {}).get(_POLICY)
        if isinstance(policy, dict):
            group = _resource(resources, policy.get("DeploymentGroupName"))
            alarms = (group.get("AlarmConfiguration") or {}).get("Alarms") or ()
            found.append(
                PlannedShift(
                    logical_id=name,
                    routing=_routing(resources, group) if group else None,
                    hooks=sum(bool(policy.get(hook)) for hook in _HOOKS),
                    alarms=len(alarms) if isinstance(alarms, list) else 0,
                )
            )
    return found


def _routing(resources: Mapping[str, Any], group: Mapping[str, Any]) -> Routing | None:
    named = group.get("DeploymentConfigName", _DEFAULT)
    if name := _text(named):
        return predefined(name)
    own = _resource(resources, named).get("TrafficRoutingConfig") or {}
    steps = {
        RoutingKind.CANARY: ("TimeBasedCanary", "CanaryPercentage", "CanaryInterval"),
        RoutingKind.LINEAR: ("TimeBasedLinear", "LinearPercentage", "LinearInterval"),
    }
    if own.get("Type") == RoutingKind.ALL_AT_ONCE:
        return Routing(kind=RoutingKind.ALL_AT_ONCE)
    if own.get("Type") not in steps:
        return None
    kind = RoutingKind(own["Type"])
    part, percentage, interval = steps[kind]
    step = own.get(part) or {}
    percent, minutes = _number(step.get(percentage)), _number(step.get(interval))
    if not (0 < percent <= _MOST_PERCENT and minutes > 0):
        return None
    return Routing(kind=kind, percent=percent, minutes=minutes)


def _resource(resources: Mapping[str, Any], reference: Any) -> Mapping[str, Any]:
    """Return the properties of the resource that a Ref names, empty for anything else."""
    name = reference.get("Ref") if isinstance(reference, dict) else None
    found = resources.get(name) if isinstance(name, str) else None
    properties = (found or {}).get("Properties") or {}
    return properties if isinstance(properties, dict) else {}


def _text(value: Any) -> str:
    """Return a name that is written out, or put together as SAM does it; else an empty text."""
    if isinstance(value, str):
        return value
    parts = value.get("Fn::Sub") if isinstance(value, dict) else None
    if not (isinstance(parts, list) and len(parts) == 2 and isinstance(parts[1], dict)):
        return ""
    text = str(parts[0])
    for name, given in parts[1].items():
        text = text.replace(f"${{{name}}}", given if isinstance(given, str) else "")
    return text


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
