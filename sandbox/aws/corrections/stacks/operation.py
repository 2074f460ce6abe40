"""One step of a stack operation: a resource that is created, updated or deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Properties = Mapping[str, Any]


class Handler(StrEnum):
    """The handlers of a resource type that change something, as AWS's schemas call them."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True)
class StackPlace:
    """Where a stack is."""

    account: str
    region: str
    partition: str = "aws"


@dataclass(frozen=True)
class Operation:
    """What happens to one resource; `properties` are those it gets, or has when it goes.

    `physical_id` is empty for a resource that is created, and `before` has the properties
    that an updated one had.
    """

    step: Handler
    resource_type: str
    stack: str
    logical_id: str
    properties: Properties
    place: StackPlace
    physical_id: str = ""
    before: Properties = field(default_factory=dict)

    @property
    def touched(self) -> set[str]:
        """The properties that the operation sets, changes, drops or lets go."""
        names = self.properties.keys() | self.before.keys()
        return {name for name in names if self.properties.get(name) != self.before.get(name)}


@dataclass(frozen=True)
class ResourceCall:
    """A call that CloudFormation makes: one of the actions, on the resource.

    `resource` is `*` where the action names none, and empty where it cannot be told.
    """

    actions: tuple[str, ...]
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)
