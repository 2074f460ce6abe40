"""The course of a drill that is open: everything goes, is proven gone, and comes back."""

from __future__ import annotations

from functools import partial

from tiercel.domain.drill.foundation import require_foundation_done
from tiercel.domain.drill.record import Begun
from tiercel.domain.drill.report import DrillReport
from tiercel.domain.organization.topology import Drills
from tiercel.flows.drill.ahead import ahead
from tiercel.flows.drill.deletion import delete_all, leave_the_rest, prove_empty
from tiercel.flows.drill.foundation import (
    Ground,
    foundation_is_done,
    leave_foundation,
    renew_foundation,
)
from tiercel.flows.drill.rebuild import (
    begin_all,
    looked_at,
    made_ready,
    rebuild_all,
    verify_all,
)
from tiercel.flows.drill.reports import finish
from tiercel.flows.drill.under_way import Drill
from tiercel.flows.release.preparation import ReleaseTarget


async def drilled(
    target: ReleaseTarget,
    begun: Begun,
    settings: Drills,
    ground: Ground | None = None,
    *,
    give_up: bool = False,
) -> DrillReport:
    """Take a drill to its end from wherever it stands, and return its report.

    Without a `ground` the account's own resources are left as they are: RefusedInputError if the
    drill was approved to destroy them and has not done it. What the stacks are rebuilt from is made
    ready while they are deleted, unless their account goes as well. A drill that somebody gives up
    comes to its end without what cannot be rebuilt.
    """
    drill = await Drill.taken_up(target, begun)
    if give_up:
        await leave_the_rest(drill)
        await leave_foundation(drill)
    if ground is None:
        require_foundation_done(drill.plan, done=foundation_is_done(drill))
    async with ahead(partial(made_ready, drill)) as ready, ahead(partial(looked_at, drill)) as seen:
        await delete_all(drill, partial(begin_all, drill, ready) if ground is None else _nothing)
        await prove_empty(drill)
        if ground:
            await renew_foundation(ground, drill)
        await rebuild_all(drill, ready, seen, give_up=give_up)
        await verify_all(drill, seen)
    return await finish(drill, settings)


def _nothing() -> None:
    """What is staged would go with the account's own resources."""
