"""Repositories, as GitHub shows them."""

from __future__ import annotations

from tiercel.sandbox.github.memory.activities import PullRequestRecord
from tiercel.sandbox.github.memory.records import RepositoryRecord, User
from tiercel.sandbox.github.memory.world import JsonObject, World, node_id, timestamp
from tiercel.sandbox.github.views.users import simple_user

_PLAIN = (
    "contributors", "deployments", "downloads", "events", "forks", "hooks", "languages", "merges",
    "stargazers", "subscribers", "subscription", "tags", "teams",
)  # fmt: skip
_TEMPLATES = {
    "archive_url": "{archive_format}{/ref}",
    "assignees_url": "assignees{/user}",
    "blobs_url": "git/blobs{/sha}",
    "branches_url": "branches{/branch}",
    "collaborators_url": "collaborators{/collaborator}",
    "comments_url": "comments{/number}",
    "commits_url": "commits{/sha}",
    "compare_url": "compare/{base}...{head}",
    "contents_url": "contents/{+path}",
    "git_commits_url": "git/commits{/sha}",
    "git_refs_url": "git/refs{/sha}",
    "git_tags_url": "git/tags{/sha}",
    "issue_comment_url": "issues/comments{/number}",
    "issue_events_url": "issues/events{/number}",
    "issues_url": "issues{/number}",
    "keys_url": "keys{/key_id}",
    "labels_url": "labels{/name}",
    "milestones_url": "milestones{/number}",
    "notifications_url": "notifications{?since,all,participating}",
    "pulls_url": "pulls{/number}",
    "releases_url": "releases{/id}",
    "statuses_url": "statuses/{sha}",
    "trees_url": "git/trees{/sha}",
}
_ROLES = ("read", "triage", "write", "maintain", "admin")


def minimal_repository(world: World, repository: RepositoryRecord) -> JsonObject:
    """Return a repository as other things mention it, among them webhooks."""
    api, page = world.urls.repository(repository.full_name), world.urls.page(repository.full_name)
    count = len([pull for pull in _pulls(world, repository) if pull.state == "open"])
    return {
        "id": repository.id,
        "node_id": node_id("Repository", repository.id),
        "name": repository.name,
        "full_name": repository.full_name,
        "owner": simple_user(world, repository.owner),
        "private": repository.private,
        "visibility": "private" if repository.private else "public",
        "html_url": page,
        "description": repository.description,
        "fork": False,
        "url": api,
        **_addresses(api, page),
        "mirror_url": None,
        "homepage": None,
        "language": None,
        **dict.fromkeys(("forks", "forks_count", "stargazers_count", "watchers_count"), 0),
        **dict.fromkeys(("watchers", "size"), 0),
        **dict.fromkeys(("open_issues", "open_issues_count"), count),
        "default_branch": repository.default_branch,
        "is_template": False,
        "topics": [],
        "has_issues": True,
        **dict.fromkeys(("has_projects", "has_wiki", "has_pages", "has_downloads"), False),
        **dict.fromkeys(("has_discussions", "archived", "disabled"), False),
        "license": None,
        "allow_forking": False,
        "web_commit_signoff_required": False,
        "pushed_at": timestamp(repository.pushed_at),
        "created_at": timestamp(repository.created_at),
        "updated_at": timestamp(repository.updated_at),
    }


def _addresses(api: str, page: str) -> dict[str, str]:
    return {
        **{f"{name}_url": f"{api}/{name}" for name in _PLAIN},
        **{name: f"{api}/{template}" for name, template in _TEMPLATES.items()},
        "git_url": f"{page.replace('http', 'git', 1)}.git",
        "ssh_url": f"{page.replace('http', 'ssh', 1)}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
    }


def full_repository(world: World, repository: RepositoryRecord, reader: User | None) -> JsonObject:
    """Return a repository as its own address shows it."""
    rank = _ROLES.index(reader.role) if reader and reader.role else -1
    names = ("pull", "triage", "push", "maintain", "admin")
    return minimal_repository(world, repository) | {
        "permissions": {name: rank >= position for position, name in enumerate(names)},
        "allow_merge_commit": repository.allow_merge_commit,
        "allow_squash_merge": repository.allow_squash_merge,
        "allow_rebase_merge": repository.allow_rebase_merge,
        "allow_auto_merge": False,
        "delete_branch_on_merge": repository.delete_branch_on_merge,
        "allow_update_branch": False,
        "use_squash_pr_title_as_default": False,
        "squash_merge_commit_title": "COMMIT_OR_PR_TITLE",
        "squash_merge_commit_message": "COMMIT_MESSAGES",
        "merge_commit_title": "MERGE_MESSAGE",
        "merge_commit_message": "PR_TITLE",
        "subscribers_count": 0,
        "network_count": 0,
    }


def _pulls(world: World, repository: RepositoryRecord) -> list[PullRequestRecord]:
    return world.store.find(PullRequestRecord, repository.id)
