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


IF = {"Fn::If": ["C", "arn:aws:iam::222222222222:role/r", {"Ref": "AWS::NoValue"}]}
NOW_AND_THEN = {"T": {"Type": "ScheduleV2", "Properties": {"ScheduleExpression": "rate(1 day)"}}}
SHIFTED: dict[str, Any] = {
    "AutoPublishAlias": "live",
    "DeploymentPreference": {"Type": "Linear10PercentEvery1Minute"},
}
ROLE = "arn:aws:iam::222222222222:role/r"


def function(**properties: Any) -> dict[str, Any]:
    own = {"InlineCode": "pass", "Handler": "index.handler", "Runtime": "python3.12"}
    return {"Type": "AWS::Serverless::Function", "Properties": own | properties}


def machine(**properties: Any) -> dict[str, Any]:
    steps = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
    return {
        "Type": "AWS::Serverless::StateMachine",
        "Properties": {"Definition": steps} | properties,
    }


def preferred(**preference: Any) -> dict[str, Any]:
    return SHIFTED | {"DeploymentPreference": {"Type": "AllAtOnce"} | preference}


def api(**properties: Any) -> dict[str, Any]:
    own = {"SchemaInline": "type Query { a: String }", "Auth": {"Type": "API_KEY"}}
    return {"Type": "AWS::Serverless::GraphQLApi", "Properties": own | properties}


EVENTS = {
    "S": {"Type": "Schedule", "Properties": {"Schedule": "rate(1 day)"}},
    "E": {"Type": "EventBridgeRule", "Properties": {"Pattern": {"source": ["x"]}}},
    "P": {"Type": "Api", "Properties": {"Path": "/", "Method": "get"}},
    **NOW_AND_THEN,
}
# What stands in the template, its Globals of functions, and how many roles come out.
SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "a function": (function(), {}, 1),
    "a role on one side of a condition": (function(Role=IF), {}, 1),
    "a boundary on one side of a condition": (function(PermissionsBoundary=IF), {}, 1),
    "such a boundary for all functions": (function(), {"PermissionsBoundary": IF}, 1),
    "a schedule": (function(Events=NOW_AND_THEN), {}, 2),
    "a schedule of a function with a role": (function(Events=NOW_AND_THEN, Role=ROLE), {}, 1),
    "a state machine": (machine(), {}, 1),
    "events of a state machine with a role": (machine(Events=EVENTS, Role=ROLE), {}, 4),
    "traffic that is shifted": (function(**SHIFTED), {}, 2),
    "traffic that is shifted for all": (function(), SHIFTED, 2),
    "traffic in both places": (function(DeploymentPreference={"Alarms": []}), SHIFTED, 2),
    "traffic by a role": (function(**preferred(Role=ROLE)), {}, 1),
    "traffic by a role on one side": (function(**preferred(Role=IF)), {}, 2),
    "traffic that is not shifted": (function(**preferred(Enabled=False)), {}, 1),
    "an API with logs": (api(), {}, 1),
    "an API that says how much it logs": (api(Logging={"FieldLogLevel": "ERROR"}), {}, 1),
    "an API that logs by a role": (api(Logging={"CloudWatchLogsRoleArn": ROLE}), {}, 0),
    "an API without logs": (api(Logging=False), {}, 0),
    "globals that are ignored": (function(**SHIFTED) | {"IgnoreGlobals": "*"}, SHIFTED, 2),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_role_that_sam_makes_has_the_boundary(
    monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    resource, shared, count = SHAPES[shape]
    given = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Conditions": {"C": {"Fn::Equals": ["a", "b"]}},
        "Resources": {"Thing": resource},
    }
    if shared:
        given["Globals"] = {"Function": shared}

    made = transform(copy.deepcopy(bounded(given)), {}, NoManagedPolicies())["Resources"]

    roles = [one["Properties"] for one in made.values() if one["Type"] == "AWS::IAM::Role"]
    assert len(roles) == count
    for role in roles:
        found = role["PermissionsBoundary"]
        assert REF in (found, *found.get("Fn::If", ())[1:])


def test_roles_in_loops_have_it_too() -> None:
    loop = ["N", ["a", "b"], {"Role${N}": {"Type": "AWS::IAM::Role", "Properties": {}}}]
    found = bounded({"Resources": {"Fn::ForEach::Roles": loop}})["Resources"]["Fn::ForEach::Roles"]
    assert found[2]["Role${N}"]["Properties"]["PermissionsBoundary"] == REF
    assert found[:2] == loop[:2]


class NoManagedPolicies:
    def load(self) -> dict[str, str]:
        return {}
