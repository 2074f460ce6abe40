"""The proof with the recorded calls of a demo and a part of what `make prove` asks for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.oracle import proof
from tests.oracle.cast import Row, requests_of, rows_of
from tests.oracle.differential import simulations
from tests.oracle.journal import calls_in, read_calls
from tests.oracle.journal import requests_of as calls_asked
from tests.oracle.judges import (
    Judge,
    JudgementError,
    Verdict,
)
from tests.oracle.mutants import UNSEEN, Judged
from tests.oracle.world import documents, parts_of, simulation_of
from tiercel.sandbox.accounts.templates import policy_names
from tiercel.sandbox.aws.journal import CallKind, JournalEntry

CALLS = read_calls()
_EVERY = 12
"""One mutant in so many is tried here."""


@pytest.fixture(scope="module")
def allowed(oracle: Judge) -> list[Judged]:
    return proof.judged(oracle, proof.allowed_requests(CALLS))


@pytest.fixture(scope="module")
def refused(oracle: Judge) -> list[Judged]:
    return proof.judged(oracle, proof.denied_requests(CALLS))


def test_every_call_of_a_demo_and_every_named_case_is_allowed(allowed: list[Judged]) -> None:
    assert proof.proved(allowed).faults == []


def test_every_attack_is_denied(refused: list[Judged]) -> None:
    score = proof.denied(refused)
    assert score.faults == []
    assert score.asked >= 100


def test_what_policies_lose_is_noticed(
    oracle: Judge, allowed: list[Judged], refused: list[Judged]
) -> None:
    some = proof.every_mutant()[::_EVERY]
    assert proof.noticed(oracle, [*allowed, *refused], some).faults == []


def test_mutants_that_nobody_notices_are_few_and_exist() -> None:
    labels = {each.label for each in proof.every_mutant()}
    assert UNSEEN.keys() <= labels
    assert len(UNSEEN) <= 0.05 * len(labels)


def test_the_sandbox_decides_as_iam_simulate(oracle: Judge, sandbox_judge: Judge) -> None:
    assert proof.agreed(oracle, sandbox_judge, 1000).faults == []


def test_generated_requests_meet_every_verdict_and_operator_in_use(sandbox_judge: Judge) -> None:
    asked = list(simulations(500))
    assert set(sandbox_judge.verdicts(asked)) == set(Verdict)
    generated = {operator for each in asked for operator in operators_in(each)}
    used = {operator for policy in documents().values() for operator in operators_in(policy)}
    assert used <= generated


def operators_in(part: Any) -> set[str]:
    if isinstance(part, list):
        return set().union(*map(operators_in, part))
    if not isinstance(part, dict):
        return set()
    found = set(part["Condition"]) if "Condition" in part else set()
    return found.union(*map(operators_in, part.values()))


def test_every_policy_decides_about_a_case() -> None:
    concerned = {
        name for each in proof.allowed_requests(CALLS) for _, name in parts_of(each).documents()
    }
    assert set(policy_names()) <= concerned


def test_a_journal_comes_down_to_calls_that_are_the_same_in_every_demo() -> None:
    bucket = "arn:aws:s3:::acme-prod-artifacts-333333333333-eu-central-1"
    session = "arn:aws:sts::333333333333:assumed-role/acme-prod-orchestrator"
    demos = [
        [
            entry(f"{session}/one", "s3:GetObject", f"{bucket}/packages/{'a1' * 32}.zip"),
            entry(f"{session}/two", "s3:GetObject", f"{bucket}/packages/{'b2' * 32}.zip"),
            entry("", "execute-api:Invoke", "arn", CallKind.DATA_PLANE),
        ],
        [entry(f"{session}/three", "s3:GetObject", f"{bucket}/packages/{'c3' * 32}.zip")],
    ]
    first, second = (calls_in(each) for each in demos)
    assert (
        first
        == second
        == [(f"{session}/run", "s3:GetObject", "GetObject", f"{bucket}/packages/digest.zip")]
    )
    assert [each.action for each in calls_asked(first[0])] == ["s3:GetObject", "kms:Decrypt"]
    offered = f"{bucket}/approvals/offered/{'d4' * 32}"
    words = [
        entry(f"{session}/one", "s3:GetObject", f"{offered}/{time}-{'e5' * 32}.json")
        for time in ("20261201T085316Z", "20261202T091500Z")
    ]
    assert len(calls_in(words)) == 1


def entry(
    principal: str, action: str, resource: str, kind: CallKind = CallKind.API
) -> JournalEntry:
    return JournalEntry(
        time=datetime(2026, 1, 1, tzinfo=UTC),
        duration_ms=1.0,
        kind=kind,
        account="333333333333",
        principal=principal,
        access_key="",
        service="s3",
        action=action,
        operation=action.partition(":")[2],
        resource=resource,
        region="eu-central-1",
        status=200,
        error_code=None,
        request_id="",
    )


def test_no_allow_holds_because_a_key_is_missing() -> None:
    for policy in documents().values():
        for statement in policy["Statement"]:
            operators = operators_in(statement) if statement["Effect"] == "Allow" else set()
            assert not [one for one in operators if "ForAll" in one or "IfExists" in one]
            assert not [one for one in operators if "Not" in one or one == "Null"]


def test_an_allowed_attack_a_missing_permission_and_a_blind_spot_are_found(oracle: Judge) -> None:
    key = Row("deployer", "", "kms:Decrypt", "${artifact_key_arn}")
    through_s3 = replace(key, context={"kms:ViaService": "s3.${region}.amazonaws.com"})
    refused, granted = (proof.judged(oracle, requests_of([row])) for row in (key, through_s3))
    assert len(proof.proved(refused).faults) == len(proof.denied(granted).faults) == 2
    mutants = proof.every_mutant()
    assert proof.noticed(oracle, refused, mutants[:3]).held == 0
    assert "no verdict needs" in proof.noticed(oracle, refused, mutants[:3]).faults[0]


def test_an_unknown_key_action_or_resource_is_no_verdict(oracle: Judge) -> None:
    for row in (
        Row("deployer", "", "s3:GetObject", "arn:aws:s3:::b/x", {"acme:Key": "x"}),
        Row("deployer", "", "s3:Teleport", "arn:aws:s3:::b/x"),
        Row("deployer", "", "s3:GetObject", "arn:aws:sqs:eu-central-1:111111111111:q"),
        Row("deployer", "", "s3:GetObject", "arn:aws:s3:::b/*"),
    ):
        with pytest.raises(JudgementError):
            proof.judged(oracle, requests_of([row]))


def test_a_difference_between_the_judges_is_found(oracle: Judge) -> None:
    class Contrary(Judge):
        def verdicts(self, simulations: Any) -> list[Verdict]:
            return [Verdict.ALLOWED for _ in simulations]

    assert 0 < len(proof.agreed(oracle, Contrary(oracle.process), 50).faults) < 50


IN_THE_SANDBOX = {
    "auditor",
    "cloudformation",
    "deployer",
    "destroyer",
    "orchestrator",
    "stack:shop",
}


@pytest.mark.parametrize("table", ["cases", "attacks"])
def test_the_judges_agree_about_what_is_named(
    table: str, oracle: Judge, sandbox_judge: Judge
) -> None:
    """The sandbox knows whose a bucket is, so it cannot be told that it is another's."""
    policies = documents()
    named = [
        each
        for each in requests_of(row for row in rows_of(table) if row.who in IN_THE_SANDBOX)
        if not each.action.startswith("sts:") and "aws:ResourceAccount" not in each.context
    ]
    asked = [simulation_of(each, policies) for each in named]
    pairs = zip(named, oracle.verdicts(asked), sandbox_judge.verdicts(asked), strict=True)
    allowed = Verdict.ALLOWED
    assert [one for one, aws, ours in pairs if (aws is allowed) is not (ours is allowed)] == []
