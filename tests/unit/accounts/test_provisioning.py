from __future__ import annotations

import json

import pytest

from tests.support.topology import topology_of
from tiercel.domain.accounts.provisioning import (
    github_subjects,
    policy_values,
    separated,
    terraform_variables,
)
from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.organization.stack_rules import STACK_SERVICES

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


STRICT = topology_of(
    more='[environments.preprod.stacks]\nnames = "prefix"\nservices = ["sqs", "kms"]\n'
    'protect = ["Owner", "config:*"]\n'
)


def test_what_stacks_may_goes_into_the_policies() -> None:
    strict, free = (policy_values(STRICT, name) for name in ("preprod", "prod"))
    assert (strict["named"], free["named"]) == ("acme-preprod-", "")
    assert separated(strict["services"]) == ("sqs", "kms")
    assert separated(free["services"]) == STACK_SERVICES
    assert separated(strict["protected"]) == (
        "arn:*:iam::*:policy/acme-preprod-boundary",
        "arn:*:iam::*:role/Owner",
    )
    assert strict["protected_actions"] == "config:*"


def test_no_list_of_a_policy_is_empty_where_nothing_is_protected() -> None:
    bare = topology_of(more="[environments.preprod.stacks]\nprotect = []\n")
    values = policy_values(bare, "preprod")
    assert values["protected"] == "arn:*:iam::*:policy/acme-preprod-boundary"
    assert values["protected_actions"]


def test_only_outside_of_production_there_is_a_role_that_deletes_stacks() -> None:
    preprod, prod = (terraform_variables(TOPOLOGY, name) for name in ("preprod", "prod"))
    assert set(preprod["runtime_roles"]) - set(prod["runtime_roles"]) == {"destroyer"}
    entered = [
        [arn.rpartition("-")[2] for arn in separated(one["policy_values"]["runtime_role_arns"])]
        for one in (preprod, prod)
    ]
    assert entered == [["deployer", "auditor", "destroyer"], ["deployer", "auditor"]]
