"""What a protected branch asks of a merge and of a push.

https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-protected-branches/about-protected-branches
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tiercel.sandbox.github.memory.activities import PullRequestRecord, Review, StatusRecord
from tiercel.sandbox.github.memory.protection import protection_of
from tiercel.sandbox.github.memory.records import Protection, RepositoryRecord, User
from tiercel.sandbox.github.memory.world import World
from tiercel.sandbox.github.views.deployments import combined_state

_UNAUTHORIZED = (
    "You're not authorized to push to this branch. Visit "
    "https://docs.github.com/articles/about-protected-branches/ for more information."
)
LOCKED = "Cannot change this locked branch."
NO_FORCE = "Cannot force-push to this branch"
NO_DELETION = "Cannot delete this branch"
NO_MERGE_COMMITS = "This branch must not contain merge commits."
THROUGH_PULL_REQUEST = "Changes must be made through a pull request."
_WRITERS = {"write", "maintain", "admin"}
_WORDS = {"pending": "pending", "error": "failing", "failure": "failing"}


def merge_obstacles(
    world: World, repository: RepositoryRecord, pull: PullRequestRecord, merger: User
) -> list[str]:
    """Return why the base branch refuses a merge by this user, in GitHub's words."""
    protection = protection_of(world, repository, pull.base_ref)
    if protection is None or _overrides(protection, merger):
        return []
    return [
        *_access_obstacles(protection, merger),
        *_review_obstacles(world, repository, protection, pull, merger),
        *_check_obstacles(
            world,
            repository,
            protection,
            pull.head_sha,
            up_to_date=is_up_to_date(world, repository, pull),
        ),
    ]


def push_obstacles(
    world: World, repository: RepositoryRecord, branch: str, sha: str, pusher: User
) -> list[str]:
    """Return why a branch refuses this commit from this user, in GitHub's words.

    Whether the push is forced, or holds merges, can only be told once its objects are there.
    """
    protection = protection_of(world, repository, branch)
    if protection is None or _overrides(protection, pusher):
        return []
    reviews = protection.reviews
    bypassed = reviews is None or pusher.id in reviews.bypass
    return [
        *_access_obstacles(protection, pusher),
        *([] if bypassed else [THROUGH_PULL_REQUEST]),
        *_check_obstacles(world, repository, protection, sha, up_to_date=True),
    ]


def mergeable_state(world: World, repository: RepositoryRecord, pull: PullRequestRecord) -> str:
    """Return what a pull request's page says about merging it.

    https://docs.github.com/en/graphql/reference/enums#mergestatestatus
    """
    if pull.draft:
        return "draft"
    if not pull.mergeable:
        return "dirty"
    protection = protection_of(world, repository, pull.base_ref)
    if protection:
        reader = world.user(pull.user)
        if _review_obstacles(world, repository, protection, pull, reader) or _check_obstacles(
            world, repository, protection, pull.head_sha, up_to_date=True
        ):
            return "blocked"
        strict = protection.checks and protection.checks.strict
        if strict and not is_up_to_date(world, repository, pull):
            return "behind"
    latest = latest_statuses(world, repository, pull.head_sha)
    return "unstable" if latest and combined_state(latest) != "success" else "clean"


def is_up_to_date(world: World, repository: RepositoryRecord, pull: PullRequestRecord) -> bool:
    """Tell whether the head contains everything that its base has."""
    git = world.git(repository)
    base = git.reference(f"refs/heads/{pull.base_ref}")
    return base is not None and git.is_ancestor(base, pull.head_sha)


def latest_statuses(world: World, repository: RepositoryRecord, sha: str) -> list[StatusRecord]:
    """Return the newest status of each context of a commit, newest first."""
    newest = {
        record.context: record for record in world.store.find(StatusRecord, repository.id, sha)
    }
    return sorted(newest.values(), key=lambda record: -record.id)


def deciding_reviews(
    world: World, repository: RepositoryRecord, pull: PullRequestRecord
) -> list[Review]:
    """Return the review that counts of each reviewer with write access."""
    newest: dict[int, Review] = {}
    for review in world.store.find(Review, repository.id, pull.key):
        if review.state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}:
            newest[review.user] = review
    return [review for user, review in newest.items() if world.user(user).role in _WRITERS]


def _overrides(protection: Protection, user: User) -> bool:
    return user.role == "admin" and not protection.enforce_admins and not protection.lock


def _access_obstacles(protection: Protection, user: User) -> list[str]:
    if protection.lock:
        return [LOCKED]
    allowed = protection.restrictions
    return [_UNAUTHORIZED] if allowed is not None and user.id not in allowed else []


def _review_obstacles(
    world: World,
    repository: RepositoryRecord,
    protection: Protection,
    pull: PullRequestRecord,
    merger: User,
) -> list[str]:
    wanted = protection.reviews
    if wanted is None or merger.id in wanted.bypass:
        return []
    reviews = deciding_reviews(world, repository, pull)
    against = [review for review in reviews if review.state == "CHANGES_REQUESTED"]
    approvals = [review for review in reviews if review.state == "APPROVED"]
    others = [review for review in approvals if review.user != pull.last_pusher]
    obstacles = []
    if against:
        plural = "s" if len(against) > 1 else ""
        obstacles.append(
            f"{len(against)} review{plural} requesting changes by reviewers with write access."
        )
    if len(approvals) < wanted.count:
        words = "review is" if wanted.count == 1 else "reviews are"
        obstacles.append(
            f"At least {wanted.count} approving {words} required by reviewers with write access."
        )
    elif wanted.last_push and not others:
        obstacles.append("New changes require approval from someone other than the last pusher.")
    return obstacles


def _check_obstacles(
    world: World,
    repository: RepositoryRecord,
    protection: Protection,
    sha: str,
    *,
    up_to_date: bool,
) -> list[str]:
    """Return what is wrong with the required checks; behind its base, none of them counts."""
    wanted = protection.checks
    if wanted is None:
        return []
    known = {record.context: record.state for record in latest_statuses(world, repository, sha)}
    if wanted.strict and not up_to_date:
        known = {}
    open_checks = {
        context: _WORDS.get(known.get(context, ""), "expected")
        for context in wanted.contexts
        if known.get(context) != "success"
    }
    return [_check_words(open_checks, len(wanted.contexts))] if open_checks else []


def _check_words(open_checks: dict[str, str], total: int) -> str:
    states = Counter(open_checks.values())
    if total == 1:
        ((context, word),) = open_checks.items()
        return f'Required status check "{context}" is {word}.'
    head = f"{len(open_checks)} of {total} required status checks"
    if len(states) == 1:
        return f"{head} are {next(iter(states))}."
    return f"{head} have not succeeded: {_listing(states.items())}."


def _listing(counted: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{number} {word}" for word, number in sorted(counted))
