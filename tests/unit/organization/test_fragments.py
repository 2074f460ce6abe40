from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.topology import topology_text
from tiercel.domain.accounts.provisioning import policy_values
from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.organization.fragments import Fragment, read_fragment
from tiercel.tasks.engine.policy_files import render

ROLES = "arn:${partition}:iam::${runtime_account}:role/${prefix}*"
POLICIES = "arn:*:iam::${runtime_account}:policy/${prefix}*"


def statement(action: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    own = {"Sid": "OwnThings", "Effect": "Allow", "Action": [action], "Resource": [resource]}
    return own | more


def read(*manage: dict[str, Any], name: str = "transfer", **groups: Any) -> Fragment:
    return read_fragment(name, json.dumps({"manage": manage} | groups), "transfer.json")


def listing(*fragments: Fragment, services: str = '["sqs", "transfer"]') -> Any:
    text = topology_text(more=f"[environments.preprod.stacks]\nservices = {services}\n")
    return parse_topology(text, "tiercel.toml", fragments)


def test_an_own_service_goes_into_the_policies_of_who_lists_it() -> None:
    own = statement("transfer:*", "arn:*:transfer:*:${runtime_account}:job-queue/${named}*")
    topology = listing(read(own), read(statement("emr:*"), name="emr"))
    values = policy_values(topology, "preprod") | {"artifact_key_arn": "arn:aws:kms:::key/1"}
    said = json.dumps(render("cloudformation-boundary", values))
    assert "arn:*:transfer:*:222222222222:job-queue/*" in said
    assert "emr:" not in said
    assert json.loads(policy_values(topology, "prod")["own_services"]) == {}


def test_a_service_without_a_file_is_unknown_and_no_file_changes_a_known_one() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        listing()
    assert "environments.preprod.stacks.services" in refusal.value.why
    assert "`transfer`" in refusal.value.why


def test_a_configuration_has_no_fragments_in_itself() -> None:
    text = topology_text(more="[environments.preprod.stacks]\nfragments = []\n")
    with pytest.raises(ConfigurationError) as refusal:
        parse_topology(text)
    assert "environments.preprod.stacks.fragments" in refusal.value.why


def passing(*services: str) -> dict[str, Any]:
    return {"StringLike": {"iam:PassedToService": list(services)}}


PASSING = passing("transfer.*")


@pytest.mark.parametrize(
    "manage",
    [
        statement("iam:PassRole", ROLES, Condition=PASSING),
        statement("iam:PassRole", ROLES, Condition=passing("cognito-i*", "es.amazonaws.com")),
        statement("iam:CreatePolicy", POLICIES),
        statement("IAM:passrole", ROLES, Condition=PASSING),
        statement("IAM:createPOLICY", POLICIES),
        statement("transfer:Delete*", Effect="Deny"),
        statement("*", Effect="Deny"),
        statement("Transfer:Describe?erver*"),
        statement("transfer:*", "arn:*:transfer:*:*:user/$${aws:username}"),
    ],
)
def test_a_fragment_may_pass_bounded_roles_and_keep_policies(manage: dict[str, Any]) -> None:
    assert json.loads(read(manage).text)["manage"] == [manage]


@pytest.mark.parametrize(
    "manage",
    [
        statement("*"),
        statement("iam:*", ROLES),
        statement("iam:CreateRole", ROLES),
        statement("iam:PassRole", ROLES),
        statement("iam:PassRole", ROLES, Condition=passing("*")),
        statement("iam:PassRole", ROLES, Condition=passing("transfer.*", "*.amazonaws.com")),
        statement("iam:PassRole", ROLES, Condition=passing("?*")),
        statement("iam:PassRole", ROLES, Condition=passing()),
        statement("iam:PassRole", "*", Condition=PASSING),
        statement("iam:CreatePolicy", "*"),
        statement("iam:PutUserPolicy", POLICIES),
        statement("sts:AssumeRole"),
        statement("cloudformation:UpdateStack"),
        statement("transfer:*", "${artifact_bucket}"),
        statement("transfer:*", "$x"),
        statement("transfer:*", Sid="no sid"),
        statement("transfer:*", NotAction=["x"]),
        statement("transfer:*", notAction=["x"]),
        statement("transfer:*", NOTRESOURCE=["x"]),
        statement("transfer:*", principal="*"),
        statement("IAM:*"),
        statement("Iam:CreateRole", ROLES),
        statement("IAM:PassRole", "*", Condition=PASSING),
        statement("IAM:CreatePolicy", "*"),
        statement("STS:AssumeRole"),
        statement("CloudFormation:*"),
        statement(" iam:*"),
        statement("iam:\n*"),
        statement("?am:*"),
        statement("i*:*"),
        statement("iam*"),
        statement("iam"),
        statement(":*"),
        statement("${prefix}:*"),
        statement("transfer:${named}*"),
        statement("\u0131am:*"),
        statement(" transfer:Delete*", Effect="Deny"),
        statement("transfer:*", "arn:*:role/*%{ if false }"),
    ],
)
def test_a_fragment_that_opens_more_than_a_service_is_refused(manage: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        read(manage)
    assert (refusal.value.code, refusal.value.where) == ("configuration.fragment", "transfer.json")


@pytest.mark.parametrize("dollar", ["$", "\\u0024"])
def test_a_placeholder_is_found_however_json_writes_it(dollar: str) -> None:
    text = json.dumps({"manage": [statement("transfer:*", "PLACE")]})
    known = read_fragment("transfer", text.replace("PLACE", dollar + "{prefix}"), "transfer.json")
    assert json.loads(known.text)["manage"][0]["Resource"] == ["${prefix}"]
    with pytest.raises(ConfigurationError) as refusal:
        read_fragment("transfer", text.replace("PLACE", dollar + "{secret}"), "transfer.json")
    assert refusal.value.code == "configuration.fragment"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"other": []}', "[" * 20_000])
def test_what_is_no_fragment_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        read_fragment("transfer", text, "transfer.json")


def test_a_fragment_has_a_name_and_what_functions_use_is_not_denied() -> None:
    for wrong in ({"name": "Transfer_"}, {"use": [statement("transfer:*", Effect="Deny")]}):
        with pytest.raises(ConfigurationError):
            read(**wrong)


def test_a_statement_of_a_known_sid_has_the_same_conditions() -> None:
    topology = listing(
        read(statement("transfer:*", Sid="ManageInTheRegion")), services='["transfer", "appsync"]'
    )
    values = policy_values(topology, "preprod") | {"artifact_key_arn": "arn:aws:kms:::key/1"}
    with pytest.raises(ConfigurationError, match="one Sid"):
        render("cloudformation-permissions", values)
