"""Events: what each webhook is told, and to whom it is told.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from tiercel.sandbox.github.memory.activities import (
    Comment,
    Delivery,
    Deployment,
    DeploymentStatus,
    Hook,
    Label,
    PullRequestRecord,
    ReleaseRecord,
    Review,
    StatusRecord,
)
from tiercel.sandbox.github.memory.records import RepositoryRecord, User
from tiercel.sandbox.github.memory.world import JsonObject, World
from tiercel.sandbox.github.views.commits import list_commits
from tiercel.sandbox.github.views.deployments import deployment as deployment_view
from tiercel.sandbox.github.views.deployments import deployment_status as deployment_status_view
from tiercel.sandbox.github.views.deployments import status_view
from tiercel.sandbox.github.views.pulls import comment_view, full_pull, issue, simple_pull
from tiercel.sandbox.github.views.pulls import label as label_view
from tiercel.sandbox.github.views.pulls import review as review_view
from tiercel.sandbox.github.views.pushes import organization, push_view, repository_in_push
from tiercel.sandbox.github.views.releases import release_view
from tiercel.sandbox.github.views.repositories import minimal_repository
from tiercel.sandbox.github.views.users import simple_user


class Teller:
    """Tells a repository's webhooks what a sender did there."""

    def __init__(self, world: World, repository: RepositoryRecord, sender: User) -> None:
        self.world = world
        self.repository = repository
        self.sender = sender

    def pull_request(self, action: str, pull: PullRequestRecord, **more: object) -> None:
        """A pull request was opened, closed, edited, synchronized or labeled."""
        self._tell(
            "pull_request",
            lambda: {
                "number": pull.number,
                "pull_request": full_pull(self.world, self.repository, pull, "unknown")
                | {"mergeable": None, "rebaseable": None, "mergeable_state": "unknown"},
                **more,
            },
            action,
        )

    def labeled(self, action: str, pull: PullRequestRecord, label: Label) -> None:
        """A label was added to a pull request, or removed."""
        self.pull_request(action, pull, label=label_view(self.world, self.repository, label))

    def review(self, action: str, pull: PullRequestRecord, review: Review) -> None:
        """A review was submitted or dismissed; the state is in small letters here."""
        view = review_view(self.world, self.repository, review)
        state = review.state.lower()
        self._tell(
            "pull_request_review",
            lambda: {
                "pull_request": simple_pull(self.world, self.repository, pull),
                "review": view | {"state": state},
            },
            action,
        )

    def comment(
        self, action: str, pull: PullRequestRecord, comment: Comment, **more: object
    ) -> None:
        """A comment was created, edited or deleted."""
        self._tell(
            "issue_comment",
            lambda: {
                "issue": issue(self.world, self.repository, pull),
                "comment": comment_view(self.world, self.repository, comment),
                **more,
            },
            action,
        )

    def status(self, status: StatusRecord, branches: Callable[[], list[JsonObject]]) -> None:
        """A commit got a status."""
        view = status_view(self.world, self.repository, status)
        same = ("id", "avatar_url", "target_url", "context", "description", "state")
        self._tell(
            "status",
            lambda: (
                {key: view[key] for key in (*same, "created_at", "updated_at")}
                | {
                    "sha": status.sha,
                    "name": self.repository.full_name,
                    "commit": list_commits(self.world, self.repository, [status.sha])[0],
                    "branches": branches(),
                }
            ),
        )

    def deployment(self, deployment: Deployment) -> None:
        """A deployment was created."""
        view = deployment_view(self.world, self.repository, deployment)
        self._tell(
            "deployment",
            lambda: {"deployment": view, "workflow": None, "workflow_run": None},
            "created",
        )

    def deployment_status(self, deployment: Deployment, status: DeploymentStatus) -> None:
        """A deployment got a status."""
        self._tell(
            "deployment_status",
            lambda: {
                "deployment": deployment_view(self.world, self.repository, deployment),
                "deployment_status": deployment_status_view(self.world, self.repository, status),
                "check_run": None,
                "workflow": None,
                "workflow_run": None,
            },
            "created",
        )

    def release(self, action: str, release: ReleaseRecord, **more: object) -> None:
        """A release was created, published, released, edited or deleted."""
        view = release_view(self.world, self.repository, release)
        self._tell("release", lambda: {"release": view, **more}, action)

    def reference(self, event: str, ref: str) -> None:
        """A branch or tag was created or deleted; `ref` is complete."""
        kind, name = ("tag" if ref.startswith("refs/tags/") else "branch"), ref.split("/", 2)[2]
        more: JsonObject = {"ref": name, "ref_type": kind, "pusher_type": "user"}
        if event == "create":
            repository = self.repository
            more |= {"master_branch": repository.default_branch}
            more |= {"description": repository.description}
        self._tell(event, lambda: more)

    def push(self, ref: str, old: str, new: str, *, forced: bool, commits: list[str]) -> None:
        """A branch or tag moved; `commits` are the new ones, oldest first."""
        self._tell(
            "push",
            lambda: {
                **push_view(self.world, self.repository, ref, old, new, commits),
                "pusher": {"name": self.sender.login, "email": self.sender.email},
                "forced": forced,
            },
        )

    def ping(self, hook: Hook, view: JsonObject) -> None:
        """A webhook was created, or asked to be tried."""
        zen = "Keep it logically awesome."
        payload = {"zen": zen, "hook_id": hook.id, "hook": view} | self._common()
        self.deliver(hook, "ping", payload, None)

    def deliver(self, hook: Hook, event: str, payload: JsonObject, action: str | None) -> None:
        """Send an event to one webhook when the change is complete."""
        delivery = self.world.store.put(
            Delivery(
                id=self.world.store.next_id(),
                repository=self.repository.id,
                hook=hook.id,
                guid=str(uuid.uuid4()),
                event=event,
                action=action,
                payload=payload,
                redelivery=False,
            )
        )
        self.world.tell(delivery.id)

    def _tell(self, event: str, build: Callable[[], JsonObject], action: str | None = None) -> None:
        hooks = self.world.store.find(Hook, self.repository.id)
        wanted = [hook for hook in hooks if hook.active and {event, "*"} & set(hook.events)]
        if not wanted:
            return
        payload: JsonObject = {"action": action} if action else {}
        payload |= build() | self._common()
        if event == "push":
            payload["repository"] = repository_in_push(payload["repository"])
        for hook in wanted:
            self.deliver(hook, event, payload, action)

    def _common(self) -> JsonObject:
        owner = self.world.user(self.repository.owner)
        common: JsonObject = {
            "repository": minimal_repository(self.world, self.repository),
            "sender": simple_user(self.world, self.sender),
        }
        if owner.type == "Organization":
            common["organization"] = organization(self.world, owner)
        return common
