"""Makes the stand-in's memory follow the branches and tags, however they moved.

A push over HTTP, an operation of the API and somebody who changed the bare repository itself
all end here: what differs from the last look is told, and pull requests follow their ends.
"""

from __future__ import annotations

from tiercel.sandbox.github.git.commands import ZERO, GitRepository
from tiercel.sandbox.github.git.commits_and_trees import GitSignature, write_commit
from tiercel.sandbox.github.git.merges import merged_tree
from tiercel.sandbox.github.memory.activities import (
    PullRequestRecord,
    PushKind,
    PushRecord,
    Review,
)
from tiercel.sandbox.github.memory.protection import protection_of
from tiercel.sandbox.github.memory.records import References, RepositoryRecord, User
from tiercel.sandbox.github.memory.world import World
from tiercel.sandbox.github.rules.events import Teller

_MOST_TAGS = 3
NOREPLY = "noreply@github.com"


def synchronize(
    world: World, repository: RepositoryRecord, actor: User, merged_into: str = ""
) -> RepositoryRecord:
    """Tell what moved since the last look and bring pull requests up to date.

    `actor` is who moved it; `merged_into` is the branch that a merge of a pull request moved.
    Returns the repository as it is remembered afterwards.
    """
    git = world.git(repository)
    actual = git.references("refs/heads", "refs/tags")
    remembered = world.store.get(References, repository.id)
    known = remembered.heads_and_tags if remembered else {}
    moved = [
        (ref, known.get(ref, ZERO), actual.get(ref, ZERO))
        for ref in sorted(known.keys() | actual.keys())
        if known.get(ref) != actual.get(ref)
    ]
    if not moved:
        return repository
    world.store.put(References(id=repository.id, repository=repository.id, heads_and_tags=actual))
    repository = world.store.put(repository.model_copy(update={"pushed_at": world.now()}))
    teller = Teller(world, repository, actor)
    _tell_moves(git, teller, moved, set(known.values()))
    for move in moved:
        if move[0].startswith("refs/heads/"):
            _remember(world, teller, move, merged_into)
    changed = {
        ref.removeprefix("refs/heads/") for ref, _, _ in moved if ref.startswith("refs/heads/")
    }
    for pull in world.store.find(PullRequestRecord, repository.id):
        if pull.state == "open" and {pull.head_ref, pull.base_ref} & changed:
            _follow(world, repository, pull, teller)
    return repository


def refreshed(
    world: World, repository: RepositoryRecord, pull: PullRequestRecord
) -> PullRequestRecord:
    """Return the pull request with a fresh test merge of its two ends, and write its references.

    https://docs.github.com/en/rest/guides/using-the-rest-api-to-interact-with-your-git-database#checking-mergeability-of-pull-requests
    """
    git = world.git(repository)
    base = git.reference(f"refs/heads/{pull.base_ref}") or pull.base_sha
    tree = merged_tree(git, base, pull.head_sha)
    test_merge = None
    git.update(f"refs/pull/{pull.number}/head", pull.head_sha)
    if tree:
        message = f"Merge {pull.head_sha} into {base}"
        author = user_signature(world, world.user(pull.user))
        web = web_signature(world)
        test_merge = write_commit(git, tree, [base, pull.head_sha], message, author, web)
    update = {
        "base_sha": base,
        "mergeable": tree is not None,
        "test_merge": test_merge,
        "unknown_reads": world.settings.unknown_mergeable_reads,
    }
    pull = world.store.put(pull.model_copy(update=update))
    if not pull.unknown_reads:
        show_test_merge(git, pull)
    return pull


def closed(
    world: World,
    repository: RepositoryRecord,
    pull: PullRequestRecord,
    teller: Teller,
    merge_commit: str | None = None,
) -> PullRequestRecord:
    """Close a pull request, as merged if it has a merge commit, and tell it."""
    now = world.now()
    update = {"state": "closed", "closed_at": now, "updated_at": now, "test_merge": None}
    if merge_commit:
        by = teller.sender.id
        update |= {"merged_at": now, "merge_commit": merge_commit, "merged_by": by}
    pull = world.store.put(pull.model_copy(update=update))
    forget_test_merge(world.git(repository), pull)
    teller.pull_request("closed", pull)
    return pull


def show_test_merge(git: GitRepository, pull: PullRequestRecord) -> None:
    """Bring the merge reference up to date: GitHub does so when it knows about mergeability."""
    if pull.test_merge:
        git.update(f"refs/pull/{pull.number}/merge", pull.test_merge)
    else:
        forget_test_merge(git, pull)


def forget_test_merge(git: GitRepository, pull: PullRequestRecord) -> None:
    """Remove the merge reference, which only an open pull request without conflict has."""
    if git.reference(f"refs/pull/{pull.number}/merge"):
        git.update(f"refs/pull/{pull.number}/merge", ZERO)


def user_signature(world: World, user: User) -> GitSignature:
    """Return how a user signs what the web interface commits."""
    return GitSignature(user.name, user.email, world.now())


def web_signature(world: World) -> GitSignature:
    """Return how GitHub itself signs as committer."""
    return GitSignature("GitHub", NOREPLY, world.now())


def _tell_moves(
    git: GitRepository, teller: Teller, moved: list[tuple[str, str, str]], seen: set[str]
) -> None:
    tags = [ref for ref, _, _ in moved if ref.startswith("refs/tags/")]
    for ref, old, new in moved:
        if ref in tags and len(tags) > _MOST_TAGS:
            continue
        forced = ZERO not in {old, new} and not git.is_ancestor(old, new)
        commits = [] if new == ZERO or ref in tags else _new_commits(git, old, new, seen)
        if old == ZERO:
            teller.reference("create", ref)
        if new == ZERO:
            teller.reference("delete", ref)
        teller.push(ref, old, new, forced=forced, commits=commits)


def _remember(world: World, teller: Teller, move: tuple[str, str, str], merged_into: str) -> None:
    """Write down who moved a branch, which the repository's activity shows."""
    ref, old, new = move
    world.store.put(
        PushRecord(
            id=world.store.next_id(),
            repository=teller.repository.id,
            ref=ref,
            before=old,
            after=new,
            kind=_kind(world.git(teller.repository), move, merged_into),
            actor=teller.sender.id,
            at=world.now(),
        )
    )


def _kind(git: GitRepository, move: tuple[str, str, str], merged_into: str) -> PushKind:
    ref, old, new = move
    if old == ZERO:
        return "branch_creation"
    if new == ZERO:
        return "branch_deletion"
    if ref == f"refs/heads/{merged_into}":
        return "pr_merge"
    return "push" if git.is_ancestor(old, new) else "force_push"


def _new_commits(git: GitRepository, old: str, new: str, seen: set[str]) -> list[str]:
    excluded = seen if old == ZERO else {old}
    return git.history("--reverse", "--topo-order", new, *(f"^{sha}" for sha in excluded), "--")


def _follow(
    world: World, repository: RepositoryRecord, pull: PullRequestRecord, teller: Teller
) -> None:
    git = world.git(repository)
    old_base, old_head = pull.base_sha, pull.head_sha
    head = git.reference(f"refs/heads/{pull.head_ref}")
    base = git.reference(f"refs/heads/{pull.base_ref}")
    if head and head != old_head:
        update = {"head_sha": head, "last_pusher": teller.sender.id, "updated_at": world.now()}
        pull = world.store.put(pull.model_copy(update=update))
        _dismiss_stale(world, repository, pull, teller)
    if base and git.is_ancestor(pull.head_sha, base):
        already = git.is_ancestor(pull.head_sha, old_base)
        merge = None if already else _merge_commit(git, pull, base)
        closed(world, repository, pull, teller, merge)
    elif head is None or base is None:
        closed(world, repository, pull, teller)
    else:
        pull = refreshed(world, repository, pull)
        if head != old_head:
            teller.pull_request("synchronize", pull, before=old_head, after=head)


def _merge_commit(git: GitRepository, pull: PullRequestRecord, base: str) -> str:
    """Return the first commit on the base branch that contains the head."""
    for sha in git.history("--first-parent", "--reverse", f"^{pull.base_sha}", base, "--"):
        if git.is_ancestor(pull.head_sha, sha):
            return sha
    return base


def _dismiss_stale(
    world: World, repository: RepositoryRecord, pull: PullRequestRecord, teller: Teller
) -> None:
    protection = protection_of(world, repository, pull.base_ref)
    if protection and protection.reviews and protection.reviews.dismiss_stale:
        for review in world.store.find(Review, repository.id, pull.key):
            if review.state == "APPROVED":
                stale = world.store.put(review.model_copy(update={"state": "DISMISSED"}))
                teller.review("dismissed", pull, stale)
