"""What is read of payloads that GitHub itself has sent: none of them was made for us."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.github.description import load_examples
from tests.support.npm_files import UnavailableError
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.triggers.rules import action_for
from tiercel.domain.triggers.triggered_runs import WantedRun, wanted_run
from tiercel.domain.triggers.webhooks import JobContext, read_events

_TEXT = (Path(__file__).parents[2] / "tiercel.toml").read_text()
# The repositories of the examples, their branches and a label that some of them have.
TOPOLOGY = parse_topology(
    _TEXT.replace('["acme/*"]', '["acme/*", "Codertocat/*", "octo-org/*"]')
    .replace('branch = "main"', 'branch = "master"')
    .replace('branch = "develop"', 'branch = "main"')
    .replace('"tiercel:preview"', '"bug"')
)
EXPECTED = {
    ("merge_group", "checks_requested", "verify-merge-group/verify-merge-group-preprod"): 2,
    ("pull_request", "closed", "ephemeral-down/ephemeral-down-preprod"): 2,
    ("pull_request", "labeled", "ephemeral-up/ephemeral-up-preprod"): 2,
    ("pull_request", "opened", "verify-pull-request/verify-pull-request-preprod"): 1,
    (
        "pull_request",
        "opened",
        "verify-pull-request/verify-pull-request-preprod",
        "ephemeral-up/ephemeral-up-preprod",
    ): 3,
    (
        "pull_request",
        "ready_for_review",
        "verify-pull-request/verify-pull-request-preprod",
        "ephemeral-up/ephemeral-up-preprod",
    ): 3,
    (
        "pull_request",
        "reopened",
        "verify-pull-request/verify-pull-request-preprod",
        "ephemeral-up/ephemeral-up-preprod",
    ): 2,
    (
        "pull_request",
        "synchronize",
        "verify-pull-request/verify-pull-request-preprod",
        "ephemeral-up/ephemeral-up-preprod",
    ): 1,
    ("pull_request", "unlabeled", "ephemeral-up/ephemeral-up-preprod"): 2,
    ("push", "", "promote-to-prod/promote-to-prod"): 2,
    ("workflow_dispatch", "", "event.malformed"): 2,
}
"""How many examples have these runs, by event and action; of every other one nothing follows."""


@pytest.fixture(scope="module")
def payloads() -> list[tuple[str, dict[str, Any]]]:
    try:
        return load_examples()
    except UnavailableError as reason:
        pytest.skip(f"GitHub's examples of its webhooks: {reason}")


def outcome(name: str, payload: dict[str, Any]) -> tuple[str, ...]:
    """The deployments of the runs that follow; empty where a reason is given, or a form's code."""
    try:
        read = read_events(name, payload, JobContext("1" * 40, "preprod", "follow"))
    except RefusedInputError as error:
        return (error.code,)
    if not isinstance(read, list):
        assert read.reason
        return ()
    found = [wanted_run(action_for(event, TOPOLOGY), TOPOLOGY) for event in read]
    assert all(one.reason for one in found if not isinstance(one, WantedRun))
    return tuple(one.deployment for one in found if isinstance(one, WantedRun))


def test_every_payload_that_github_has_sent_has_its_run_or_a_reason(
    payloads: list[tuple[str, dict[str, Any]]],
) -> None:
    assert len(payloads) == 329
    counted = Counter((name, one.get("action", ""), *outcome(name, one)) for name, one in payloads)
    assert {told: count for told, count in counted.items() if told[2:]} == EXPECTED
