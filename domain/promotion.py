"""Whether a commit may be promoted, and what its release is called."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from domain.errors import RefusedInputError
from domain.ledger import Release, ReleaseStatus
from domain.manifest import Manifest
from domain.pull_requests import PullRequest
from domain.topology import Frozen
from domain.versions import Version

_VERDICTS = (ReleaseStatus.SUCCEEDED, ReleaseStatus.FAILED)


class Tag(Frozen):
    """A version tag of the repository and the commit that it names."""

    version: str
    commit: str


class MergePreview(Frozen):
    """What merging a commit into a branch would do.

    A merge that changes no content brings only history: the branch has what the commit
    has, be it by a squash. `conflicts` are the paths that git cannot merge by itself.
    """

    lacking_commits: int
    changes_content: bool
    conflicts: tuple[str, ...] = ()


class BackMerge(Frozen):
    """An earlier release, what `develop` lacks of it, and the pull request that brings it."""

    version: str
    preview: MergePreview
    pull_request: int | None = None


def verified_release(
    history: Iterable[Release], artifact_id: str, rejected: Collection[str]
) -> Release | None:
    """Return the newest success of an artifact; a later failure of the same takes it back.

    An artifact of which one release was rejected is never verified again; `rejected` are those
    that either environment has ever ruled out. `history` is one stack's, the newest first, and
    need not reach back so far.
    """
    if artifact_id in rejected:
        return None
    same = (one for one in history if one.intent.artifact_id == artifact_id)
    newest = next((one for one in same if one.status in _VERDICTS), None)
    return newest if newest and newest.status is ReleaseStatus.SUCCEEDED else None


def check_verified(found: Mapping[str, Release | None], commit: str, source: str) -> None:
    """Raise RefusedInputError unless the source environment verified every service."""
    missing = [name for name, release in found.items() if release is None]
    if not missing:
        return
    raise RefusedInputError(
        f"{source} has not verified {', '.join(missing)} as in commit {commit[:7]}",
        where=f"the ledger of {source}",
        why="no successful release there has the same source tree, or one of it was rejected",
        state="nothing was changed in prod",
        remedy="merge the same content into develop and let it pass there, then promote again; "
        "if develop is ahead, cut the release branch from a commit that passed",
    )


def check_promoted(manifest: Manifest | None, verified: Release, source: str) -> Manifest:
    """Return the manifest if it is the one that was verified, else raise RefusedInputError."""
    digest = verified.intent.artifact_digest
    if manifest is not None and manifest.digest == digest:
        return manifest
    raise RefusedInputError(
        f"the artifact of {verified.intent.service} is not the one that {source} verified",
        where=f"the artifact bucket of {source}",
        why=f"release {verified.intent.number} had digest {digest[:12]}, the bucket has "
        + (manifest.digest[:12] if manifest else "none"),
        state="nothing was changed in prod",
        remedy="find out who changed the manifest, then release to preprod again",
    )


def check_pulled(pulled: Manifest | None, verified: Release, source: str) -> None:
    """Raise RefusedInputError if what was pulled before is another build than was verified.

    A build that is not reproducible gives other bytes when it is made again, and the manifest of
    the first one stands: what the source verified since would never be what is deployed.
    """
    intent = verified.intent
    if pulled is None or pulled.digest == intent.artifact_digest:
        return
    raise RefusedInputError(
        f"prod has another build of {intent.service} than {source} verified",
        where=f"service {intent.service}, artifact {intent.artifact_id[:12]}",
        why=f"{source} verified digest {intent.artifact_digest} in release {intent.number}, prod "
        f"pulled {pulled.digest} of the same source before",
        state="nothing was deployed in prod",
        remedy="the build is not reproducible: pin what it installs, then change the source, "
        f"release that to {source} and promote it",
    )


def check_back_merge(earlier: BackMerge | None, *, hotfix: bool) -> None:
    """Raise RefusedInputError while an earlier release is not back in develop.

    Otherwise the next release would lose what the earlier one fixed. A hotfix does not
    wait, and a release whose content develop has needs no merge.
    """
    if earlier is None or hotfix or not earlier.preview.changes_content:
        return
    number = f"pull request #{earlier.pull_request}" if earlier.pull_request else "the back-merge"
    raise RefusedInputError(
        f"release {earlier.version} is not merged back into develop",
        why=f"develop lacks {earlier.preview.lacking_commits} of its commits, and their content",
        state="nothing was changed in prod",
        remedy=f"merge {number} into develop, then promote again",
    )


def check_newer(released: Tag, new_commits: Collection[str], commit: str) -> None:
    """Raise RefusedInputError for a commit that the newest other release contains.

    A merge that is announced again, late, would otherwise bring back what prod ran before.
    `new_commits` are those that the commit has and the release lacks.
    """
    if new_commits:
        return
    raise RefusedInputError(
        f"commit {commit[:7]} is older than release {released.version}",
        why=f"{released.version} is commit {released.commit[:7]}, which contains it",
        state="nothing was changed in prod",
        remedy="promote the newest commit of the branch; to take a change back, revert it in git "
        "and release that",
    )


def version_at(tags: Iterable[Tag], commit: str) -> Version | None:
    """Return the version with which a commit was tagged by an earlier run, if it was."""
    return max((Version.parse(tag.version) for tag in tags if tag.commit == commit), default=None)


def bringing_branch(pulls: Iterable[PullRequest], commit: str, base: str) -> str | None:
    """Return the branch whose merge into `base` made the commit, None after a plain push."""
    for pull in pulls:
        if pull.merged and pull.base_branch == base and pull.merge_commit == commit:
            return pull.head_branch
    return None
