from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.organization.access import Access, deployer, orchestrator
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Environment

PREPROD = Environment(
    name="preprod",
    branch="develop",
    region="eu-central-1",
    infrastructure_account="111111111111",
    runtime_account="222222222222",
    external_id="acme-preprod",
)
NAMES = Names("acme", PREPROD)
RUN = "5b3d7f62-4c1a-4c0e-9d0f-0c6f2c3a1b2d"


def test_the_orchestrator_is_a_role_of_the_infrastructure_account() -> None:
    access = orchestrator(NAMES, RUN)
    assert access.role_arn == "arn:aws:iam::111111111111:role/acme-preprod-orchestrator"
    assert access.account == "111111111111"
    assert access.region == "eu-central-1"


def test_the_orchestrator_is_assumed_with_what_the_process_has_and_without_external_id() -> None:
    access = orchestrator(NAMES, RUN)
    assert (access.via, access.external_id) == (None, "")


def test_the_deployer_is_a_role_of_the_runtime_account_assumed_from_the_orchestrator() -> None:
    access = deployer(NAMES, RUN)
    assert access.role_arn == "arn:aws:iam::222222222222:role/acme-preprod-deployer"
    assert access.account == "222222222222"
    assert access.via == orchestrator(NAMES, RUN)


def test_the_deployer_is_assumed_with_the_external_id_of_its_environment() -> None:
    assert deployer(NAMES, RUN).external_id == "acme-preprod"


@pytest.mark.parametrize("make", [orchestrator, deployer])
def test_every_call_leads_back_to_the_flow_run(make: Callable[[Names, str], Access]) -> None:
    assert make(NAMES, RUN).source_identity == RUN


# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
@given(st.text())
def test_any_run_id_makes_a_legal_source_identity(run: str) -> None:
    for access in (orchestrator(NAMES, run), deployer(NAMES, run)):
        assert re.fullmatch(r"[\w+=,.@-]{2,64}", access.source_identity, re.ASCII)


def test_an_access_can_be_a_key_and_cannot_be_changed() -> None:
    access = deployer(NAMES, RUN)
    assert {access: 1}[deployer(NAMES, RUN)] == 1
    with pytest.raises(FrozenInstanceError):
        access.region = "us-east-1"  # type: ignore[misc]


def test_two_runs_have_different_accesses() -> None:
    assert deployer(NAMES, RUN) != deployer(NAMES, "another-run")
