from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qs

from tests.sandbox.github.support import Place, eventually, git
from tests.sandbox.github.webhook_receiver import WebhookReceiver
from tests.sandbox.github.webhook_support import SECRET, hook, path, told


def test_a_push_is_told_with_its_commits_and_a_signature(
    place: Place, receiver: WebhookReceiver
) -> None:
    hook(place, receiver, ["push"])
    before = place.bare("rev-parse", "main").strip()
    after = place.commit({"new.txt": "n\n", "README.md": "shop!\n"}, "Sell tea")
    place.push("main")

    (item,) = told(place, receiver, "push")

    digest = hmac.new(SECRET.encode(), item.raw, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(item.headers["x-hub-signature-256"], f"sha256={digest}")
    assert item.headers["user-agent"].startswith("GitHub-Hookshot/")
    payload = item.payload
    assert (payload["ref"], payload["before"], payload["after"]) == (
        "refs/heads/main",
        before,
        after,
    )
    assert (payload["created"], payload["deleted"], payload["forced"]) == (False, False, False)
    assert payload["pusher"]["name"] == payload["sender"]["login"] == "author"
    (commit,) = payload["commits"]
    assert (commit["id"], commit["message"]) == (after, "Sell tea")
    assert (commit["added"], commit["modified"]) == (["new.txt"], ["README.md"])
    assert payload["head_commit"]["id"] == after
    assert payload["repository"]["full_name"] == place.name


def test_a_merge_is_told_as_a_closed_pull_request_and_as_a_push_of_the_same_commit(
    place: Place, receiver: WebhookReceiver
) -> None:
    hook(place, receiver, ["push", "pull_request"])
    pull = place.pull("feature", {"a.txt": "a\n"})
    merged = place.repo("releaser").get_pull(1).merge()

    events = told(place, receiver, "pull_request", 2)
    closed = next(item.payload for item in events if item.payload["action"] == "closed")
    pushes = [item.payload for item in told(place, receiver, "push", 2)]
    (push,) = [payload for payload in pushes if payload["ref"] == "refs/heads/main"]
    assert closed["pull_request"]["merged"] is True
    assert closed["pull_request"]["merge_commit_sha"] == push["after"] == merged.sha
    assert push["before"] == pull.base.sha
    assert closed["sender"]["login"] == "releaser"


def test_a_new_push_to_a_pull_request_is_told_as_synchronize(
    place: Place, receiver: WebhookReceiver
) -> None:
    hook(place, receiver, ["pull_request"])
    before = place.pull("feature", {"a.txt": "a\n"}).head.sha
    git(place.tree, "checkout", "--quiet", "feature")
    after = place.commit({"b.txt": "b\n"})
    place.push("feature", login="reviewer")

    events = {
        item.payload["action"]: item.payload for item in told(place, receiver, "pull_request", 2)
    }

    assert events["opened"]["pull_request"]["mergeable"] is None
    assert (events["synchronize"]["before"], events["synchronize"]["after"]) == (before, after)
    assert events["synchronize"]["sender"]["login"] == "reviewer"


def test_branches_and_tags_are_told_when_they_come_and_go(
    place: Place, receiver: WebhookReceiver
) -> None:
    hook(place, receiver, ["create", "delete", "push"])
    place.branch("side", {"s.txt": "s\n"})
    git(place.tree, "tag", "v1")
    place.push("v1")
    place.push("--delete", "side", "v1")

    created = [item.payload for item in told(place, receiver, "create", 2)]
    deleted = [item.payload for item in told(place, receiver, "delete", 2)]
    pushes = [item.payload for item in told(place, receiver, "push", 4)]

    both = [("branch", "side"), ("tag", "v1")]
    for payloads in (created, deleted):
        assert sorted((p["ref_type"], p["ref"]) for p in payloads) == both
    assert sorted((p["ref"], p["created"], p["deleted"]) for p in pushes) == [
        ("refs/heads/side", False, True),
        ("refs/heads/side", True, False),
        ("refs/tags/v1", False, True),
        ("refs/tags/v1", True, False),
    ]


def test_more_than_three_tags_at_once_are_not_told(place: Place, receiver: WebhookReceiver) -> None:
    hook(place, receiver, ["push"])
    for number in range(4):
        git(place.tree, "tag", f"v{number}")
    place.push("--tags")
    place.branch("after", {"x.txt": "x\n"})
    (item,) = told(place, receiver, "push")
    assert item.payload["ref"] == "refs/heads/after"


def test_everything_else_that_happens_is_told(place: Place, receiver: WebhookReceiver) -> None:
    hook(place, receiver, ["*"])
    pull = place.pull("feature", {"a.txt": "a\n"})
    comment = pull.create_issue_comment("one")
    comment.edit("two")
    comment.delete()
    pull.add_to_labels("hot")
    pull.edit(title="Other")
    place.repo("reviewer").get_pull(1).create_review(event="APPROVE")
    place.repo().get_commit(pull.head.sha).create_status("success", context="ci")
    place.repo().create_deployment("main", auto_merge=False).create_status("success")
    release = place.repo().create_git_release("v1", "First", "")
    place.repo().create_git_release("v2", "Second", "", prerelease=True)
    release.update_release("Better", "")
    release.delete_release()
    pull.edit(state="closed")
    pull.edit(state="open")
    wanted = {
        ("issue_comment", "created"), ("issue_comment", "edited"), ("issue_comment", "deleted"),
        ("pull_request", "labeled"), ("pull_request", "edited"), ("pull_request", "closed"),
        ("pull_request", "reopened"), ("pull_request_review", "submitted"), ("status", None),
        ("deployment", "created"), ("deployment_status", "created"),
        ("release", "created"), ("release", "published"), ("release", "released"),
        ("release", "prereleased"), ("release", "edited"), ("release", "deleted"),
    }  # fmt: skip

    def missing() -> set[Any]:
        seen = {(item.event, item.payload.get("action")) for item in receiver.at(path(place))}
        return wanted - seen

    eventually(lambda: not missing())


def test_only_the_events_that_were_asked_for_are_told(
    place: Place, receiver: WebhookReceiver
) -> None:
    hook(place, receiver, ["release"])
    place.branch("side", {"s.txt": "s\n"})
    place.repo().create_git_release("v1", "First", "")
    told(place, receiver, "release", 3)
    assert {item.event for item in receiver.at(path(place))} == {"ping", "release"}


def test_a_form_carries_the_payload_and_is_signed_as_it_is_sent(
    place: Place, receiver: WebhookReceiver
) -> None:
    hook(place, receiver, ["push"], content_type="form")
    place.branch("side", {"s.txt": "s\n"})
    (item,) = told(place, receiver, "push")
    digest = hmac.new(SECRET.encode(), item.raw, hashlib.sha256).hexdigest()
    assert item.headers["x-hub-signature-256"] == f"sha256={digest}"
    assert json.loads(parse_qs(item.raw.decode())["payload"][0])["ref"] == "refs/heads/side"
