"""What a promotion owes to Prod whose run was stopped after a smoke test had failed."""

from __future__ import annotations

from prefect import get_run_logger

from tiercel.domain.base.errors import TiercelError, UnreachableError
from tiercel.domain.organization.services import deployment_order
from tiercel.domain.release.rollback import rolled_back_notice
from tiercel.flows.engine.notices import tell
from tiercel.flows.promotion.live_export import telling_what_is_live
from tiercel.flows.release.pages import report_rollback
from tiercel.flows.release.preparation import PreparedCommit
from tiercel.flows.release.restoring import finish_way_back
from tiercel.flows.release.results import Released

_WHY = "its smoke test failed, and the run that was to go back was stopped"


async def finish_ways_back(prepared: PreparedCommit) -> None:
    """Go back where an earlier run of this commit's promotion was stopped before it did.

    It needs no gate and nobody's word, as the stack runs what failed meanwhile. What keeps it from
    that is logged, and the promotion goes on. Raises UnreachableError.
    """
    target = prepared.target
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
            await _told(prepared, restored)


async def _told(prepared: PreparedCommit, restored: Released) -> None:
    tell(rolled_back_notice(restored.release, _WHY))
    async with telling_what_is_live(prepared.topology, prepared.target):
        await report_rollback(prepared.target, restored)
