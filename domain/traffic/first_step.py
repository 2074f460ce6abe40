"""What a smoke test got from the new version, once that had its first share of the traffic."""

from __future__ import annotations

from collections.abc import Iterable

from tiercel.domain.base.values import Frozen
from tiercel.domain.traffic.shifts import Shift

_STOPPED_BY_HAND = "MANUAL_STOP"


class FirstStep(Frozen):
    """The answer to a smoke test at the first step of a deployment.

    `problem` says what is wrong with the answer, and is empty if the test was passed.
    """

    deployment: str
    answer: str = ""
    problem: str = ""


def to_ask(shifts: Iterable[Shift], resource: str) -> Shift | None:
    """Return the shift whose new version can be asked now, None while there is none.

    `resource` is what the smoke test names: a function by its name, or an alias by its ARN.
    """
    return next((one for one in shifts if _has_a_share(one) and _is_of(one, resource)), None)


def _has_a_share(shift: Shift) -> bool:
    return shift.percent > 0 and not (shift.is_over or shift.is_way_back)


def _is_of(shift: Shift, resource: str) -> bool:
    return resource == shift.function or resource.endswith(f":{shift.function}:{shift.alias}")


def with_refusal(shifts: Iterable[Shift], first: FirstStep | None) -> list[Shift]:
    """Return the shifts, the one that the smoke test stopped with what it found.

    An alarm or a person may have been quicker.
    """

    def told(shift: Shift) -> Shift:
        is_meant = first is not None and first.problem and shift.deployment == first.deployment
        if first is None or not is_meant or shift.code != _STOPPED_BY_HAND:
            return shift
        return shift.model_copy(update={"refused": first.problem})

    return [told(one) for one in shifts]
