"""Prefect artifacts: what a run did and what is live, for people who would rather look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from prefect import get_run_logger
from prefect.utilities.urls import url_for

from tiercel.domain.accounts.findings import CheckReport
from tiercel.domain.accounts.terraform_plan import TerraformPlan
from tiercel.domain.approvals.found_waits import WaitsFound
from tiercel.domain.base.digests import short
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.names import Names
from tiercel.domain.pages.environment.accounts_page import terraform_plan_page
from tiercel.domain.pages.environment.check_page import check_page
from tiercel.domain.pages.links import Links
from tiercel.domain.pages.plan_page import BesidePlan, plan_page
from tiercel.domain.pages.pull_request.review_page import verification_page
from tiercel.domain.pages.release_pages import (
    Unfinished,
    candidate_page,
    publication_page,
    release_board,
    release_page,
    superseded_page,
)
from tiercel.domain.release.ledger import Release
from tiercel.domain.release.release_document import RELEASE_KEY, release_document
from tiercel.domain.review.statuses import Status
from tiercel.domain.stack.plan import Plan
from tiercel.flows.engine.artifacts import report_document, show_page, show_standing_page
from tiercel.flows.engine.concurrency import call
from tiercel.flows.release.back_merges import open_back_merges
from tiercel.flows.release.board import report_on_board, show_result
from tiercel.flows.release.github import address_of
from tiercel.flows.release.preparation import PreparedCommit, ReleaseTarget
from tiercel.flows.release.results import Published, Released, VerifiedService
from tiercel.tasks.engine.retry_budget import one_try
from tiercel.tasks.github.pull_requests import pulls_of_commit
from tiercel.tasks.github.transport.credentials import has_credentials
from tiercel.tasks.records.ledger import read_live_releases
from tiercel.tasks.records.promotion_plans import read_open_waits


async def report_plan(names: Names, links: Links, plan: Plan, beside: BesidePlan) -> None:
    """Show every change of a stack, what it overwrites, what shifts, and what its role lacks."""
    description = f"Plan of {plan.stack}: {plan.summary()}"
    page = plan_page(plan, links, names, beside)
    await show_page(f"plan-{plan.stack}", description, page)


async def report_publication(prepared: PreparedCommit, published: Mapping[str, Published]) -> None:
    """Show the artifact of each service and whether this run built it."""
    rows = [
        (
            name,
            result.built,
            result.uploaded,
            short(result.manifest.artifact_id),
            short(result.manifest.digest),
        )
        for name, result in published.items()
    ]
    names = prepared.target.names
    await show_result(
        f"artifacts-{names.environment.name}",
        f"Artifacts of {_short(prepared)}",
        publication_page(await _source(prepared), rows, f"s3://{names.artifact_bucket}"),
    )


async def report_deployment(prepared: PreparedCommit, released: Mapping[str, Released]) -> None:
    """Show what is live in the environment now, and last what this run released.

    Where releases are merged back, that may have happened since, even if this run changed nothing.
    """
    if prepared.target.develop or any(result.changed for result in released.values()):
        await report_board(prepared.target)
    names, links = prepared.target.names, prepared.target.links
    environment = names.title
    await _leave_document(released.values(), address_of(prepared, released))
    title = f"Released to {environment}: {await _source(prepared)}"
    rows = [(result.release, result.changed) for result in released.values()]
    await show_result(
        f"released-{names.page}",
        f"Released to {environment}: {_short(prepared)}",
        release_page(title, rows, links, names),
    )


async def _leave_document(released: Iterable[Released], address: str) -> None:
    """Leave as data which releases are live now, and where they answer."""
    intents = [one.release.intent for one in released]
    numbers = {one.stack: one.number for one in intents}
    await report_document(
        RELEASE_KEY, f"{len(numbers)} releases", release_document(numbers, address)
    )


async def report_candidate(
    prepared: PreparedCommit, verified: Mapping[str, VerifiedService]
) -> None:
    """Show which release verified each service of a commit, where and how."""
    await report_board(prepared.target)
    names, links = prepared.target.names, prepared.target.links
    rows = [(one.release, one.tried) for one in verified.values()]
    title = f"Candidate of {prepared.branch}: {_short(prepared)}"
    page = candidate_page(await _source(prepared), prepared.branch, rows, links, names)
    await show_result(f"candidate-{names.environment.name}", title, page)


async def report_rollback(target: ReleaseTarget, restored: Released) -> None:
    """Show what is live now, and last to which release a stack went back."""
    if restored.changed:
        await report_board(target)
    await _leave_document([restored], "")
    intent = restored.release.intent
    title = f"Rolled back: {intent.stack} to release {intent.restores or intent.number}"
    await show_result(
        f"released-{target.names.environment.name}",
        title,
        release_page(title, [(restored.release, restored.changed)], target.links, target.names),
    )


async def report_superseded(prepared: PreparedCommit, by: str) -> None:
    """Show that a commit is not deployed, and because of what."""
    get_run_logger().info("superseded, nothing more is deployed: %s", by)
    await show_result(
        f"released-{prepared.target.names.page}",
        f"Superseded: {_short(prepared)}",
        superseded_page(await _source(prepared), by),
    )


async def report_board(target: ReleaseTarget) -> None:
    """Show what is live in the environment, since when and by whom, and what it owes to develop.

    The release is made and recorded by then: if the ledger cannot be listed any more, the board
    stays as it was, and the log says so. A record that cannot be read is told on it.
    """
    names = target.names
    try:
        found = await call(read_live_releases, target.records)
        waits = WaitsFound()
        if names.environment.gates.approvals:
            waits = await call(read_open_waits, target.records)
    except TiercelError as error:
        get_run_logger().warning("the board of live releases is not brought up to date: %s", error)
        return
    live = [one for one in found if one.stack.startswith(names.stack_prefix)]
    released_from = [one.running.intent.repository for one in live if one.running]
    await show_standing_page(
        f"live-{names.page}",
        release_board(
            live,
            _run_pages(one.running for one in live),
            target.links,
            names,
            target.where,
            Unfinished(
                await open_back_merges(target, released_from),
                [one.waiting for one in waits.readable],
                waits.unreadable,
            ),
        ),
    )
    await report_on_board(names, target.links, live)


async def report_verification(
    pull: PullRequest, commit: str, checks: Sequence[Status], links: Links
) -> None:
    """Show the verdict on a pull request's head."""
    repository = pull.repository.rpartition("/")[2]
    await show_page(
        f"pull-request-{repository}-{pull.number}",
        f"Pull request #{pull.number} of {pull.repository}",
        verification_page(pull, commit, checks, links),
    )


async def report_terraform_plan(plan: TerraformPlan) -> None:
    """Show every change of an environment's accounts, permissions apart, without values."""
    description = f"Terraform's plan for {plan.environment}: {plan.summary()}"
    await show_page(f"accounts-{plan.environment}", description, terraform_plan_page(plan))


async def report_check(report: CheckReport) -> None:
    """Show the matrix of what was checked, and the remedy of everything that is red."""
    environment = report.environment
    description = f"Check of {environment}: {report.summary()}"
    await show_page(f"check-{environment}", description, check_page(report))


async def _source(prepared: PreparedCommit) -> str:
    """Return links to the commit and to the pull request that brought it, where there is one."""
    commit, links = prepared.commit, prepared.target.links
    source = links.commit(commit.repository, commit.sha)
    if not has_credentials():
        return source
    try:
        with one_try():
            pulls = await call(pulls_of_commit, commit.repository, commit.sha)
    except TiercelError as error:
        get_run_logger().warning("the pull request is not linked: %s", error.what)
        return source
    brought = [pull for pull in pulls if pull.merged and pull.merge_commit == commit.sha]
    linked = [links.pull_request(commit.repository, pull.number) for pull in brought]
    return ", ".join([source, *linked])


def _short(prepared: PreparedCommit) -> str:
    return f"{prepared.commit.repository}@{short_commit(prepared.commit.sha)}"


def _run_pages(releases: Iterable[Release | None]) -> dict[str, str]:
    """Return the address of each release's flow run; another server's runs have none here."""
    pages = {}
    for flow_run in {release.intent.flow_run for release in releases if release}:
        try:
            pages[flow_run] = url_for("flow-run", obj_id=UUID(flow_run)) or ""
        except ValueError:
            continue
    return pages
