"""What a promotion means on GitHub: its version, tag, release and back-merge."""

from __future__ import annotations

from collections.abc import Iterable

from prefect import get_run_logger

from tiercel.domain.gitflow.back_merge import require_back_merge
from tiercel.domain.gitflow.branches import is_hotfix
from tiercel.domain.gitflow.pull_requests import PullRequest, bringing_branch
from tiercel.domain.gitflow.tags import Tag, newest_other, next_tag, tag_at
from tiercel.domain.pages.release_notes import release_notes
from tiercel.domain.release.ledger import Release
from tiercel.domain.release.opened_gates import each_once
from tiercel.domain.release.promotion import require_newer
from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.engine.groups import in_group
from tiercel.flows.release.back_merges import earlier_back_merge, open_back_merge
from tiercel.flows.release.pages import report_board
from tiercel.flows.release.preparation import PreparedCommit
from tiercel.flows.release.results import Released
from tiercel.tasks.github.pull_requests import pulls_of_commit
from tiercel.tasks.github.releases import publish_release, read_version_tags, tag_version
from tiercel.tasks.github.transport.credentials import has_credentials
from tiercel.tasks.source.history import commits_since, preview_merge

_LONGEST_HISTORY = 100
"""Commits of a release whose pull requests are looked up for its notes."""


async def decide_version(prepared: PreparedCommit) -> str | None:
    """Return the tag of the promotion, having passed the gates that GitHub decides.

    None without GitHub credentials: then nothing is tagged and no gate can be asked.
    Raises RefusedInputError for a version that is not new and for a back-merge that is due.
    """
    if not has_credentials():
        get_run_logger().warning(
            "no GitHub credentials: no version, no back-merge gate, no GitHub release"
        )
        return None
    name, sha = prepared.commit.repository, prepared.commit.sha
    target = prepared.target.names.environment
    tags = await call(read_version_tags, name)
    pulls = await call(pulls_of_commit, name, sha)
    branch = bringing_branch(pulls, sha, target.branch)
    earlier = newest_other(tags, sha)
    if earlier:
        new = await call(commits_since, prepared.commit, earlier.commit)
        require_newer(earlier, new, sha, target.name)
    known = tag_at(tags, sha)
    if known:
        return known.name
    due = await earlier_back_merge(prepared.commit, target, _develop(prepared), earlier)
    require_back_merge(due, target.name, hotfix=is_hotfix(branch))
    return next_tag(tags, branch)


@in_group("announce")
async def announce(prepared: PreparedCommit, tag: str, released: dict[str, Released]) -> None:
    """Tag the commit, write the GitHub release and open the back-merge if develop needs it."""
    name, sha = prepared.commit.repository, prepared.commit.sha
    tags = await call(read_version_tags, name)
    await call(tag_version, name, tag, sha)
    notes = release_notes(
        await _merged_pulls(prepared, tags),
        [
            (
                service,
                result.release.intent.artifact_digest,
                _release_id(result.release),
                _verified_in(result.release),
            )
            for service, result in released.items()
        ],
        sha,
        each_once(prepared.opened, *(one.release.intent.opened for one in released.values())),
    )
    await call(publish_release, name, tag, sha, notes)
    await _back_merge(prepared, tag)


async def _merged_pulls(prepared: PreparedCommit, tags: list[Tag]) -> list[PullRequest]:
    """Return the pull requests that the release brings; of a very long one the newest."""
    sha = prepared.commit.sha
    earlier = newest_other(tags, sha)
    commits = await call(commits_since, prepared.commit, earlier.commit if earlier else "")
    return await pulls_merged(prepared.commit.repository, commits[:_LONGEST_HISTORY])


async def pulls_merged(name: str, commits: Iterable[str]) -> list[PullRequest]:
    """Return the merged pull requests that commits belong to, each once, the oldest first."""
    found = await each(commits, lambda commit: call(pulls_of_commit, name, commit))
    merged = {pull.number: pull for pulls in found for pull in pulls if pull.merged}
    return [merged[number] for number in sorted(merged)]


async def _back_merge(prepared: PreparedCommit, tag: str) -> None:
    """Open the pull request that brings content back into develop, if it lacks some."""
    name, sha = prepared.commit.repository, prepared.commit.sha
    develop, production = _develop(prepared), prepared.target.names.environment.branch
    preview = await call(preview_merge, prepared.commit, sha, develop)
    if preview is None or not preview.changes_content:
        get_run_logger().info("no back-merge is needed: %s has all content of %s", develop, tag)
        return
    into = (production, develop)
    pull = await open_back_merge(name, tag, into, preview.conflicts)
    get_run_logger().info("back-merge: %s", pull.url)
    await report_board(prepared.target)


def _develop(prepared: PreparedCommit) -> str:
    return prepared.source.environment.branch


def _verified_in(release: Release) -> str:
    found = release.intent.verified_in
    return found.words if found else ""


def _release_id(release: Release) -> str:
    return f"{release.intent.stack} release {release.intent.number}"
