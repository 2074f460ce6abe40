"""How CodeDeploy shifts an alias's traffic: all at once, by canary, or in equal steps.

https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
"""

from __future__ import annotations

import re
from enum import StrEnum

from tiercel.domain.base.values import Frozen

_NAMED = re.compile(
    r"CodeDeployDefault\.Lambda(?:(?P<kind>Canary|Linear)(?P<percent>\d+)Percent"
    r"(?:Every)?(?P<minutes>\d+)Minutes?|AllAtOnce)"
)
_START = "CodeDeployDefault.Lambda"
_OFFERED = (
    "AllAtOnce",
    *(f"Canary10Percent{minutes}Minutes" for minutes in (5, 10, 15, 30)),
    "Linear10PercentEvery1Minute",
    *(f"Linear10PercentEvery{minutes}Minutes" for minutes in (2, 3, 10)),
)


class RoutingKind(StrEnum):
    """The types of `TrafficRoutingConfig`."""

    ALL_AT_ONCE = "AllAtOnce"
    CANARY = "TimeBasedCanary"
    LINEAR = "TimeBasedLinear"


class Share(Frozen):
    """From so many minutes after the start on, the new version has so many percent."""

    minute: int
    percent: int


class Routing(Frozen):
    """A way to shift: `percent` at each step, `minutes` between two; both 0 for all at once."""

    kind: RoutingKind
    percent: int = 0
    minutes: int = 0

    @property
    def shares(self) -> tuple[Share, ...]:
        """The steps, the first at once, the last with all the traffic.

        A canary has two; a linear shift adds the same share until nothing is left.
        """
        if self.kind is RoutingKind.ALL_AT_ONCE:
            return (Share(minute=0, percent=100),)
        first = Share(minute=0, percent=self.percent)
        if self.kind is RoutingKind.CANARY:
            return first, Share(minute=self.minutes, percent=100)
        steps = -(-100 // self.percent)
        return tuple(
            Share(minute=step * self.minutes, percent=min(100, (step + 1) * self.percent))
            for step in range(steps)
        )

    @property
    def least_minutes(self) -> int:
        """How long the shift takes without its hooks, in minutes."""
        return self.shares[-1].minute

    def words(self) -> str:
        """Say it in one line."""
        if self.kind is RoutingKind.ALL_AT_ONCE:
            return "all traffic at once"
        unit = "minute" if self.minutes == 1 else "minutes"
        if self.kind is RoutingKind.CANARY:
            return f"{self.percent} % for {self.minutes} {unit}, then all"
        return f"{self.percent} % more every {self.minutes} {unit}"


PREDEFINED = tuple(_START + name for name in _OFFERED)
"""The configurations for Lambda that every account has, by name."""


def predefined(name: str) -> Routing | None:
    """Return what a configuration of AWS's own does, None for any other name."""
    found = _NAMED.fullmatch(name) if name in PREDEFINED else None
    if found is None:
        return None
    if not found["kind"]:
        return Routing(kind=RoutingKind.ALL_AT_ONCE)
    kind = RoutingKind.CANARY if found["kind"] == "Canary" else RoutingKind.LINEAR
    return Routing(kind=kind, percent=int(found["percent"]), minutes=int(found["minutes"]))
