from __future__ import annotations

import json

import pytest

from tests.support.topology import topology_of
from tiercel.domain.accounts.provisioning import github_subjects, policy_values, terraform_variables
from tiercel.domain.base.errors import ConfigurationError

TOPOLOGY = topology_of(
    "acme/shop", "acme/tea", more="[builds]\ntimeout_seconds = 901\n", prod_region="eu-west-1"
)


def test_prod_pulls_from_preprod_and_preprod_from_itself() -> None:
    preprod, prod = (policy_values(TOPOLOGY, name) for name in ("preprod", "prod"))
    assert prod["source_account"] == preprod["source_account"] == "111111111111"
    assert prod["puller_roots"] == preprod["puller_roots"] == "arn:aws:iam::333333333333:root"
    assert preprod["puller_role_arns"] == "arn:aws:iam::333333333333:role/acme-prod-orchestrator"
    assert prod["source_bucket"] == "acme-preprod-artifacts-111111111111-eu-central-1"


def test_every_repository_is_a_subject_of_its_environment() -> None:
    assert github_subjects(TOPOLOGY, "prod") == (
        "repo:acme/shop:environment:prod",
        "repo:acme/tea:environment:prod",
    )


def test_an_organization_without_repositories_lets_no_workflow_in() -> None:
    nobody = TOPOLOGY.organization.model_copy(update={"repositories": ()})
    topology = TOPOLOGY.model_copy(update={"organization": nobody})
    assert policy_values(topology, "prod")["github_subjects"] == "repo:-/-"


def test_terraform_gets_the_names_that_the_flows_use() -> None:
    variables = terraform_variables(TOPOLOGY, "preprod")
    assert variables["policy_values"] == policy_values(TOPOLOGY, "preprod")
    assert variables["artifact_key_alias"] == "alias/acme-preprod-artifacts"
    assert variables["signing_key_alias"] == "alias/acme-preprod-signing"
    assert variables["boundary"] == "acme-preprod-boundary"
    json.dumps(variables, allow_nan=False)


@pytest.mark.parametrize(
    ("seconds", "minutes"), [(10, 5), (300, 5), (301, 6), (901, 16), (7200, 120)]
)
def test_a_build_timeout_is_whole_minutes_and_never_shorter(seconds: int, minutes: int) -> None:
    builds = TOPOLOGY.builds.model_copy(update={"timeout_seconds": seconds})
    topology = TOPOLOGY.model_copy(update={"builds": builds})
    assert terraform_variables(topology, "prod")["build_timeout_minutes"] == minutes


def test_an_unknown_environment_is_an_error() -> None:
    with pytest.raises(ConfigurationError):
        terraform_variables(TOPOLOGY, "qa")
