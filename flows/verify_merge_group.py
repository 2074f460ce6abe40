"""verify_merge_group: what a merge queue would merge is verified as its pull request was."""

from __future__ import annotations

from dataclasses import dataclass

from prefect import get_run_logger

from tiercel.domain.base.errors import TiercelError, UnreachableError
from tiercel.domain.gitflow.branches import environment_fed_by
from tiercel.domain.gitflow.merge_queues import queued_merge
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.topology import Topology
from tiercel.domain.pages.links import Links
from tiercel.domain.review.statuses import (
    Status,
    StatusState,
    failed_status,
    placed,
    status_of,
    summary_status,
)
from tiercel.flows.engine.concurrency import call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.naming import tag_flow_run
from tiercel.flows.engine.parameters import (
    BranchParameter,
    CommitParameter,
    RepositoryParameter,
)
from tiercel.flows.release.github import report_statuses
from tiercel.flows.release.pages import report_verification
from tiercel.flows.release.preparation import require_repository
from tiercel.flows.verification.ending import ended_by_verdict, say_undecided
from tiercel.flows.verify import _reviewed
from tiercel.tasks.aws.caller import console_url
from tiercel.tasks.github.pull_requests import read_pull_request
from tiercel.tasks.github.transport.verifying import only_verifying
from tiercel.tasks.source.fetch import fetch_merge_group
from tiercel.tasks.source.mirrors import server_url
from tiercel.tasks.source.services import load_topology
from tiercel.tasks.source.topology_file import config_path


@lifecycle_flow("verify-merge-group", "verify", "merge group")
async def verify_merge_group(
    repository: RepositoryParameter, branch: BranchParameter, commit: CommitParameter
) -> list[Status]:
    """Build and test what a merge queue would merge, and say so on the queue's commit.

    Args:
        repository: On GitHub, as `owner/name`. The worker's tiercel.toml has to allow it.
        branch: The queue's own branch for it, as GitHub names it.
        commit: The full id of the commit that the base would be.
    """
    with only_verifying():
        topology = await call(load_topology, config_path())
        repository = require_repository(repository, topology)
        await tag_flow_run("merge group", repository)
        return ended_by_verdict(await _verified(topology, repository, branch, commit))


async def _verified(topology: Topology, repository: str, branch: str, commit: str) -> list[Status]:
    queued = queued_merge(branch)
    merge = await call(fetch_merge_group, repository, branch, commit, queued.base)
    found = await call(read_pull_request, repository, queued.number)
    # What is judged of it is what the queue would merge, and where.
    pull = found.model_copy(update={"head_commit": commit, "base_branch": queued.base})
    fed = environment_fed_by(topology, queued.base)
    told = _Told(pull, fed.name if fed else "", Links.of(topology, server_url(), console_url()))
    pending = [status_of("", StatusState.PENDING, "verifying")]
    await report_statuses(pull, commit, placed(told.environment, pending))
    try:
        review = await _reviewed(topology, merge, pull)
    except UnreachableError as error:
        await say_undecided(pull, commit, told.environment, error)
        raise
    except TiercelError as error:
        return await _say(told, [failed_status("", error)])
    services = [one.status for one in review.services]
    gone = len(review.comparison.gone) if review.comparison else 0
    whole = summary_status(services, review.promotions, gone=gone)
    return await _say(told, [*services, *review.promotions, whole])


@dataclass(frozen=True)
class _Told:
    """The pull request as the queue would merge it, and the environment that its base feeds."""

    pull: PullRequest
    environment: str
    links: Links


async def _say(told: _Told, found: list[Status]) -> list[Status]:
    """Set the statuses of the queue's commit; the pull request's comment stays as it is."""
    pull, commit, checks = told.pull, told.pull.head_commit, placed(told.environment, found)
    await report_statuses(pull, commit, checks)
    await report_verification(pull, commit, checks, told.links)
    for one in checks:
        if one.details:
            # As the message itself, of which the lines stay lines.
            get_run_logger().warning(one.details)
    get_run_logger().info("%s", checks[-1].short)
    return checks
