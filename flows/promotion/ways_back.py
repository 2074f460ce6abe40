"""What a promotion owes to Prod whose run was stopped after a smoke test had failed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prefect import get_run_logger

from tiercel.domain.base.errors import TiercelError, UnreachableError
from tiercel.domain.organization.services import deployment_order
from tiercel.domain.release.ledger import Release
from tiercel.domain.release.rollback import rolled_back_notice, went_back_before
from tiercel.flows.engine.notices import tell
from tiercel.flows.promotion.live_export import telling_what_is_live
from tiercel.flows.release.pages import report_rollback
from tiercel.flows.release.preparation import PreparedCommit
from tiercel.flows.release.restoring import finish_way_back
from tiercel.flows.release.results import Released

_WHY = "its smoke test failed, and the run that was to go back was stopped"


@asynccontextmanager
async def after_ways_back(prepared: PreparedCommit) -> AsyncIterator[None]:
    """Go back where an earlier run of this commit's promotion was stopped before it did.

    It needs no gate and nobody's word, as the stack runs what failed meanwhile. What keeps it from
    that is logged, and the promotion goes on: if that ends early, its error says what went back.
    Raises UnreachableError.
    """
    restored = await _finished(prepared)
    try:
        yield
    except TiercelError as error:
        if not restored:
            raise
        raise error.but(state=went_back_before(error.state, restored)) from error


async def _finished(prepared: PreparedCommit) -> list[Release]:
    target = prepared.target
    finished = []
    for service in deployment_order(prepared.topology.services):
        stack = target.names.stack(service)
        try:
            restored = await finish_way_back(target, stack, prepared.commit.sha)
        except UnreachableError:
            raise  # nobody knows what the stack runs now
        except TiercelError as error:
            get_run_logger().warning("%s may still run what failed: %s", stack, error)
            continue
        if restored:
            finished.append(restored.release)
            await _told(prepared, restored)
    return finished


async def _told(prepared: PreparedCommit, restored: Released) -> None:
    tell(rolled_back_notice(restored.release, _WHY))
    async with telling_what_is_live(prepared.topology, prepared.target):
        await report_rollback(prepared.target, restored)
