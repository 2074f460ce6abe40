from __future__ import annotations

import copy
from typing import Any

import pytest
from samtranslator.translator.transform import transform

from tiercel.domain.template.boundary import BOUNDARY_PARAMETER, bounded

REF = {"Ref": BOUNDARY_PARAMETER}


def template(kind: str, properties: dict[str, Any], **sections: Any) -> dict[str, Any]:
    return {"Resources": {"Thing": {"Type": kind, "Properties": properties}}, **sections}


def boundary_of(given: dict[str, Any]) -> Any:
    return bounded(given)["Resources"]["Thing"].get("Properties", {}).get("PermissionsBoundary")


@pytest.mark.parametrize(
    "kind",
    [
        "AWS::IAM::Role",
        "AWS::IAM::User",
        "AWS::Serverless::Function",
        "AWS::Serverless::StateMachine",
    ],
)
def test_whatever_gets_permissions_gets_the_boundary(kind: str) -> None:
    given = template(kind, {})
    before = copy.deepcopy(given)

    assert boundary_of(given) == REF
    assert bounded(given)["Parameters"][BOUNDARY_PARAMETER]["Type"] == "String"
    assert given == before


def test_a_resource_without_properties_gets_the_boundary_too() -> None:
    given = {"Resources": {"Thing": {"Type": "AWS::IAM::Role"}}}
    assert boundary_of(given) == REF


@pytest.mark.parametrize(
    "given",
    [
        template("AWS::IAM::Role", {"PermissionsBoundary": "own"}),
        template("AWS::Serverless::Function", {"Role": "arn:aws:iam::222222222222:role/r"}),
        template(
            "AWS::Serverless::Function", {}, Globals={"Function": {"PermissionsBoundary": "own"}}
        ),
        template("AWS::SQS::Queue", {}),
    ],
)
def test_what_needs_no_boundary_of_ours_stays_as_it_is(given: dict[str, Any]) -> None:
    assert bounded(given) is given


def test_sam_gives_the_role_that_it_makes_the_boundary_of_the_function(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    function = {"InlineCode": "pass", "Handler": "index.handler", "Runtime": "python3.11"}
    given = template("AWS::Serverless::Function", function, Transform="AWS::Serverless-2016-10-31")

    resources = transform(bounded(given), {}, NoManagedPolicies())["Resources"]

    roles = [one for one in resources.values() if one["Type"] == "AWS::IAM::Role"]
    assert [role["Properties"]["PermissionsBoundary"] for role in roles] == [REF]


class NoManagedPolicies:
    def load(self) -> dict[str, str]:
        return {}
