"""Whether a commit may be promoted, and what its release is called."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.base.digests import ArtifactId, short
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.gitflow.tags import Tag
from tiercel.domain.organization.on_demand import EPHEMERAL
from tiercel.domain.organization.topology import Environment
from tiercel.domain.release.entries import Entry, needed
from tiercel.domain.release.ledger import Purpose, Release, ReleaseStatus

_VERDICTS = (ReleaseStatus.SUCCEEDED, ReleaseStatus.FAILED)


def purpose_in(environment: Environment) -> Purpose:
    """Return what the release of a commit is for there: one that pulls is promoted to."""
    if environment.name == EPHEMERAL:
        return Purpose.EPHEMERAL
    return Purpose.PROMOTION if environment.promotes_from else Purpose.DEPLOY


def verified_release(
    history: Iterable[Entry], artifact_id: ArtifactId, rejected: Collection[ArtifactId]
) -> Release | None:
    """Return the newest success of an artifact; a later failure of the same takes it back.

    An artifact of which one release was rejected is never verified again; `rejected` are those
    that either environment has ever ruled out. `history` is one stack's, the newest first, and
    need not reach back so far. Raises the error of an entry that cannot be read if it is newer
    than the verdict: it may be a later failure of the same artifact.
    """
    if artifact_id in rejected:
        return None
    same = (one for one in needed(history) if one.intent.artifact_id == artifact_id)
    newest = next((one for one in same if one.status in _VERDICTS), None)
    return newest if newest and newest.status is ReleaseStatus.SUCCEEDED else None


def require_verified(
    found: Mapping[str, Release | None], commit: str, source: str, target: str
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
        remedy="merge the same content into develop and let it pass there, then promote again; "
        "if develop is ahead, cut the release branch from a commit that passed",
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
