"""How the run of a verification ends."""

from __future__ import annotations

from typing import cast

from prefect import get_run_logger
from prefect.states import Completed

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.review.statuses import Status, bad_end, placed, undecided_status
from tiercel.flows.release.github import report_statuses


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


async def say_undecided(
    pull: PullRequest, commit: str, environment: str, error: TiercelError
) -> None:
    """Tell GitHub that a verification found nothing out, so that nobody waits for its verdict.

    GitHub may be what is out of reach: that hides nothing of the error.
    """
    checks = placed(environment, [undecided_status(error)])
    try:
        await report_statuses(pull, commit, checks)
    except TiercelError as untold:
        get_run_logger().warning("GitHub still has the status as pending: %s", untold.what)
