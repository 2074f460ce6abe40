"""What is read of GitHub's events, and what is refused."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.triggers.actions import Nothing
from tiercel.domain.triggers.events import (
    BranchDeleted,
    BranchMoved,
    CandidateAsked,
    EndAsked,
    EnvironmentAsked,
    Event,
    MergeGroupAsked,
    PullRequestChanged,
    PullRequestClosed,
    PullRequestLabels,
    RebuildAsked,
    ReleaseAsked,
    RollbackAsked,
    Scheduled,
    ScheduledWork,
)
from tiercel.domain.triggers.webhooks import JobContext, read_events

OLD, NEW, NONE = "1" * 40, "2" * 40, "0" * 40
REPOSITORY = {"full_name": "acme/shop", "private": True}


def pull(action: str, **more: Any) -> dict[str, Any]:
    return {
        "action": action,
        "number": 7,
        "repository": REPOSITORY,
        "pull_request": {
            "number": 7,
            "title": "::error::`$(reboot)`",
            "merged": more.pop("merged", False),
            "head": {
                "ref": more.pop("head", "feature/login"),
                "sha": NEW,
                "repo": more.pop("home", REPOSITORY),
            },
            "base": {"ref": "develop", "sha": OLD},
        },
    } | more


def push(ref: str, **more: Any) -> dict[str, Any]:
    told = {"ref": ref, "before": OLD, "after": NEW, "deleted": False, "repository": REPOSITORY}
    return told | more


def form(**inputs: str) -> dict[str, Any]:
    return {"ref": "refs/heads/main", "inputs": inputs, "repository": REPOSITORY}


QUEUE = f"gh-readonly-queue/develop/pr-7-{OLD}"


def merge_group(action: str = "checks_requested", **more: Any) -> dict[str, Any]:
    group = {"head_ref": f"refs/heads/{QUEUE}", "head_sha": NEW, "base_sha": OLD}
    group |= {"base_ref": "refs/heads/develop"} | more
    return {"action": action, "merge_group": group, "repository": REPOSITORY}


JOB = JobContext(OLD, "preprod", "drill")


def asked(environment: str, commit: str) -> ReleaseAsked:
    return ReleaseAsked("acme/shop", environment, commit)


CHANGED = PullRequestChanged("acme/shop", 7, "feature/login", "develop", NEW, OLD)


@pytest.mark.parametrize(
    ("name", "payload", "event"),
    [
        *(
            ("pull_request", pull(action), CHANGED)
            for action in ("opened", "synchronize", "ready_for_review")
        ),
        ("pull_request", pull("reopened"), replace(CHANGED, reopened=True)),
        ("pull_request_target", pull("opened"), CHANGED),
        ("pull_request", pull("edited", changes={"base": {"ref": {"from": "main"}}}), CHANGED),
        (
            "pull_request",
            pull("closed", merged=True),
            PullRequestClosed("acme/shop", 7, "develop", merged=True),
        ),
        (
            "pull_request",
            pull("closed"),
            PullRequestClosed("acme/shop", 7, "develop", merged=False),
        ),
        ("push", push("refs/heads/develop"), BranchMoved("acme/shop", "develop", OLD, NEW)),
        (
            "push",
            push("refs/heads/develop", after=NONE, deleted=True),
            BranchMoved("acme/shop", "develop", OLD, NONE, deleted=True),
        ),
        ("workflow_dispatch", form(action="release", environment="prod"), asked("prod", OLD)),
        (
            "workflow_dispatch",
            form(action="release", environment="preprod", commit=NEW, stack="", release=""),
            asked("preprod", NEW),
        ),
        (
            "workflow_dispatch",
            form(action="promote", environment="prod"),
            ReleaseAsked("acme/shop", "prod", OLD, promotes=True),
        ),
        (
            "workflow_dispatch",
            form(action="rollback", stack="acme-prod-orders", commit=""),
            RollbackAsked("acme/shop", "acme-prod-orders", 0),
        ),
        (
            "workflow_dispatch",
            form(action="rollback", stack="acme-prod-orders", release="17"),
            RollbackAsked("acme/shop", "acme-prod-orders", 17),
        ),
        ("workflow_dispatch", form(action="candidate"), CandidateAsked("acme/shop", OLD)),
        (
            "workflow_dispatch",
            form(action="candidate", commit="hotfix/1.0.1"),
            CandidateAsked("acme/shop", "hotfix/1.0.1"),
        ),
        (
            "workflow_dispatch",
            form(action="rebuild", environment="preprod", approve="a" * 64, account="acme-pre"),
            RebuildAsked("acme/shop", "preprod", "a" * 64, "acme-pre"),
        ),
        (
            "workflow_dispatch",
            form(action="ephemeral-up", commit="feature/x", hours="5", purpose="try it"),
            EnvironmentAsked("acme/shop", "feature/x", hours=5, purpose="try it"),
        ),
        (
            "workflow_dispatch",
            form(action="ephemeral-up", pull_request="7", name="tea", services="orders catalog"),
            EnvironmentAsked("acme/shop", "", 7, "tea", "orders catalog"),
        ),
        (
            "workflow_dispatch",
            form(action="ephemeral-down", name="tea"),
            EndAsked("acme/shop", "tea"),
        ),
        (
            "workflow_dispatch",
            form(action="follow", environment="prod"),
            Scheduled("acme/shop", "prod", ScheduledWork.FOLLOW),
        ),
        (
            "schedule",
            {"schedule": "0 3 * * 6", "repository": REPOSITORY},
            Scheduled("acme/shop", "preprod", ScheduledWork.DRILL),
        ),
        (
            "delete",
            {"ref": "hotfix/1.0.1", "ref_type": "branch", "repository": REPOSITORY},
            BranchDeleted("acme/shop", "hotfix/1.0.1"),
        ),
        (
            "merge_group",
            merge_group(),
            MergeGroupAsked("acme/shop", QUEUE, "develop", NEW),
        ),
    ],
)
def test_what_happened_is_read_of_the_payload(name: str, payload: object, event: Event) -> None:
    read = read_events(name, payload, JOB)
    assert isinstance(read, list)
    assert read[0] == event


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        (pull("labeled", label={"name": "bug"}), {"labels": frozenset({"tea", "Bug"})}),
        (
            pull("unlabeled", label={"name": "bug"}),
            {"labels": frozenset({"tea", "Bug"}), "removed": "bug"},
        ),
        (pull("closed"), {"labels": frozenset({"tea", "Bug"}), "is_open": False}),
        (pull("synchronize"), {"labels": frozenset({"tea", "Bug"})}),
        (pull("labeled", home={"full_name": "mallory/shop"}), {"from_fork": True}),
        (pull("labeled", home=None), {"from_fork": True}),
        (pull("labeled", home={"full_name": "ACME/Shop"}), {}),
    ],
)
def test_each_event_of_a_pull_request_says_which_labels_it_has(
    payload: dict[str, Any], told: dict[str, Any]
) -> None:
    payload["pull_request"]["labels"] = [{"name": "tea", "id": 1}, {"name": "Bug"}]
    read = read_events("pull_request", payload)
    assert isinstance(read, list)
    expected = {"labels": frozenset({"tea", "Bug"})} | told
    assert read[-1] == PullRequestLabels("acme/shop", 7, NEW, **expected)


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("pull_request", pull("edited", changes={"title": {"from": "base"}})),
        ("pull_request", pull("assigned")),
        ("pull_request", pull("::set-output name=x::y\n")),
        ("push", push("refs/tags/v1.0.0")),
        ("push", push("refs/tags/v1.0.0", after=NONE, deleted=True)),
        ("merge_group", merge_group("destroyed")),
        ("schedule", {"schedule": "* * * * *", "repository": REPOSITORY}),
        ("delete", {"ref": "v1.0.0", "ref_type": "tag", "repository": REPOSITORY}),
        ("issues", {"action": "opened"}),
        ("watch", None),
    ],
)
def test_nothing_follows_from_what_changes_no_code(name: str, payload: object) -> None:
    event = read_events(name, payload)
    assert isinstance(event, Nothing)
    assert "\n" not in event.reason


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("pull_request", None),
        ("pull_request", []),
        ("pull_request", {}),
        ("pull_request", pull("opened", repository={"full_name": "acme/shop/../evil"})),
        ("pull_request", pull("opened", repository={"full_name": "acme/shop\n"})),
        ("pull_request", pull("opened", head="../../etc")),
        ("pull_request", pull("opened", head="--upload-pack=evil")),
        ("pull_request", pull("opened") | {"pull_request": {"number": "7"}}),
        ("pull_request", pull("opened", merged="false")),
        ("push", push("refs/notes/x")),
        ("push", push("refs/heads/")),
        ("push", push("refs/heads/a..b")),
        ("push", push("refs/heads/develop", after="HEAD")),
        ("push", push("refs/heads/develop", after=f"{NEW}\n")),
        ("push", push("refs/heads/develop", deleted="no")),
        ("workflow_dispatch", form()),
        ("workflow_dispatch", form(action="delete")),
        ("workflow_dispatch", form(action="release")),
        ("workflow_dispatch", form(action="promote")),
        ("workflow_dispatch", form(action="rebuild")),
        ("workflow_dispatch", form(action="rebuild", environment="preprod", approve="yes")),
        ("workflow_dispatch", form(action="follow")),
        ("workflow_dispatch", form(action="candidate", commit="--upload-pack=x")),
        ("workflow_dispatch", form(action="ephemeral-up")),
        ("workflow_dispatch", form(action="ephemeral-up", commit="x", pull_request="7")),
        ("workflow_dispatch", form(action="ephemeral-up", commit="x", hours="721")),
        ("workflow_dispatch", form(action="ephemeral-up", commit="x", purpose="a\nb")),
        ("workflow_dispatch", form(action="ephemeral-up", pull_request="99999999999")),
        ("workflow_dispatch", form(action="ephemeral-down")),
        ("workflow_dispatch", form(action="ephemeral-down", name="A$(reboot)")),
        ("merge_group", merge_group(head_ref="refs/tags/x")),
        ("merge_group", merge_group(base_ref="develop")),
        ("merge_group", merge_group(head_sha="HEAD")),
        ("schedule", {}),
        ("workflow_dispatch", form(action="release", environment="$(reboot)")),
        ("workflow_dispatch", form(action="release", environment="prod", commit="main")),
        ("workflow_dispatch", form(action="rollback")),
        ("workflow_dispatch", form(action="rollback", stack="../x")),
        ("workflow_dispatch", form(action="rollback", stack="acme-prod-x", release="-1")),
        ("delete", {"ref": "x", "ref_type": "repository", "repository": REPOSITORY}),
    ],
)
def test_a_payload_that_is_not_github_s_is_refused(name: str, payload: object) -> None:
    with pytest.raises(RefusedInputError, check=because("event.malformed")):
        read_events(name, payload)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["action", "ref", "repository", "inputs", "pull_request", "sha", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(
        [
            "pull_request",
            "push",
            "delete",
            "merge_group",
            "schedule",
            "workflow_dispatch",
            "release",
        ]
    ),
    _JSON,
)
def test_whatever_json_comes_it_is_an_event_nothing_or_refused(name: str, payload: Any) -> None:
    with suppress(RefusedInputError):
        assert read_events(name, payload, JOB) is not None
