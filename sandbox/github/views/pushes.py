"""What only webhooks show: pushes, and organizations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tiercel.sandbox.github.git.commands import ZERO
from tiercel.sandbox.github.git.commits_and_trees import GitCommit, read_commits
from tiercel.sandbox.github.git.differences import changes
from tiercel.sandbox.github.memory.records import RepositoryRecord, User
from tiercel.sandbox.github.memory.world import JsonObject, World, timestamp
from tiercel.sandbox.github.views.commits import known_user
from tiercel.sandbox.github.views.users import simple_user

_MOST_COMMITS = 2048


def push_view(
    world: World, repository: RepositoryRecord, ref: str, old: str, new: str, commits: Sequence[str]
) -> JsonObject:
    """Return a push; `commits` are the new ones, oldest first, and the last 2,048 are shown.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads#push
    """
    git = world.git(repository)
    shown = read_commits(git, commits[-_MOST_COMMITS:])
    tip = git.identify([f"{new}^{{commit}}"])[0] if new != ZERO else None
    head = _pushed(world, repository, read_commits(git, [tip])[0]) if tip else None
    return {
        "ref": ref,
        "before": old,
        "after": new,
        "base_ref": None,
        "created": old == ZERO,
        "deleted": new == ZERO,
        "compare": world.urls.page(repository.full_name, "compare", f"{old[:12]}...{new[:12]}"),
        "commits": [_pushed(world, repository, commit) for commit in shown],
        "head_commit": head,
    }


def repository_in_push(repository: JsonObject) -> JsonObject:
    """Return a repository as push events alone show it: with moments as numbers."""
    owner = repository["owner"]
    return repository | {
        "created_at": _seconds(repository["created_at"]),
        "pushed_at": _seconds(repository["pushed_at"]),
        "owner": owner | {"name": owner["login"], "email": None},
        "stargazers": 0,
        "master_branch": repository["default_branch"],
    }


def organization(world: World, owner: User) -> JsonObject:
    """Return the organization that owns a repository."""
    address = f"{world.urls.api}/orgs/{owner.login}"
    user = simple_user(world, owner)
    return {
        "login": owner.login,
        "id": owner.id,
        "node_id": user["node_id"],
        "url": address,
        "repos_url": f"{address}/repos",
        "events_url": f"{address}/events",
        "hooks_url": f"{address}/hooks",
        "issues_url": f"{address}/issues",
        "members_url": f"{address}/members{{/member}}",
        "public_members_url": f"{address}/public_members{{/member}}",
        "avatar_url": user["avatar_url"],
        "description": None,
    }


def _pushed(world: World, repository: RepositoryRecord, commit: GitCommit) -> JsonObject:
    git = world.git(repository)
    files = changes(git, commit.parents[0] if commit.parents else None, commit.sha)
    people: JsonObject = {}
    for name, who in (("author", commit.author), ("committer", commit.committer)):
        user = known_user(world, who.email)
        people[name] = {"name": who.name, "email": who.email, "date": timestamp(who.date)}
        people[name] |= {"username": user.login} if user else {}
    gone = [file.previous_path for file in files if file.previous_path]
    return people | {
        "id": commit.sha,
        "tree_id": commit.tree,
        "distinct": True,
        "message": commit.message,
        "timestamp": timestamp(commit.committer.date),
        "url": world.urls.page(repository.full_name, "commit", commit.sha),
        "added": [file.path for file in files if file.status in {"added", "renamed", "copied"}],
        "removed": [file.path for file in files if file.status == "removed"] + gone,
        "modified": [file.path for file in files if file.status in {"modified", "changed"}],
    }


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())
