"""What develop lacks of a release, and the pull request that brings it, which is kept open."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from prefect import get_run_logger

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.gitflow.back_merge import BackMerge, BackMergeStep, back_merge_step
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.gitflow.tags import Tag, newest_other
from tiercel.domain.organization.topology import Environment, Topology
from tiercel.domain.pages.release_notes import back_merge_body
from tiercel.flows.engine.concurrency import call
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.engine.retry_budget import one_try
from tiercel.tasks.github.pull_requests import find_open_pull_request, open_pull_request
from tiercel.tasks.github.releases import read_version_tags
from tiercel.tasks.github.transport.credentials import has_credentials
from tiercel.tasks.source.history import preview_merge
from tiercel.tasks.source.repository import Commit


async def earlier_back_merge(
    commit: Commit, into: Environment, develop: str, earlier: Tag | None
) -> BackMerge | None:
    """Return what develop lacks of an earlier release; None if there is none or nobody can tell.

    `commit` is one of a mirror with all branches.
    """
    if earlier is None:
        return None
    preview = await call(preview_merge, commit, earlier.commit, develop)
    if preview is None:
        get_run_logger().warning(
            "%s is commit %s: no branch has it, or there is no %s; its back-merge is not asked for",
            earlier.name,
            short_commit(earlier.commit),
            develop,
        )
        return None
    pull = await call(find_open_pull_request, commit.repository, into.branch, develop)
    return BackMerge(
        version=earlier.name,
        preview=preview,
        pull_request=pull.number if pull else None,
    )


async def open_back_merges(
    target: ReleaseTarget, repositories: Iterable[str]
) -> list[PullRequest] | None:
    """Return the back-merges of an environment's releases that are open on GitHub.

    Empty where there can be none and without credentials. None where GitHub does not answer, which
    is asked once: a release is made by then, and its run does not wait for what is only shown.
    """
    if not target.develop or not has_credentials():
        return []
    branches = (target.names.environment.branch, target.develop)
    names = sorted({target.current_name(one) for one in repositories})
    try:
        with one_try():
            found = [await call(find_open_pull_request, name, *branches) for name in names]
    except TiercelError as error:
        get_run_logger().warning("open back-merges are not known: %s", error.what)
        return None
    return [one for one in found if one]


async def open_back_merge(
    repository: str, tag: str, branches: tuple[str, str], conflicts: Collection[str]
) -> PullRequest:
    """Open the pull request from production into develop, `branches`, unless it is open."""
    production, develop = branches
    return await call(
        open_pull_request,
        repository,
        production,
        develop,
        f"Merge {tag} back into {develop}",
        back_merge_body(tag, branches, tuple(conflicts)),
    )


async def keep_back_merge(topology: Topology, into: Environment, commit: Commit) -> str:
    """See to it that the newest release's back-merge is open while develop lacks some of it.

    `commit` is production's newest, of a mirror with all branches: while develop has its content,
    GitHub is not asked. Returns what is open, for people; empty if develop has everything.
    """
    develop = topology.environment(into.promotes_from).branch
    ahead = await call(preview_merge, commit, commit.sha, develop)
    if ahead is None or not ahead.changes_content:
        return ""
    tags = await call(read_version_tags, commit.repository)
    due = await earlier_back_merge(commit, into, develop, newest_other(tags, ""))
    step = back_merge_step(due)
    if due is None or step is BackMergeStep.NOTHING:
        return ""
    number = due.pull_request
    if step is BackMergeStep.OPEN:
        branches = (into.branch, develop)
        pull = await open_back_merge(
            commit.repository, due.version, branches, due.preview.conflicts
        )
        number = pull.number
        get_run_logger().info("back-merge: %s", pull.url)
    return f"{commit.repository}#{number}: {develop} lacks content of {due.version}"
