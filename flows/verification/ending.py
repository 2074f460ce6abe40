"""How the run of a verification ends."""

from __future__ import annotations

from typing import cast

from prefect.states import Completed

from tiercel.domain.review.statuses import Status, bad_end


def ended_by_verdict(checks: list[Status]) -> list[Status]:
    """Return what a flow returns for its statuses, of which the last is the verdict on the whole.

    The run is completed whatever the verdict: it has found out. After a bad one its state has
    another name, by which whoever asks again knows that there is something to look at again.
    Whoever calls the flow gets the statuses either way.
    """
    whole = checks[-1]
    name = bad_end(whole)
    if not name:
        return checks
    return cast("list[Status]", Completed(name=name, message=whole.short, data=checks))
