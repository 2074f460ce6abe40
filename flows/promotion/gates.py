"""What GitHub's tags and branches refuse: asked of a pull request, and of the promotion later."""

from __future__ import annotations

from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.gitflow.tags import newest_other
from tiercel.domain.organization.topology import Environment, Topology
from tiercel.domain.review.promotions import judged_promotion, verified_first
from tiercel.domain.review.statuses import Status
from tiercel.flows.engine.concurrency import call
from tiercel.flows.release.back_merges import earlier_back_merge
from tiercel.tasks.github.releases import read_version_tags
from tiercel.tasks.source.fetch import fetch_commit
from tiercel.tasks.source.history import brought_merges, preview_merge
from tiercel.tasks.source.repository import Commit


async def promotion_statuses(topology: Topology, base: Commit, pull: PullRequest) -> list[Status]:
    """Return what the promotion of a pull request's merge would say; none if none follows.

    `base` is the commit that its head would be merged into.
    """
    fed = [
        one
        for one in topology.environments.values()
        if one.production and one.branch == pull.base_branch
    ]
    return [await _promotion_status(topology, one, base, pull) for one in fed]


async def _promotion_status(
    topology: Topology, into: Environment, base: Commit, pull: PullRequest
) -> Status:
    tags = await call(read_version_tags, base.repository)
    # The mirror of pull requests has neither develop nor what was released.
    whole = await call(fetch_commit, base.repository, base.sha, into.branch)
    develop = topology.environment(into.promotes_from).branch
    due = await earlier_back_merge(whole, into, develop, newest_other(tags, ""))
    brought = await call(brought_merges, whole, pull.head_commit, develop)
    ahead = await call(preview_merge, whole, pull.head_commit, develop)
    status = judged_promotion(into.name, tags, pull.head_branch, due, brought, develop)
    is_ahead = ahead is not None and ahead.lacking_commits > 0
    return verified_first(status, base.repository, pull.head_branch) if is_ahead else status
