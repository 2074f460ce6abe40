"""Which run follows from an event, and when it is the one that is there already."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.codes import because
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.ephemeral.environments import OriginKind
from tiercel.domain.ephemeral.origins import Origin
from tiercel.domain.organization.on_demand import name_for_pull_request
from tiercel.domain.triggers.actions import Action, Nothing
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
from tiercel.domain.triggers.rules import action_for
from tiercel.domain.triggers.triggered_runs import (
    ASKED_AGAIN,
    FOLLOWED,
    AttemptStatus,
    WantedRun,
    begun_anew,
    wanted_run,
)

OLD, NEW, NEWER = "1" * 40, "2" * 40, "3" * 40
TOPOLOGY = parse_topology((Path(__file__).parents[3] / "tiercel.toml").read_text())
CHANGED = PullRequestChanged("acme/shop", 7, "feature/login", "develop", NEW, OLD)
LIVE, SUCCEEDED, FAILED = AttemptStatus.LIVE, AttemptStatus.SUCCEEDED, AttemptStatus.FAILED
WAITING, REJECTED = AttemptStatus.WAITING, AttemptStatus.REJECTED
OUTDATED, CANCELLED = AttemptStatus.OUTDATED, AttemptStatus.CANCELLED


def wanted(event: PullRequestChanged | BranchMoved) -> WantedRun:
    run = wanted_run(action_for(event, TOPOLOGY), TOPOLOGY)
    assert isinstance(run, WantedRun)
    return run


@pytest.mark.parametrize(
    ("event", "deployment", "parameters", "then"),
    [
        (
            CHANGED,
            "verify-pull-request/verify-pull-request-preprod",
            {"number": 7, "commit": NEW},
            "",
        ),
        (
            replace(CHANGED, base="main"),
            "verify-pull-request/verify-pull-request-preprod",
            {"number": 7, "commit": NEW},
            "",
        ),
        (
            BranchMoved("acme/shop", "develop", OLD, NEW),
            "publish-artifact/publish-artifact-preprod",
            {"commit": NEW},
            "deploy-to-preprod/deploy-to-preprod",
        ),
        (
            BranchMoved("acme/shop", "hotfix/0.1.1", OLD, NEW),
            "verify-candidate/verify-candidate-preprod",
            {"commit": NEW},
            "",
        ),
        (
            BranchMoved("acme/shop", "main", OLD, NEW),
            "promote-to-prod/promote-to-prod",
            {"commit": NEW},
            "",
        ),
    ],
)
def test_each_event_has_its_deployment(
    event: PullRequestChanged | BranchMoved,
    deployment: str,
    parameters: dict[str, str | int],
    then: str,
) -> None:
    run = wanted(event)
    assert (run.deployment, run.then) == (deployment, then)
    assert run.parameters == {"repository": "acme/shop", **parameters}


def test_a_rollback_goes_to_the_environment_of_its_stack() -> None:
    asked = RollbackAsked("acme/shop", "acme-prod-orders", 17)
    run = wanted_run(action_for(asked, TOPOLOGY), TOPOLOGY, "wish 1")
    assert isinstance(run, WantedRun)
    assert (run.deployment, run.environment) == ("roll-back/roll-back-prod", "prod")
    assert run.parameters == {"environment": "prod", "stack": "acme-prod-orders", "release": 17}


def test_each_wish_of_a_person_has_a_run_of_its_own() -> None:
    asked = action_for(ReleaseAsked("acme/shop", "prod", NEW), TOPOLOGY)
    keys = {_key(asked, wish) for wish in ("", "wish 1", "wish 2")}
    assert len(keys) == 3
    pushed = action_for(BranchMoved("acme/shop", "main", OLD, NEW), TOPOLOGY)
    assert _key(pushed, "") == _key(asked, "")


def _key(action: Action, wish: str) -> str:
    run = wanted_run(action, TOPOLOGY, wish)
    assert isinstance(run, WantedRun)
    return run.key(0)


def gone(kind: OriginKind, branch: str) -> dict[str, str | int]:
    return {"name": Origin(kind, branch).name("acme/shop"), "if_there": True}


LABELED = PullRequestLabels("acme/shop", 7, NEW, frozenset({"bug", "Tiercel:Preview"}))
UP = (
    "ephemeral-up/ephemeral-up-preprod",
    {"repository": "acme/shop", "pull_request": 7, "asked_by_label": True},
)
DOWN = (
    "ephemeral-down/ephemeral-down-preprod",
    {"name": name_for_pull_request("acme/shop", 7), "if_there": True},
)
PREVIEW = "tiercel:preview"


@pytest.mark.parametrize(
    ("event", "run"),
    [
        (LABELED, UP),
        (replace(LABELED, removed="bug"), UP),
        (replace(LABELED, labels=frozenset()), None),
        (replace(LABELED, from_fork=True), None),
        (replace(LABELED, labels=frozenset(), removed=PREVIEW), DOWN),
        (replace(LABELED, labels=frozenset(), removed="bug"), None),
        (replace(LABELED, is_open=False), DOWN),
        (replace(LABELED, is_open=False, labels=frozenset()), None),
        (replace(LABELED, is_open=False, from_fork=True), None),
        (
            MergeGroupAsked("acme/shop", "gh-readonly-queue/main/pr-7-x", "main", NEW),
            (
                "verify-merge-group/verify-merge-group-preprod",
                {
                    "repository": "acme/shop",
                    "branch": "gh-readonly-queue/main/pr-7-x",
                    "commit": NEW,
                },
            ),
        ),
        (MergeGroupAsked("acme/shop", "gh-readonly-queue/x/pr-7-x", "x", NEW), None),
        (BranchDeleted("acme/shop", "main"), None),
        (
            BranchDeleted("acme/shop", "feature/x"),
            (
                "ephemeral-down/ephemeral-down-preprod",
                {
                    "name": Origin(OriginKind.BRANCH, "feature/x").name("acme/shop"),
                    "if_there": True,
                },
            ),
        ),
        (
            BranchDeleted("acme/shop", "hotfix/1.0.1"),
            (
                "ephemeral-down/ephemeral-down-preprod",
                {
                    "name": Origin(OriginKind.CANDIDATE, "hotfix/1.0.1").name("acme/shop"),
                    "if_there": True,
                },
            ),
        ),
        (
            CandidateAsked("acme/shop", "hotfix/1.0.1"),
            (
                "verify-candidate/verify-candidate-preprod",
                {"repository": "acme/shop", "commit": "hotfix/1.0.1"},
            ),
        ),
        (
            RebuildAsked("acme/shop", "preprod"),
            (
                "rebuild-from-scratch/rebuild-from-scratch-preprod",
                {"environment": "preprod", "plan_only": True},
            ),
        ),
        (
            RebuildAsked("acme/shop", "preprod", "a" * 64, "pre"),
            (
                "rebuild-from-scratch/rebuild-from-scratch-preprod",
                {"environment": "preprod", "approve": "a" * 64, "account": "pre"},
            ),
        ),
        (
            EnvironmentAsked("ACME/shop", "develop", hours=5),
            (
                "ephemeral-up/ephemeral-up-preprod",
                {
                    "repository": "acme/shop",
                    "commit": "develop",
                    "hours": 5,
                    "asked_by_workflow_run": 17,
                },
            ),
        ),
        (EndAsked("acme/shop", "tea"), ("ephemeral-down/ephemeral-down-preprod", {"name": "tea"})),
        (
            Scheduled("acme/shop", "prod", ScheduledWork.FOLLOW),
            ("follow-github/follow-github-prod", {"environment": "prod"}),
        ),
        (
            Scheduled("acme/shop", "preprod", ScheduledWork.DRILL),
            ("rebuild-from-scratch/rebuild-from-scratch-preprod", {"environment": "preprod"}),
        ),
        (PullRequestLabels("mallory/shop", 7, NEW, frozenset({PREVIEW})), None),
    ],
)
def test_what_is_asked_for_has_its_run(
    event: Event, run: tuple[str, dict[str, str | int]] | None
) -> None:
    found = wanted_run(action_for(event, TOPOLOGY), TOPOLOGY, "17")
    if run is None:
        assert isinstance(found, Nothing)
        assert found.reason
    else:
        assert isinstance(found, WantedRun)
        assert (found.deployment, found.parameters) == run
        assert found.about


def test_without_environments_on_demand_no_label_and_no_deletion_makes_one() -> None:
    topology = TOPOLOGY.model_copy(update={"ephemeral": None})
    for event in (LABELED, BranchDeleted("acme/shop", "feature/x")):
        assert isinstance(action_for(event, topology), Nothing)


def test_a_label_that_is_set_and_taken_away_are_about_the_same_and_undo_each_other() -> None:
    up = wanted_run(action_for(LABELED, TOPOLOGY), TOPOLOGY)
    down = wanted_run(action_for(replace(LABELED, is_open=False), TOPOLOGY), TOPOLOGY)
    assert isinstance(up, WantedRun)
    assert isinstance(down, WantedRun)
    assert (up.undoing_key(3), down.undoing_key(3)) == (down.key(3), up.key(3))
    assert up.key(0) != down.key(0)


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (RollbackAsked("acme/shop", "other-prod-orders", 0), "parameter.foreign_stack"),
        (ReleaseAsked("acme/shop", "staging", NEW), "configuration.no_environment"),
        (ReleaseAsked("acme/shop", "preprod", NEW, promotes=True), "event.no_promotion"),
        (RebuildAsked("acme/shop", "staging"), "configuration.no_environment"),
        (Scheduled("acme/shop", "staging", ScheduledWork.DRILL), "configuration.no_environment"),
    ],
)
def test_what_a_person_names_and_nobody_knows_is_refused(event: Event, code: str) -> None:
    with pytest.raises(TiercelError, check=because(code)):
        action_for(event, TOPOLOGY)


def test_an_event_without_an_action_wants_no_run() -> None:
    closed = PullRequestClosed("acme/shop", 7, "develop", merged=True)
    assert isinstance(wanted_run(action_for(closed, TOPOLOGY), TOPOLOGY), Nothing)


@pytest.mark.parametrize(
    "other",
    [
        replace(CHANGED, head_commit=NEWER),
        replace(CHANGED, base_commit=NEWER),
        replace(CHANGED, base="main"),  # retargeted, while both are one commit
        replace(CHANGED, number=8),
        replace(CHANGED, repository="acme/other"),
    ],
)
def test_what_a_pull_request_would_bring_has_a_key_of_its_own(other: PullRequestChanged) -> None:
    assert wanted(CHANGED).key(0) != wanted(other).key(0)


def test_the_same_event_twice_has_one_key_and_each_attempt_its_own() -> None:
    run = wanted(CHANGED)
    assert run.key(0) == wanted(replace(CHANGED, head="other-name")).key(0)
    assert run.key(0) != run.key(1)


def test_an_event_that_had_its_run_keeps_its_key_when_the_deployment_is_called_otherwise() -> None:
    run = wanted_run(action_for(LABELED, TOPOLOGY), TOPOLOGY)
    assert isinstance(run, WantedRun)
    before = replace(run, deployment="ephemeral-up/preprod", undone_by="ephemeral-down/preprod")
    assert (run.key(0), run.undoing_key(1)) == (before.key(0), before.undoing_key(1))
    assert run.key(0) != replace(run, environment="prod").key(0)


@pytest.mark.parametrize(
    ("attempts", "tries", "anew"),
    [
        ([], 1, True),
        ([], ASKED_AGAIN, True),
        ([LIVE], 1, False),
        ([LIVE], ASKED_AGAIN, False),
        ([SUCCEEDED], 1, False),
        ([SUCCEEDED], ASKED_AGAIN, False),
        ([FAILED], 1, False),
        ([FAILED], FOLLOWED, True),
        ([FAILED], ASKED_AGAIN, True),
        ([FAILED, LIVE], ASKED_AGAIN, False),
        ([FAILED, FAILED], FOLLOWED, False),
        ([FAILED, SUCCEEDED], FOLLOWED, False),
        ([FAILED, FAILED], ASKED_AGAIN, True),
        ([WAITING], ASKED_AGAIN, False),
        ([WAITING, FAILED], FOLLOWED, True),
        ([WAITING, FAILED, FAILED], FOLLOWED, False),
        ([REJECTED], 1, False),
        ([REJECTED], FOLLOWED, False),
        ([REJECTED], ASKED_AGAIN, True),
        ([REJECTED, LIVE], ASKED_AGAIN, False),
        ([REJECTED, SUCCEEDED], ASKED_AGAIN, False),
        ([REJECTED, REJECTED], ASKED_AGAIN, True),
        ([REJECTED, FAILED], FOLLOWED, True),
        ([REJECTED, FAILED, FAILED], FOLLOWED, False),
        ([OUTDATED], 1, True),
        ([OUTDATED], FOLLOWED, True),
        ([OUTDATED] * 3, 1, False),
        ([OUTDATED] * 3, FOLLOWED, True),
        ([OUTDATED, LIVE], ASKED_AGAIN, False),
        ([OUTDATED, SUCCEEDED], ASKED_AGAIN, False),
        ([OUTDATED, FAILED], FOLLOWED, True),
        ([OUTDATED, FAILED, FAILED], FOLLOWED, False),
        ([CANCELLED], 1, False),
        ([CANCELLED], FOLLOWED, False),
        ([CANCELLED], ASKED_AGAIN, True),
        ([FAILED, CANCELLED], FOLLOWED, False),
        ([CANCELLED, LIVE], ASKED_AGAIN, False),
        ([CANCELLED, FAILED], FOLLOWED, True),
        ([CANCELLED, FAILED, FAILED], FOLLOWED, False),
    ],
)
def test_a_run_is_begun_anew_only_after_a_failure_and_only_so_often(
    attempts: list[AttemptStatus], tries: int, anew: bool
) -> None:
    assert begun_anew(attempts, tries) is anew
    assert begun_anew(attempts, tries, undone=True)


@pytest.mark.parametrize(
    ("attempts", "anew"),
    [([], True), ([WAITING], True), ([FAILED, WAITING], True), ([WAITING, LIVE], False),
     ([WAITING, SUCCEEDED], False), ([WAITING, FAILED, FAILED], False),
     ([WAITING, CANCELLED], False)],
)  # fmt: skip
def test_a_run_that_waited_gives_way_to_another_once_what_it_waited_for_has_come(
    attempts: list[AttemptStatus], anew: bool
) -> None:
    assert begun_anew(attempts, FOLLOWED, goes_on=True) is anew


@pytest.mark.parametrize(
    ("attempts", "anew"),
    [([], True), ([REJECTED], True), ([SUCCEEDED], False), ([REJECTED, LIVE], False),
     ([FAILED], False), ([CANCELLED], False), ([WAITING], False)],
)  # fmt: skip
def test_an_event_that_asks_for_another_look_has_one_after_a_bad_verdict_alone(
    attempts: list[AttemptStatus], anew: bool
) -> None:
    assert begun_anew(attempts, looks_again=True) is anew


@pytest.mark.parametrize(
    ("attempts", "tries", "anew"),
    [
        ([SUCCEEDED], 1, False),
        ([SUCCEEDED], FOLLOWED, False),
        ([SUCCEEDED], ASKED_AGAIN, True),
        ([FAILED, SUCCEEDED], ASKED_AGAIN, True),
        ([SUCCEEDED, LIVE], ASKED_AGAIN, False),
        ([SUCCEEDED, WAITING], ASKED_AGAIN, False),
        ([SUCCEEDED, FAILED], FOLLOWED, False),
        ([SUCCEEDED, CANCELLED], FOLLOWED, False),
    ],
)
def test_what_a_person_may_repeat_is_begun_anew_after_a_success_only_for_him(
    attempts: list[AttemptStatus], tries: int, anew: bool
) -> None:
    assert begun_anew(attempts, tries, repeats=True) is anew


@pytest.mark.parametrize(
    ("event", "repeats"),
    [
        (BranchMoved("acme/shop", "develop", OLD, NEW), True),
        (BranchMoved("acme/shop", "main", OLD, NEW), True),
        (ReleaseAsked("acme/shop", "prod", NEW, promotes=True), True),
        (BranchMoved("acme/shop", "hotfix/0.1.1", OLD, NEW), False),
        (RollbackAsked("acme/shop", "acme-preprod-orders", 0), False),
        (RebuildAsked("acme/shop", "preprod"), False),
        (CHANGED, False),
        (LABELED, False),
    ],
)
def test_only_what_makes_a_commit_live_may_be_repeated_after_a_success(
    event: Event, repeats: bool
) -> None:
    run = wanted_run(action_for(event, TOPOLOGY), TOPOLOGY)
    assert isinstance(run, WantedRun)
    assert run.repeats is repeats


def test_a_pull_request_that_is_reopened_is_looked_at_again_as_the_same_subject() -> None:
    again = wanted(replace(CHANGED, reopened=True))
    assert (wanted(CHANGED).looks_again, again.looks_again) == (False, True)
    assert wanted(CHANGED).key(1) == again.key(1)
