from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.topology import topology_of
from tiercel.domain.accounts.provisioning import (
    github_subjects,
    policy_values,
    separated,
    terraform_variables,
)
from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.organization.stack_rules import STACK_SERVICES
from tiercel.domain.organization.topology import BuildNetwork

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


def test_a_repository_whose_ids_are_known_is_a_subject_in_both_forms() -> None:
    ids = {"Acme": 11, "acme/shop": 12, "umbrella": 13}
    organization = TOPOLOGY.organization.model_copy(
        update={"repositories": ("acme/Shop", "acme/tea", "umbrella/*"), "github_ids": ids}
    )

    subjects = github_subjects(TOPOLOGY.model_copy(update={"organization": organization}), "prod")

    assert subjects == (
        "repo:acme/Shop:environment:prod",
        "repo:acme/tea:environment:prod",
        "repo:umbrella/*:environment:prod",
        "repo:acme@11/Shop@12:environment:prod",
        "repo:umbrella@13/*:environment:prod",
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


NETWORKED = topology_of(
    more='[environments.preprod.build_network]\nvpc = "vpc-01234567"\n'
    'subnets = ["subnet-01234567", "subnet-89abcdef"]\nsecurity_groups = ["sg-01234567"]\n'
)


def test_the_network_of_builds_is_that_of_the_environment_and_by_default_none() -> None:
    preprod, prod = (terraform_variables(NETWORKED, name) for name in ("preprod", "prod"))
    assert preprod["build_network"] == {
        "vpc": "vpc-01234567",
        "subnets": ["subnet-01234567", "subnet-89abcdef"],
        "security_groups": ["sg-01234567"],
    }
    assert prod["build_network"] == {"vpc": "", "subnets": [], "security_groups": []}
    place = "arn:aws:ec2:eu-central-1:111111111111"
    assert separated(preprod["policy_values"]["build_subnet_arns"]) == (
        f"{place}:subnet/subnet-01234567",
        f"{place}:subnet/subnet-89abcdef",
    )
    assert preprod["policy_values"]["build_security_group_arns"] == (
        f"{place}:security-group/sg-01234567"
    )


@pytest.mark.parametrize(
    "given",
    [
        {"vpc": "vpc-01234567"},
        {"subnets": ("subnet-01234567",), "security_groups": ("sg-01234567",)},
        {"vpc": "vpc-01234567", "subnets": ("subnet-01234567",)},
    ],
)
def test_a_network_is_named_whole_or_not_at_all(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="named together"):
        BuildNetwork(**given)
