"""Who asked for a promotion and who wrote what is in it: none of them gives his word on it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from tiercel.domain.approvals.authors import authors_of, pushed_branches
from tiercel.domain.approvals.plans import AskedBy
from tiercel.domain.gitflow.pull_requests import PullRequest, bringing_pull
from tiercel.domain.gitflow.tags import Tag, newest_other
from tiercel.flows.engine.concurrency import both, call, each
from tiercel.flows.promotion.announcement import merged_pulls
from tiercel.flows.release.preparation import PreparedCommit
from tiercel.tasks.aws.caller import caller_arn
from tiercel.tasks.github.pull_requests import pulls_of_commit
from tiercel.tasks.github.pushes import read_pushes
from tiercel.tasks.github.releases import read_version_tags
from tiercel.tasks.github.transport.credentials import has_credentials
from tiercel.tasks.source.history import commits_since


@dataclass(frozen=True)
class Asked:
    """Who asked, the authors' ids on GitHub, and the release pull request, if one brought it."""

    by: AskedBy
    authors: frozenset[int]
    pull: PullRequest | None


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
    brought = await merged_pulls(prepared, tags)
    authors = await _authors(prepared, [*brought, *([pull] if pull else [])], tags)
    if pull is None:
        return Asked(AskedBy(principal=principal), authors, None)
    by = AskedBy(github=pull.author_id, principal=principal, name=pull.author)
    return Asked(by, authors, pull)


async def _authors(
    prepared: PreparedCommit, pulls: list[PullRequest], tags: list[Tag]
) -> frozenset[int]:
    """Return who opened pull requests, and who pushed to them or past them."""
    name, target = prepared.commit.repository, prepared.target.names.environment
    shared = {target.branch, prepared.source.environment.branch}
    before = newest_other(tags, prepared.commit.sha)
    commits = await call(commits_since, prepared.commit, before.commit if before else "")
    own, past = await both(
        each(pushed_branches(pulls, shared), lambda one: call(read_pushes, name, one)),
        each(shared, lambda one: call(read_pushes, name, one)),
    )
    return authors_of(pulls, chain(*own), chain(*past), commits)
