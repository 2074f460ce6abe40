"""Merging, squashing and rebasing inside a bare repository, which has no work tree.

Every function writes objects only. No reference moves, so a test merge costs nothing.
"""

from __future__ import annotations

from functools import lru_cache

from tiercel.sandbox.github.git.commands import GitError, GitRepository
from tiercel.sandbox.github.git.commits_and_trees import (
    GitSignature,
    read_commit,
    read_commits,
    write_commit,
)

_CONFLICT = 1


@lru_cache(maxsize=256)
def merged_tree(git: GitRepository, base: str, head: str) -> str | None:
    """Return the tree of a merge; None when there is a conflict or no common ancestor."""
    done = git.attempt("merge-tree", "--write-tree", "--no-messages", base, head)
    if done.returncode == 0:
        return done.stdout.decode().split("\n", 1)[0]
    if done.returncode == _CONFLICT or b"unrelated histories" in done.stderr:
        return None
    raise GitError(done.stderr.decode(errors="replace").strip())


def rebased(git: GitRepository, base: str, head: str, committer: GitSignature) -> str | None:
    """Return the last commit of `head`'s own commits, replayed on `base` one by one.

    None when one of them does not apply. Merge commits are left out, as GitHub does.
    https://docs.github.com/en/pull-requests/collaborating-with-pull-requests/incorporating-changes-from-a-pull-request/about-pull-request-merges
    """
    tip = base
    own = git.history("--reverse", "--topo-order", "--no-merges", f"^{base}", head, "--")
    for commit in read_commits(git, own):
        parent = read_commit(git, commit.parents[0]).tree if commit.parents else None
        tree = _replayed(git, parent, commit.tree, read_commit(git, tip).tree)
        if tree is None:
            return None
        tip = write_commit(git, tree, [tip], commit.message, commit.author, committer)
    return tip


@lru_cache(maxsize=256)
def can_be_rebased(git: GitRepository, base: str, head: str) -> bool:
    """Tell whether `rebased` would succeed; it does when there is nothing to replay onto."""
    if git.is_ancestor(base, head) and not git.history("--merges", f"^{base}", head, "--"):
        return True
    return rebased(git, base, head, read_commit(git, head).committer) is not None


def _replayed(git: GitRepository, parent: str | None, tree: str, onto: str) -> str | None:
    """Return the three-way merge of trees; git 2.39 finds the base by ancestry only.

    So three commits are made whose ancestry says what the base is.
    """
    origin = _throwaway(git, parent or git.write("tree", b""), [])
    ours = _throwaway(git, onto, [origin])
    theirs = _throwaway(git, tree, [origin])
    return merged_tree(git, ours, theirs)


def _throwaway(git: GitRepository, tree: str, parents: list[str]) -> str:
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += ["author x <x> 0 +0000", "committer x <x> 0 +0000", "", "x"]
    return git.write("commit", "\n".join(lines).encode())
