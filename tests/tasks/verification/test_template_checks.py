from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.topology import topology_of
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.services import Service
from tiercel.tasks.packaging.workshop import Workshop
from tiercel.tasks.verification.template_checks import template_refusals

SHOP = Service(name="shop", path="shop", depends_on=("storage",), parameters={"Level": "info"})
TOPOLOGY = topology_of(more='[environments.prod.stacks]\nnames = "prefix"\n')
TEMPLATE = """\
Parameters:
  Level: {Type: String}
  Email: {Type: String}
  Token: {Type: String, NoEcho: true}
  TableName: {Type: String}
Resources:
  Orders:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: Orders
  Inner:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: inner.yaml}
  Api:
    Type: AWS::Serverless::GraphQLApi
    Properties: {Logging: false, DataSources: {Lambda: {Made: {FunctionArn: arn}}}}
"""
INNER = """\
Parameters:
Resources:
  Data:
    Type: AWS::RDS::DBInstance
"""
STORAGE: dict[str, Any] = {"Outputs": {"TableName": {"Value": "x"}}}


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    shop = Workshop(SHOP, tmp_path / "root", tmp_path / "scratch", tmp_path / "objects")
    (shop.source / "shop").mkdir(parents=True)
    write(shop, TEMPLATE)
    (shop.source / "shop/inner.yaml").write_text(INNER)
    return shop


def write(shop: Workshop, text: str) -> None:
    (shop.source / "shop/template.yaml").write_text(text)


def by_code(refusals: list[TiercelError]) -> dict[str, TiercelError]:
    return {one.code: one for one in refusals}


def test_everything_is_said_at_once_in_the_lines_of_the_files(shop: Workshop) -> None:
    found = by_code(template_refusals(shop, TOPOLOGY, [STORAGE]))
    assert set(found) == {
        "template.name_without_prefix",
        "template.service_not_listed",
        "template.role_without_boundary",
        "parameters.missing",
    }
    names = found["template.name_without_prefix"].why
    assert names.startswith("shop/template.yaml:10: Resources.Orders.Properties.TableName: Orders")
    assert names.endswith("(in prod)")
    assert found["template.service_not_listed"].why.startswith("shop/inner.yaml:3: Resources.Data")
    assert found["template.role_without_boundary"].why.startswith("shop/template.yaml:14: ")


def test_the_table_of_missing_values_can_be_pasted(shop: Workshop) -> None:
    missing = by_code(template_refusals(shop, TOPOLOGY, [STORAGE]))["parameters.missing"]
    assert missing.remedy.splitlines()[1:] == [
        "[services.shop.parameters]",
        'Email = "..."',
        'Token = "{{resolve:ssm-secure:...}}"',
    ]


def test_what_only_one_environment_lacks_goes_into_its_own_table(shop: Workshop) -> None:
    own = {
        "environments": {
            "preprod": {"parameters": {"Email": "a", "Token": "{{resolve:ssm-secure:x}}"}}
        }
    }
    shop.service = Service.model_validate(SHOP.model_dump() | own)
    missing = by_code(template_refusals(shop, TOPOLOGY, [STORAGE]))["parameters.missing"]
    assert "[services.shop.environments.prod.parameters]" in missing.remedy
    assert "preprod" not in missing.where


@pytest.mark.parametrize("other", [None, {"Outputs": {"Fn::ForEach::X": []}}])
def test_where_outputs_are_not_known_no_parameter_counts_as_missing(
    shop: Workshop, other: dict[str, Any] | None
) -> None:
    assert "parameters.missing" not in by_code(template_refusals(shop, TOPOLOGY, [other]))


def test_a_template_that_a_build_makes_is_judged_when_it_is_deployed(shop: Workshop) -> None:
    (shop.source / "shop/template.yaml").unlink()
    assert template_refusals(shop, TOPOLOGY, []) == []


def test_json_has_lines_too(shop: Workshop) -> None:
    table = {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "Orders"}}
    write(shop, json.dumps({"Resources": {"Orders": table}}, indent=1))
    unknown, refusal = sorted(
        template_refusals(shop, TOPOLOGY, [STORAGE]), key=lambda one: one.code
    )
    assert unknown.where.endswith("(environment preprod, prod)")
    assert refusal.why.startswith("shop/template.yaml:6: ")
