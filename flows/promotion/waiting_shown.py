"""Where people see that a promotion waits: a page, GitHub's deployment, the pull request."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import get_run_logger

from tiercel.domain.approvals.plans import PostedPlan, WaitingPromotion
from tiercel.domain.approvals.waiting import OpenWait
from tiercel.domain.base.errors import TiercelError, WaitingError
from tiercel.domain.pages.promotion_page import PROMOTION_MARKER, promotion_page
from tiercel.flows.engine.artifacts import show_page
from tiercel.flows.engine.concurrency import call
from tiercel.flows.release.github import run_link, say_waiting
from tiercel.flows.release.pages import report_board
from tiercel.flows.release.preparation import PreparedCommit
from tiercel.tasks.github.pull_requests import read_pull_request, upsert_comment
from tiercel.tasks.records.promotion_plans import read_posted_plan, record_posted_plan


async def show_waiting(prepared: PreparedCommit, found: OpenWait, error: WaitingError) -> None:
    """Show the plan and who is waited for, last of all in this run."""
    names, waiting = prepared.target.names, found.waiting
    await _post(prepared, found)
    await say_waiting(prepared, error.what)
    await report_board(prepared.target)
    text = promotion_page(found.plan, waiting, run_link())
    await show_page(f"promotion-{names.page}", error.what, text)


async def _post(prepared: PreparedCommit, found: OpenWait) -> None:
    """Write the plan on the release pull request, then that it stands there; done before, it stays.

    What GitHub does not take is a warning: the word can be given by AWS, and the next run tries it
    again.
    """
    waiting, records = found.waiting, prepared.target.records
    if waiting.pull_request is None:
        return
    posted = await call(read_posted_plan, records, waiting.plan_digest)
    if posted:
        return
    try:
        pull = await call(read_pull_request, waiting.repository, waiting.pull_request)
        text = promotion_page(found.plan, waiting, run_link())
        await call(upsert_comment, pull, PROMOTION_MARKER, text)
    except TiercelError as error:
        get_run_logger().warning("the plan is not shown on the pull request: %s", error.what)
        return
    await call(record_posted_plan, records, _posted(waiting, waiting.pull_request))


def _posted(waiting: WaitingPromotion, number: int) -> PostedPlan:
    return PostedPlan(
        plan_digest=waiting.plan_digest,
        repository=waiting.repository,
        pull_request=number,
        head_commit=waiting.head_commit,
        at=datetime.now(UTC),
    )
