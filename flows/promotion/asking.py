"""Who asked for a promotion and who wrote what is in it: none of them gives his word on it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from tiercel.domain.approvals.authors import MOST_COMMITS, authors_of, pushed_branches
from tiercel.domain.approvals.plans import AskedBy
from tiercel.domain.gitflow.pull_requests import PullRequest, bringing_pull
from tiercel.domain.gitflow.tags import newest_other
from tiercel.flows.engine.concurrency import both, call, each
from tiercel.flows.promotion.announcement import pulls_merged
from tiercel.flows.release.preparation import PreparedCommit
from tiercel.tasks.aws.caller import caller_arn
from tiercel.tasks.github.pull_requests import pulls_of_commit
from tiercel.tasks.github.pushes import read_pushes
from tiercel.tasks.github.releases import read_version_tags
from tiercel.tasks.github.transport.credentials import has_credentials
from tiercel.tasks.source.history import commits_since


@dataclass(frozen=True)
class Asked:
    """Who asked, the authors' ids on GitHub, and the release pull request, if one brought it.

    `all_authors` tells that none is missing for the number of commits.
    """

    by: AskedBy
    authors: frozenset[int]
    pull: PullRequest | None
    all_authors: bool = True


async def who_asked(prepared: PreparedCommit) -> Asked:
    """Return who opened the release pull request, and who wrote what is in it.

    Where no pull request brought the commit, or GitHub cannot be asked, it is not known who asked
    but for the principal of this run.
    """
    principal = await call(caller_arn, prepared.target.names.environment.region)
    if not has_credentials():
        return Asked(AskedBy(principal=principal), frozenset(), None)
    name, sha = prepared.commit.repository, prepared.commit.sha
    found = await call(pulls_of_commit, name, sha)
    pull = bringing_pull(found, sha, prepared.target.names.environment.branch)
    tags = await call(read_version_tags, name)
    before = newest_other(tags, sha)
    commits = await call(commits_since, prepared.commit, before.commit if before else "")
    brought = await pulls_merged(name, commits[:MOST_COMMITS])
    authors = await _authors(prepared, [*brought, *([pull] if pull else [])], commits)
    by = AskedBy(principal=principal)
    if pull:
        by = AskedBy(github=pull.author_id, principal=principal, name=pull.author)
    return Asked(by, authors, pull, all_authors=len(commits) <= MOST_COMMITS)


async def _authors(
    prepared: PreparedCommit, pulls: list[PullRequest], commits: list[str]
) -> frozenset[int]:
    """Return who opened pull requests, and who pushed to them or past them."""
    name, target = prepared.commit.repository, prepared.target.names.environment
    shared = {target.branch, prepared.source.environment.branch}
    own, past = await both(
        each(pushed_branches(pulls, shared), lambda one: call(read_pushes, name, one)),
        each(shared, lambda one: call(read_pushes, name, one)),
    )
    return authors_of(pulls, chain(*own), chain(*past), commits)
