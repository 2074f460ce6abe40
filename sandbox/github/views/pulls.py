"""Pull requests, their reviews, comments and labels, as GitHub shows them."""

from __future__ import annotations

from urllib.parse import quote

from tiercel.sandbox.github.git.differences import changes
from tiercel.sandbox.github.git.merges import can_be_rebased
from tiercel.sandbox.github.memory.activities import (
    Comment,
    IssueEvent,
    Label,
    PullRequestRecord,
    Review,
)
from tiercel.sandbox.github.memory.records import RepositoryRecord
from tiercel.sandbox.github.memory.world import JsonObject, World, node_id, timestamp
from tiercel.sandbox.github.views.repositories import minimal_repository
from tiercel.sandbox.github.views.users import association, simple_user


def simple_pull(world: World, repository: RepositoryRecord, pull: PullRequestRecord) -> JsonObject:
    """Return a pull request as lists show it."""
    page = world.urls.page(repository.full_name, "pull", pull.number)
    links = _addresses(world, repository, pull)
    return {
        **links,
        "id": pull.id,
        "node_id": node_id("PullRequest", pull.id),
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "number": pull.number,
        "state": pull.state,
        "locked": False,
        "title": pull.title,
        "user": simple_user(world, pull.user),
        "body": pull.body,
        "labels": [label(world, repository, record) for record in labels_of(world, pull)],
        "milestone": None,
        "active_lock_reason": None,
        "created_at": timestamp(pull.created_at),
        "updated_at": timestamp(pull.updated_at),
        "closed_at": timestamp(pull.closed_at),
        "merged_at": timestamp(pull.merged_at),
        "merge_commit_sha": pull.merge_commit or (None if pull.unknown_reads else pull.test_merge),
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "head": _end(world, repository, pull.head_ref, pull.head_sha),
        "base": _end(world, repository, pull.base_ref, pull.base_sha),
        "_links": {
            "self" if key == "url" else key.removesuffix("_url"): {"href": address}
            for key, address in links.items()
        },
        "author_association": association(world.user(pull.user)),
        "auto_merge": None,
        "draft": pull.draft,
    }


def _addresses(
    world: World, repository: RepositoryRecord, pull: PullRequestRecord
) -> dict[str, str]:
    name, urls = repository.full_name, world.urls
    api, page = urls.repository(name, "pulls", pull.number), urls.page(name, "pull", pull.number)
    issue = urls.repository(name, "issues", pull.number)
    return {
        "url": api,
        "html_url": page,
        "issue_url": issue,
        "comments_url": f"{issue}/comments",
        "review_comments_url": f"{api}/comments",
        "review_comment_url": urls.repository(name, "pulls/comments") + "{/number}",
        "commits_url": f"{api}/commits",
        "statuses_url": urls.repository(name, "statuses", pull.head_sha),
    }


def full_pull(
    world: World, repository: RepositoryRecord, pull: PullRequestRecord, state: str
) -> JsonObject:
    """Return a pull request as its own address shows it; `state` is its mergeable_state."""
    git = world.git(repository)
    start = git.merge_base(pull.base_sha, pull.head_sha)
    files = changes(git, start, pull.head_sha)
    known = pull.state == "open" and not pull.unknown_reads
    mergeable = pull.mergeable if known else None
    comments = world.store.find(Comment, repository.id, pull.key)
    return simple_pull(world, repository, pull) | {
        "merged": pull.merged_at is not None,
        "mergeable": mergeable,
        "rebaseable": mergeable and can_be_rebased(git, pull.base_sha, pull.head_sha),
        "mergeable_state": state if known else "unknown",
        "merged_by": simple_user(world, pull.merged_by) if pull.merged_by else None,
        "comments": len(comments),
        "review_comments": 0,
        "maintainer_can_modify": pull.maintainer_can_modify,
        "commits": git.count(pull.base_sha, pull.head_sha),
        "additions": sum(file.additions for file in files),
        "deletions": sum(file.deletions for file in files),
        "changed_files": len(files),
    }


def issue(world: World, repository: RepositoryRecord, pull: PullRequestRecord) -> JsonObject:
    """Return a pull request as the issue that it is, too."""
    view = simple_pull(world, repository, pull)
    address = view["issue_url"]
    same = (
        "id", "number", "state", "title", "body", "user", "labels", "assignee", "assignees",
        "milestone", "locked", "active_lock_reason", "closed_at", "created_at", "updated_at",
        "author_association", "draft", "html_url", "comments_url",
    )  # fmt: skip
    links = ("url", "html_url", "diff_url", "patch_url", "merged_at")
    return {key: view[key] for key in same} | {
        "url": address,
        "node_id": view["node_id"],
        "repository_url": world.urls.repository(repository.full_name),
        "labels_url": f"{address}/labels{{/name}}",
        "events_url": f"{address}/events",
        "timeline_url": f"{address}/timeline",
        "comments": len(world.store.find(Comment, repository.id, pull.key)),
        "state_reason": None,
        "performed_via_github_app": None,
        "reactions": _reactions(address),
        "pull_request": {key: view[key] for key in links},
    }


def review(world: World, repository: RepositoryRecord, record: Review) -> JsonObject:
    """Return a review."""
    page = world.urls.page(repository.full_name, "pull", record.number)
    page = f"{page}#pullrequestreview-{record.id}"
    api = world.urls.repository(repository.full_name, "pulls", record.number)
    view: JsonObject = {
        "id": record.id,
        "node_id": node_id("PullRequestReview", record.id),
        "user": simple_user(world, record.user),
        "body": record.body,
        "state": record.state,
        "html_url": page,
        "pull_request_url": api,
        "author_association": association(world.user(record.user)),
        "_links": {"html": {"href": page}, "pull_request": {"href": api}},
        "commit_id": record.commit,
    }
    if record.submitted_at:
        view["submitted_at"] = timestamp(record.submitted_at)
    return view


def reviewed(world: World, repository: RepositoryRecord, record: Review) -> JsonObject:
    """Return a review as the timeline tells it: here, and not in the review, is when it changed."""
    view = review(world, repository, record) | {"event": "reviewed", "state": record.state.lower()}
    return view | {"updated_at": timestamp(record.edited_at or record.submitted_at)}


def comment_view(world: World, repository: RepositoryRecord, record: Comment) -> JsonObject:
    """Return a comment on a pull request."""
    name, urls = repository.full_name, world.urls
    address = urls.repository(name, "issues/comments", record.id)
    return {
        "id": record.id,
        "node_id": node_id("IssueComment", record.id),
        "url": address,
        "html_url": f"{urls.page(name, 'pull', record.number)}#issuecomment-{record.id}",
        "issue_url": urls.repository(name, "issues", record.number),
        "user": simple_user(world, record.user),
        "body": record.body,
        "created_at": timestamp(record.created_at),
        "updated_at": timestamp(record.updated_at),
        "author_association": association(world.user(record.user)),
        "performed_via_github_app": None,
        "reactions": _reactions(address),
    }


def label(world: World, repository: RepositoryRecord, record: Label) -> JsonObject:
    """Return a label."""
    address = world.urls.repository(repository.full_name, "labels")
    return {
        "id": record.id,
        "node_id": node_id("Label", record.id),
        "url": f"{address}/{quote(record.name, safe='')}",
        "name": record.name,
        "color": record.color,
        "default": False,
        "description": record.description,
    }


def issue_event(world: World, repository: RepositoryRecord, event: IssueEvent) -> JsonObject:
    """Return what happened to a pull request's labels."""
    return {
        "id": event.id,
        "node_id": node_id("LabeledEvent", event.id),
        "url": world.urls.repository(repository.full_name, "issues", "events", event.id),
        "actor": simple_user(world, event.actor),
        "event": event.event,
        "commit_id": None,
        "commit_url": None,
        "created_at": timestamp(event.created_at),
        "label": {"name": event.label, "color": event.color},
        "performed_via_github_app": None,
    }


def labels_of(world: World, pull: PullRequestRecord) -> list[Label]:
    """Return the labels of a pull request."""
    found = [world.store.get(Label, identifier) for identifier in pull.labels]
    return [record for record in found if record]


def _end(world: World, repository: RepositoryRecord, ref: str, sha: str) -> JsonObject:
    return {
        "label": f"{repository.owner_login}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": simple_user(world, repository.owner),
        "repo": minimal_repository(world, repository),
    }


def _reactions(address: str) -> JsonObject:
    faces = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
    return {"url": f"{address}/reactions", "total_count": 0, **dict.fromkeys(faces, 0)}
