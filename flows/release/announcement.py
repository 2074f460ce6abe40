"""What a promotion means on GitHub: its version, tag, release and back-merge."""

from __future__ import annotations

from prefect import get_run_logger

from tiercel.domain.base.git_names import short_commit
from tiercel.domain.gitflow.back_merge import BackMerge, require_back_merge
from tiercel.domain.gitflow.branches import BranchRole, classify
from tiercel.domain.gitflow.pull_requests import PullRequest, bringing_branch
from tiercel.domain.gitflow.versions import Tag, Version, next_version, version_at
from tiercel.domain.pages.release_notes import back_merge_body, release_notes
from tiercel.domain.release.ledger import Release
from tiercel.domain.release.promotion import require_newer
from tiercel.flows.engine.concurrency import all_done, call
from tiercel.flows.release.preparation import PreparedCommit
from tiercel.flows.release.results import Released
from tiercel.tasks.github.client import has_credentials
from tiercel.tasks.github.pull_requests import (
    find_open_pull_request,
    open_pull_request,
    pulls_of_commit,
)
from tiercel.tasks.github.releases import publish_release, read_version_tags, tag_version
from tiercel.tasks.source.history import commits_since, preview_merge

_LONGEST_HISTORY = 100
"""Commits of a release whose pull requests are looked up for its notes."""


async def decide_version(prepared: PreparedCommit) -> Version | None:
    """Return the version of the promotion, having passed the gates that GitHub decides.

    None without GitHub credentials: then nothing is tagged and no gate can be asked.
    Raises RefusedInputError for a version that is not new and for a back-merge that is due.
    """
    if not has_credentials():
        get_run_logger().warning(
            "no GitHub credentials: no version, no back-merge gate, no GitHub release"
        )
        return None
    name, sha = prepared.commit.repository, prepared.commit.sha
    tags = await call(read_version_tags, name)
    pulls = await call(pulls_of_commit, name, sha)
    branch = bringing_branch(pulls, sha, prepared.target.names.environment.branch)
    earlier = _newest(tags, sha)
    if earlier:
        new = await call(commits_since, prepared.commit, earlier.commit)
        require_newer(earlier, new, sha, prepared.target.names.environment.name)
    known = version_at(tags, sha)
    if known:
        return known
    hotfix = branch is not None and classify(branch) is BranchRole.HOTFIX
    if earlier:
        due = await _earlier_back_merge(prepared, earlier)
        require_back_merge(due, prepared.target.names.environment.name, hotfix=hotfix)
    return next_version([Version.parse(tag.version) for tag in tags], branch)


async def announce(
    prepared: PreparedCommit, version: Version, released: dict[str, Released]
) -> None:
    """Tag the commit, write the GitHub release and open the back-merge if develop needs it."""
    name, sha = prepared.commit.repository, prepared.commit.sha
    tags = await call(read_version_tags, name)
    await call(tag_version, name, version.tag, sha)
    notes = release_notes(
        await _merged_pulls(prepared, version, tags),
        [
            (service, result.release.intent.artifact_digest, _release_id(result.release))
            for service, result in released.items()
        ],
        sha,
    )
    await call(publish_release, name, version.tag, sha, notes)
    await _back_merge(prepared, version)


async def _earlier_back_merge(prepared: PreparedCommit, earlier: Tag) -> BackMerge | None:
    """Return what develop lacks of an earlier release; None if nobody can tell."""
    develop, production = _develop(prepared), prepared.target.names.environment.branch
    preview = await call(preview_merge, prepared.commit, earlier.commit, develop)
    if preview is None:
        get_run_logger().warning(
            "%s is commit %s: no branch has it, or there is no %s; its back-merge is not asked for",
            earlier.version,
            short_commit(earlier.commit),
            develop,
        )
        return None
    pull = await call(find_open_pull_request, prepared.commit.repository, production, develop)
    return BackMerge(
        version=earlier.version,
        preview=preview,
        pull_request=pull.number if pull else None,
    )


async def _merged_pulls(
    prepared: PreparedCommit, version: Version, tags: list[Tag]
) -> list[PullRequest]:
    """Return the pull requests that the release brings, each once, the oldest first."""
    name, sha = prepared.commit.repository, prepared.commit.sha
    earlier = _newest([tag for tag in tags if tag.version != version.tag], sha)
    commits = await call(commits_since, prepared.commit, earlier.commit if earlier else "")
    found = await all_done(
        call(pulls_of_commit, name, commit) for commit in commits[:_LONGEST_HISTORY]
    )
    merged = {pull.number: pull for pulls in found for pull in pulls if pull.merged}
    return [merged[number] for number in sorted(merged)]


async def _back_merge(prepared: PreparedCommit, version: Version) -> None:
    """Open the pull request that brings content back into develop, if it lacks some."""
    name, sha = prepared.commit.repository, prepared.commit.sha
    develop, production = _develop(prepared), prepared.target.names.environment.branch
    preview = await call(preview_merge, prepared.commit, sha, develop)
    if preview is None or not preview.changes_content:
        get_run_logger().info("%s has all content of %s", develop, version.tag)
        return
    pull = await call(
        open_pull_request,
        name,
        production,
        develop,
        f"Merge {version.tag} back into {develop}",
        back_merge_body(version.tag, (production, develop), preview.conflicts),
    )
    get_run_logger().info("back-merge: %s", pull.url)


def _newest(tags: list[Tag], commit: str) -> Tag | None:
    others = [tag for tag in tags if tag.commit != commit]
    return max(others, key=lambda tag: Version.parse(tag.version), default=None)


def _develop(prepared: PreparedCommit) -> str:
    return prepared.source.environment.branch


def _release_id(release: Release) -> str:
    return f"{release.intent.stack} release {release.intent.number}"
