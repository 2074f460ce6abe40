"""Whether a commit may be promoted, and what its release is called."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.base.digests import ArtifactId, short
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.gitflow.tags import Tag
from tiercel.domain.organization.on_demand import EPHEMERAL
from tiercel.domain.organization.topology import Environment
from tiercel.domain.release.entries import Entry, needed
from tiercel.domain.release.ledger import Purpose, Release, ReleaseStatus, VerifiedIn

_VERDICTS = (ReleaseStatus.SUCCEEDED, ReleaseStatus.FAILED)


def purpose_in(environment: Environment) -> Purpose:
    """Return what the release of a commit is for there: one that pulls is promoted to."""
    if environment.name == EPHEMERAL:
        return Purpose.EPHEMERAL
    return Purpose.PROMOTION if environment.promotes_from else Purpose.DEPLOY


def verified_release(
    history: Iterable[Entry],
    artifact_id: ArtifactId,
    rejected: Collection[ArtifactId],
    candidates: Iterable[Release] = (),
) -> Release | None:
    """Return the newest success of an artifact; a later failure of the same takes it back.

    An artifact of which one release was rejected is never verified again; `rejected` are those
    that either environment has ever ruled out. `history` is one stack's, the newest first, and
    need not reach back so far; `candidates` are releases of the artifact there and on other stacks.
    Raises the error of an entry that cannot be read if it is newer than the verdict: it may be a
    later failure of the same artifact.
    """
    if artifact_id in rejected or any(one.rejection for one in candidates):
        return None
    same = (one for one in needed(history) if one.intent.artifact_id == artifact_id)
    own = next((one for one in same if one.status in _VERDICTS), None)
    newest = max([*_verdicts(candidates), *([own] if own else [])], key=_moment, default=None)
    return newest if newest and newest.status is ReleaseStatus.SUCCEEDED else None


def _verdicts(releases: Iterable[Release]) -> list[Release]:
    """Return the newest verdict on each stack, where numbers tell what is newer."""
    newest: dict[str, Release] = {}
    for one in sorted(releases, key=lambda one: one.intent.number):
        if one.status in _VERDICTS:
            newest[one.intent.stack] = one
    return list(newest.values())


def _moment(verdict: Release) -> tuple[datetime, bool]:
    """Return what orders verdicts on different stacks; of two at the same time a failure wins."""
    ended = verdict.outcome.at if verdict.outcome else verdict.intent.at
    return ended, verdict.status is ReleaseStatus.FAILED


def verified_in(release: Release | None) -> VerifiedIn | None:
    """Return where and how an artifact was verified, for the record of its promotion."""
    if release is None:
        return None
    intent = release.intent
    return VerifiedIn(
        stack=intent.stack,
        number=intent.number,
        purpose=intent.purpose,
        commit=intent.commit,
        branch=intent.branch,
    )


def require_verified(
    found: Mapping[str, Release | None], repository: str, commit: str, source: str, target: str
) -> None:
    """Raise RefusedInputError unless the source environment verified every service."""
    missing = [name for name, release in found.items() if release is None]
    if not missing:
        return
    raise RefusedInputError(
        "promotion.not_verified",
        f"{source} has not verified {', '.join(missing)} as in commit {short_commit(commit)}",
        where=f"the ledger of {source}",
        why="no successful release there has the same source tree, or one of it was rejected",
        state=f"nothing was changed in {target}",
        remedy="verify it there as a candidate, with "
        f"`tiercel candidate {repository} {short_commit(commit)}`, then promote it again",
    )


def require_promoted(
    manifest: Manifest | None, verified: Release, source: str, target: str
) -> Manifest:
    """Return the manifest if it is the one that was verified, else raise RefusedInputError."""
    digest = verified.intent.artifact_digest
    if manifest is not None and manifest.digest == digest:
        return manifest
    raise RefusedInputError(
        "promotion.artifact_replaced",
        f"the artifact of {verified.intent.service} is not the one that {source} verified",
        where=f"the artifact bucket of {source}",
        why=f"release {verified.intent.number} had digest {short(digest)}, the bucket has "
        + (short(manifest.digest) if manifest else "none"),
        state=f"nothing was changed in {target}",
        remedy=f"find out who changed the manifest, then release to {source} again",
    )


def require_pulled(pulled: Manifest | None, verified: Release, source: str, target: str) -> None:
    """Raise RefusedInputError if what was pulled before is another build than was verified.

    A build that is not reproducible gives other bytes when it is made again, and the manifest of
    the first one stands: what the source verified since would never be what is deployed.
    """
    intent = verified.intent
    if pulled is None or pulled.digest == intent.artifact_digest:
        return
    raise RefusedInputError(
        "promotion.other_build",
        f"{target} has another build of {intent.service} than {source} verified",
        where=f"service {intent.service}, artifact {short(intent.artifact_id)}",
        why=f"{source} verified digest {intent.artifact_digest} in release {intent.number}, "
        f"{target} pulled {pulled.digest} of the same source before",
        state=f"nothing was deployed in {target}",
        remedy="the build is not reproducible: pin what it installs, then change the source, "
        f"release that to {source} and promote it",
    )


def require_newer(released: Tag, new_commits: Collection[str], commit: str, target: str) -> None:
    """Raise RefusedInputError for a commit that the newest other release contains.

    A merge that is announced again, late, would otherwise bring back what `target` ran before.
    `new_commits` are those that the commit has and the release lacks.
    """
    if new_commits:
        return
    raise RefusedInputError(
        "promotion.older_commit",
        f"commit {short_commit(commit)} is older than release {released.name}",
        why=f"{released.name} is commit {short_commit(released.commit)}, which contains it",
        state=f"nothing was changed in {target}",
        remedy="promote the newest commit of the branch; to take a change back, revert it in git "
        "and release that",
    )
