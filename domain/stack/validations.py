"""What CloudFormation finds before it changes anything, and what its hooks say.

When a change set is made, CloudFormation looks at property values, at names that are taken, at
buckets that are not empty and more. Only DescribeEvents tells what it found.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tiercel.domain.base.values import Frozen

NAME_CONFLICT = "NAME_CONFLICT_VALIDATION"
MOST_VALIDATIONS = 100
_WARN = "WARN"


class Validation(Frozen):
    """One finding, by a validation or a hook: what, where in the template, and why.

    With `warns` CloudFormation goes on all the same.
    """

    name: str
    resource: str
    resource_type: str
    path: str = ""
    reason: str = ""
    warns: bool = False

    def line(self) -> str:
        """Return it as a line of a failure or a log."""
        where = f" at {self.path}" if self.path else ""
        kind = f" ({self.resource_type})" if self.resource_type else ""
        return f"{self.resource}{kind} {self.name}{where}: {self.reason or 'no reason'}"


def validations_of(
    events: Iterable[Mapping[str, Any]], nested_in: str = ""
) -> tuple[Validation, ...]:
    """Translate OperationEvents of DescribeEvents; those of other types are left out.

    `nested_in` is the path of the nested stack that they are about.
    """
    found = (_validation(event, nested_in) for event in events)
    return tuple(dict.fromkeys(one for one in found if one))[:MOST_VALIDATIONS]


def _validation(event: Mapping[str, Any], nested_in: str) -> Validation | None:
    resource = path_of(nested_in, str(event.get("LogicalResourceId", "")))
    kind = str(event.get("ResourceType", ""))
    if event.get("EventType") == "VALIDATION_ERROR" and event.get("ValidationStatus") != "SKIPPED":
        return Validation(
            name=str(event.get("ValidationName", "validation")),
            resource=resource,
            resource_type=kind,
            path=str(event.get("ValidationPath", "")),
            reason=str(event.get("ValidationStatusReason", "")),
            warns=event.get("ValidationFailureMode") == _WARN,
        )
    if event.get("EventType") == "HOOK_INVOCATION_ERROR":
        return Validation(
            name=f"hook {event.get('HookType', '')}".strip(),
            resource=resource,
            resource_type=kind,
            reason=str(event.get("HookStatusReason", "")),
            warns=event.get("HookFailureMode") == _WARN,
        )
    return None


def path_of(nested_in: str, logical_id: str) -> str:
    """Return a resource's path from the stack that is deployed, such as `Inner/Queue`."""
    return f"{nested_in}/{logical_id}" if nested_in else logical_id
