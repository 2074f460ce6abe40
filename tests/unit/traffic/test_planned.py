from __future__ import annotations

from typing import Any

import pytest

from tiercel.domain.stack.plan import Change
from tiercel.domain.traffic.planned import planned_shifts, updated_aliases
from tiercel.domain.traffic.routing import Routing, RoutingKind

SAM = {"Fn::Sub": ["CodeDeployDefault.Lambda${Name}", {"Name": "Canary10Percent5Minutes"}]}
CANARY = Routing(kind=RoutingKind.CANARY, percent=10, minutes=5)


def template(config: Any, **policy: Any) -> dict[str, Any]:
    update = {"ApplicationName": {"Ref": "App"}, "DeploymentGroupName": {"Ref": "Group"}}
    own = {
        "Type": "TimeBasedLinear",
        "TimeBasedLinear": {"LinearPercentage": 25, "LinearInterval": "2"},
    }
    group = {
        "DeploymentConfigName": config,
        "AlarmConfiguration": {"Alarms": [{"Name": "a"}, {"Name": "b"}]},
    }
    return {
        "Resources": {
            "Alias": {
                "Type": "AWS::Lambda::Alias",
                "UpdatePolicy": {"CodeDeployLambdaAliasUpdate": update | policy},
            },
            "Plain": {"Type": "AWS::Lambda::Alias"},
            "Group": {"Type": "AWS::CodeDeploy::DeploymentGroup", "Properties": group},
            "Own": {
                "Type": "AWS::CodeDeploy::DeploymentConfig",
                "Properties": {"TrafficRoutingConfig": own},
            },
        }
    }


@pytest.mark.parametrize(
    ("config", "routing"),
    [
        (SAM, CANARY),
        ("CodeDeployDefault.LambdaCanary10Percent5Minutes", CANARY),
        ({"Ref": "Own"}, Routing(kind=RoutingKind.LINEAR, percent=25, minutes=2)),
        ({"Ref": "Parameter"}, None),
        ("of-the-account", None),
        ({"Fn::ImportValue": "x"}, None),
    ],
)
def test_what_shifts_is_told_by_the_groups_configuration(
    config: Any, routing: Routing | None
) -> None:
    (planned,) = planned_shifts(template(config), {"Alias", "Plain", "Gone"})
    assert (planned.logical_id, planned.routing, planned.alarms) == ("Alias", routing, 2)


def test_a_plan_says_how_long_it_takes_at_least_and_what_watches() -> None:
    (planned,) = planned_shifts(template(SAM, BeforeAllowTrafficHook={"Ref": "H"}), {"Alias"})
    line = planned.line()
    assert "10 % for 5 minutes" in line
    assert "at least 5 minutes" in line
    assert line.endswith("1 hook, 2 alarms")


@pytest.mark.parametrize("body", [{}, {"Resources": None}, {"Resources": {"Alias": {}}}])
def test_a_template_without_a_policy_shifts_nothing(body: dict[str, Any]) -> None:
    assert planned_shifts(body, {"Alias"}) == []


def alias(**more: Any) -> Change:
    told = {"action": "Modify", "logical_id": "Alias", "resource_type": "AWS::Lambda::Alias"}
    return Change(**told | more)


@pytest.mark.parametrize(
    ("change", "shifts"),
    [
        (alias(), True),
        (alias(properties=("FunctionVersion",)), True),
        (alias(properties=("Description",)), False),
        (alias(action="Add"), False),
        (alias(replacement="True"), False),
        (alias(nested_in="Inner"), False),
        (alias(resource_type="AWS::SQS::Queue"), False),
    ],
)
def test_only_an_alias_that_gets_another_version_in_place_may_shift(
    change: Change, shifts: bool
) -> None:
    assert updated_aliases([change]) == ({"Alias"} if shifts else set())
