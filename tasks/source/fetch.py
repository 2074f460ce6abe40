"""Which commit is meant: a mirror is brought up to date, and asked."""

from __future__ import annotations

import re
from pathlib import Path

from tiercel.domain.base.errors import RefusedInputError, TransientError
from tiercel.domain.base.git_names import is_legal_branch, short_commit
from tiercel.domain.base.git_objects import commit_links, is_reached
from tiercel.domain.base.values import Frozen
from tiercel.domain.gitflow.branches import candidate_branches
from tiercel.domain.organization.topology import Topology
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.source.git import Git, NamedCommits, git_for
from tiercel.tasks.source.mirrors import HEADS, MirrorUse, repository_url, updated
from tiercel.tasks.source.repository import Commit

_NO_REF = "source.no_such_ref"
_HEADS = "refs/heads/"


class MergeRef(Frozen):
    """What merging a pull request would give, and the base that it would be merged into."""

    commit: Commit
    base: Commit


@world_task("fetch commit", "fetch {repository} {revision}")
def fetch_commit(repository: str, revision: str, branch: str) -> Commit:
    """Bring a repository's mirror up to date and return the commit that is meant.

    `repository` is `owner/name` on GITHUB_SERVER_URL; `revision` a commit id or a branch.
    Raises RefusedInputError if there is no such commit or `branch` does not contain it:
    what was never merged must not be released; and for a commit's id that is given as a branch.
    Without a `branch` any branch of the repository will do; nobody but its writers has one.
    """

    def look(mirror: Path, references: NamedCommits) -> Commit:
        sha = _named(mirror, revision, references, repository)
        if branch == revision and f"{_HEADS}{branch}" not in references:
            raise _no_branch(revision, sha, repository)
        tips = [f"{_HEADS}{branch}"] if branch else _branches(references)
        if not any(_contains(mirror, references.get(tip, ""), sha) for tip in tips):
            name = branch or "any branch"
            raise RefusedInputError(
                "source.not_on_branch",
                f"commit {short_commit(sha)} is not in {name}",
                where=repository_url(repository),
                state="nothing was built",
                remedy=f"merge it into {name} first",
            )
        return Commit(repository=repository, sha=sha, mirror=mirror)

    return updated(MirrorUse.PUBLICATION, repository, HEADS, look)


class Heads(Frozen):
    """The branches of a repository with their newest commits, in a mirror that has them.

    `merged` are those candidates that production has already: they bring nothing more.
    """

    repository: str
    commits: dict[str, str]
    mirror: Path
    merged: frozenset[str] = frozenset()

    def commit(self, branch: str) -> Commit | None:
        """Return the newest commit of a branch; None if there is no such branch."""
        sha = self.commits.get(branch)
        return Commit(repository=self.repository, sha=sha, mirror=self.mirror) if sha else None


@world_task("read heads", "read heads of {repository}")
def read_heads(repository: str, topology: Topology) -> Heads:
    """Return the branches of a repository, its mirror brought up to date; two requests if it is."""
    production = [one.branch for one in topology.environments.values() if one.production]

    def look(mirror: Path, references: NamedCommits) -> Heads:
        heads = {
            name.removeprefix(_HEADS): tip
            for name, tip in references.items()
            if name.startswith(_HEADS)
        }
        tips = [heads[branch] for branch in production if branch in heads]
        brought = set(candidate_branches(topology, heads)) - set(production)
        merged = [one for one in brought if any(_contains(mirror, tip, heads[one]) for tip in tips)]
        return Heads(repository=repository, commits=heads, mirror=mirror, merged=frozenset(merged))

    return updated(MirrorUse.PUBLICATION, repository, HEADS, look)


@world_task("list branches", "list branches of {repository}")
def list_branches(repository: str) -> frozenset[str]:
    """Return the names of a repository's branches, its mirror brought up to date."""

    def look(_: Path, references: NamedCommits) -> frozenset[str]:
        return frozenset(one.removeprefix(_HEADS) for one in references if one.startswith(_HEADS))

    return updated(MirrorUse.PUBLICATION, repository, HEADS, look)


@world_task("fetch candidate", "fetch candidate {repository} {revision}")
def fetch_candidate(repository: str, revision: str, topology: Topology) -> tuple[Commit, str]:
    """Bring the mirror up to date; return the commit that is meant and the branch that has it.

    Raises RefusedInputError if there is no such commit, or none of the branches whose commits may
    be candidates contains it. Of several it is the one that is named, else production's, else
    one that ends there.
    """

    def look(mirror: Path, references: NamedCommits) -> tuple[Commit, str]:
        sha = _named(mirror, revision, references, repository)
        heads = {
            name.removeprefix(_HEADS): tip
            for name, tip in references.items()
            if name.startswith(_HEADS)
        }
        allowed = candidate_branches(topology, heads)
        ends_there = sorted(allowed, key=lambda branch: heads[branch] != sha)
        first = [branch for branch in allowed if branch == revision] or allowed[:1]
        for branch in dict.fromkeys([*first, *ends_there]):
            if _contains(mirror, heads[branch], sha):
                return Commit(repository=repository, sha=sha, mirror=mirror), branch
        raise RefusedInputError(
            "source.no_candidate",
            f"commit {short_commit(sha)} is in no branch whose commits are candidates",
            where=repository_url(repository),
            why="those are the production branch, release/* and hotfix/*",
            state="nothing was built",
            remedy="push it to a release branch or a hotfix; what is for develop is merged there",
        )

    return updated(MirrorUse.PUBLICATION, repository, HEADS, look)


@world_task("fetch merge ref", "fetch merge of {repository} #{number}")
def fetch_merge_ref(repository: str, number: int, head_commit: str) -> MergeRef:
    """Return the merge that GitHub prepared for a pull request that can be merged.

    Raises TransientError while there is none, or still that of an earlier head: GitHub
    computes it a moment after a push.
    """
    ref = f"refs/pull/{number}/merge"

    def look(mirror: Path, references: NamedCommits) -> tuple[Commit, tuple[str, ...]]:
        merge = Commit(repository=repository, sha=references[ref], mirror=mirror)
        return merge, _parents(mirror, merge.sha)

    try:
        merge, parents = updated(MirrorUse.PULL_REQUESTS, repository, f"{ref}:{ref}", look)
    except RefusedInputError as error:
        if error.code != _NO_REF:
            raise
        raise _not_ready(repository, number, head_commit) from error
    if parents[1:] != (head_commit,):
        raise _not_ready(repository, number, head_commit)
    return MergeRef(commit=merge, base=merge.model_copy(update={"sha": parents[0]}))


@world_task("fetch merge group", "fetch merge group {repository} {branch}")
def fetch_merge_group(repository: str, branch: str, commit: str, base: str) -> MergeRef:
    """Return what a merge queue would merge into `base`, as the queue's own branch has it.

    Raises RefusedInputError if the branch is gone or another commit by now, and if the base moved
    on: GitHub then makes another group and asks for that one.
    """

    def tip_of(name: str) -> tuple[Path, str]:
        ref = f"{_HEADS}{name}"
        refspec = f"{ref}:{ref}"
        return updated(
            MirrorUse.PULL_REQUESTS, repository, refspec, lambda mirror, found: (mirror, found[ref])
        )

    mirror, base_tip = tip_of(base)
    mirror, tip = tip_of(branch)
    if tip != commit or not _contains(mirror, tip, base_tip):
        raise RefusedInputError(
            "source.queue_moved_on",
            f"the merge queue of {base} has moved on from commit {short_commit(commit)}",
            where=repository_url(repository),
            why="its branch has another commit, or does not have all that the base has",
            state="nothing was built",
            remedy="GitHub asks again for the group that it made since",
        )
    merge = Commit(repository=repository, sha=tip, mirror=mirror)
    return MergeRef(commit=merge, base=merge.model_copy(update={"sha": base_tip}))


def _not_ready(repository: str, number: int, head_commit: str) -> TransientError:
    return TransientError(
        "source.merge_not_ready",
        f"the merge of #{number} is not that of commit {short_commit(head_commit)} yet",
        where=repository_url(repository),
        remedy="run it again in a minute",
    )


def _named(mirror: Path, revision: str, references: NamedCommits, repository: str) -> str:
    """Return the commit that a revision stands for, RefusedInputError if there is none."""
    sha = _meant(mirror, revision, references)
    if sha:
        return sha
    raise RefusedInputError(
        "source.no_such_commit",
        f"there is no commit {revision!r} in {repository}",
        where=repository_url(repository),
        state="nothing was built",
        remedy="push it, or check the spelling",
    )


def _no_branch(revision: str, sha: str, repository: str) -> RefusedInputError:
    """Return the error for the id of a commit where a branch was meant, as far as one could see."""
    return RefusedInputError(
        "source.commit_in_place_of_branch",
        f"{revision!r} is no branch of {repository}, but how the id of a commit begins",
        where=repository_url(repository),
        state="nothing was built",
        remedy=f"give the whole id: {sha}",
    )


def _meant(mirror: Path, revision: str, references: NamedCommits) -> str:
    """Return the commit that a revision stands for: git would read `HEAD~1` as an expression."""
    if re.fullmatch(r"[0-9a-fA-F]{40}", revision):
        return _commit(mirror, revision)
    branch = references.get(f"refs/heads/{revision}") if is_legal_branch(revision) else None
    if branch is None and re.fullmatch(r"[0-9a-fA-F]{4,39}", revision):
        return _commit(mirror, revision)
    return branch or ""


def _branches(references: NamedCommits) -> list[str]:
    return [name for name in references if name.startswith(_HEADS)]


def _commit(mirror: Path, revision: str) -> str:
    """Return the whole id of a commit that is there."""
    with git_for(mirror) as git:
        (found,) = git.contents([f"{revision}^{{commit}}"])
    return found.id if found else ""


def _contains(mirror: Path, tip: str, sha: str) -> bool:
    """Tell whether a branch's newest commit is one or came after it, by their own contents.

    git only says which commits to look at.
    """
    if not tip or tip == sha:
        return tip == sha
    with git_for(mirror) as git:
        between = git.run("rev-list", "--ancestry-path", f"^{sha}", tip, "--").stdout
        parents = _links(git, between.decode().split())
    return is_reached(sha, tip, parents)


def _parents(mirror: Path, sha: str) -> tuple[str, ...]:
    with git_for(mirror) as git:
        return _links(git, [sha])[sha]


def _links(git: Git, commits: list[str]) -> dict[str, tuple[str, ...]]:
    found = zip(commits, git.contents(commits), strict=True)
    return {sha: commit_links(one.body).parents for sha, one in found if one}
