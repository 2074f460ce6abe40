"""Commits, their files and git's other objects, as GitHub shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tiercel.sandbox.github.git.commits_and_trees import GitCommit, GitSignature, read_commits
from tiercel.sandbox.github.git.differences import FileChange, changes
from tiercel.sandbox.github.memory.records import RepositoryRecord, User
from tiercel.sandbox.github.memory.world import JsonObject, World, node_id, timestamp
from tiercel.sandbox.github.views.users import simple_user

_UNSIGNED = {
    "verified": False,
    "reason": "unsigned",
    "signature": None,
    "payload": None,
    "verified_at": None,
}


def signature(who: GitSignature) -> JsonObject:
    """Return who did it, and when."""
    return {"name": who.name, "email": who.email, "date": timestamp(who.date)}


def git_commit(world: World, repository: RepositoryRecord, commit: GitCommit) -> JsonObject:
    """Return a commit as git knows it."""
    name, urls = repository.full_name, world.urls
    return {
        "sha": commit.sha,
        "node_id": node_id("Commit", commit.sha),
        "url": urls.repository(name, "git/commits", commit.sha),
        "html_url": urls.page(name, "commit", commit.sha),
        "author": signature(commit.author),
        "committer": signature(commit.committer),
        "message": commit.message,
        "tree": {"sha": commit.tree, "url": urls.repository(name, "git/trees", commit.tree)},
        "parents": [_parent(world, repository, parent, "git/commits") for parent in commit.parents],
        "verification": _UNSIGNED,
    }


def commit_view(world: World, repository: RepositoryRecord, commit: GitCommit) -> JsonObject:
    """Return a commit as GitHub lists it, without its files."""
    name, urls = repository.full_name, world.urls
    inner = git_commit(world, repository, commit)
    return {
        "sha": commit.sha,
        "node_id": inner["node_id"],
        "commit": {key: inner[key] for key in ("author", "committer", "message", "tree", "url")}
        | {"comment_count": 0, "verification": _UNSIGNED},
        "url": urls.repository(name, "commits", commit.sha),
        "html_url": inner["html_url"],
        "comments_url": urls.repository(name, "commits", commit.sha, "comments"),
        "author": _known(world, commit.author),
        "committer": _known(world, commit.committer),
        "parents": [_parent(world, repository, parent, "commits") for parent in commit.parents],
    }


def list_commits(
    world: World, repository: RepositoryRecord, shas: Sequence[str]
) -> list[JsonObject]:
    """Return commits in the order of their ids."""
    commits = read_commits(world.git(repository), shas)
    return [commit_view(world, repository, commit) for commit in commits]


def commit_with_files(world: World, repository: RepositoryRecord, sha: str) -> JsonObject:
    """Return a commit with what it changes."""
    git = world.git(repository)
    (commit,) = read_commits(git, [sha])
    files = changes(git, commit.parents[0] if commit.parents else None, sha)
    added, deleted = sum(f.additions for f in files), sum(f.deletions for f in files)
    return commit_view(world, repository, commit) | {
        "stats": {"additions": added, "deletions": deleted, "total": added + deleted},
        "files": listed_files(world, repository, sha, files),
    }


def listed_files(
    world: World, repository: RepositoryRecord, sha: str, files: Iterable[FileChange]
) -> list[JsonObject]:
    """Return changed files, addressed at one commit."""
    return [_file(world, repository, sha, file) for file in files]


def _file(world: World, repository: RepositoryRecord, sha: str, file: FileChange) -> JsonObject:
    name, urls = repository.full_name, world.urls
    view: JsonObject = {
        "sha": file.sha,
        "filename": file.path,
        "status": file.status,
        "additions": file.additions,
        "deletions": file.deletions,
        "changes": file.additions + file.deletions,
        "blob_url": urls.page(name, "blob", sha, file.path),
        "raw_url": urls.page(name, "raw", sha, file.path),
        "contents_url": f"{urls.repository(name, 'contents', file.path)}?ref={sha}",
    }
    if file.patch is not None:
        view["patch"] = file.patch
    if file.previous_path is not None:
        view["previous_filename"] = file.previous_path
    return view


def _parent(world: World, repository: RepositoryRecord, sha: str, below: str) -> JsonObject:
    return {
        "sha": sha,
        "url": world.urls.repository(repository.full_name, below, sha),
        "html_url": world.urls.page(repository.full_name, "commit", sha),
    }


def known_user(world: World, email: str) -> User | None:
    """Return the user whose address a commit carries."""
    return next((user for user in world.store.all(User) if user.email == email), None)


def _known(world: World, who: GitSignature) -> JsonObject | None:
    user = known_user(world, who.email)
    return simple_user(world, user) if user else None
