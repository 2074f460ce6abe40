"""Which run follows from an event, and when it is the one that is there already."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.codes import because
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.gitflow.events import (
    Action,
    BranchMoved,
    Nothing,
    PullRequestChanged,
    PullRequestClosed,
    ReleaseAsked,
    RollbackAsked,
    action_for,
)
from tiercel.domain.gitflow.triggered_runs import (
    ASKED_AGAIN,
    FOLLOWED,
    AttemptStatus,
    WantedRun,
    begun_anew,
    wanted_run,
)
from tiercel.domain.organization.configuration import parse_topology

OLD, NEW, NEWER = "1" * 40, "2" * 40, "3" * 40
TOPOLOGY = parse_topology((Path(__file__).parents[3] / "tiercel.toml").read_text())
CHANGED = PullRequestChanged("acme/shop", 7, "feature/login", "develop", NEW, OLD)
LIVE, SUCCEEDED, FAILED = AttemptStatus.LIVE, AttemptStatus.SUCCEEDED, AttemptStatus.FAILED


def wanted(event: PullRequestChanged | BranchMoved) -> WantedRun:
    run = wanted_run(action_for(event, TOPOLOGY), TOPOLOGY)
    assert isinstance(run, WantedRun)
    return run


@pytest.mark.parametrize(
    ("event", "deployment", "parameters", "then"),
    [
        (CHANGED, "verify-pull-request/preprod", {"number": 7, "commit": NEW}, ""),
        (
            replace(CHANGED, base="main"),
            "verify-pull-request/preprod",
            {"number": 7, "commit": NEW},
            "",
        ),
        (
            BranchMoved("acme/shop", "develop", OLD, NEW),
            "publish-artifact/preprod",
            {"commit": NEW},
            "deploy-to-preprod/preprod",
        ),
        (
            BranchMoved("acme/shop", "hotfix/0.1.1", OLD, NEW),
            "verify-candidate/preprod",
            {"commit": NEW},
            "",
        ),
        (
            BranchMoved("acme/shop", "main", OLD, NEW),
            "promote-to-prod/prod",
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
    assert (run.deployment, run.environment) == ("roll-back/prod", "prod")
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


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (RollbackAsked("acme/shop", "other-prod-orders", 0), "parameter.foreign_stack"),
        (ReleaseAsked("acme/shop", "staging", NEW), "configuration.no_environment"),
    ],
)
def test_what_a_person_names_and_nobody_knows_is_refused(
    event: ReleaseAsked | RollbackAsked, code: str
) -> None:
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
    ],
)
def test_a_run_is_begun_anew_only_after_a_failure_and_only_so_often(
    attempts: list[AttemptStatus], tries: int, anew: bool
) -> None:
    assert begun_anew(attempts, tries) is anew
