"""The stand-in for CodeDeploy by its rules alone: no server is started."""

from __future__ import annotations

import pytest

from tiercel.domain.traffic.routing import PREDEFINED
from tiercel.sandbox.aws.codedeploy.alarms import check_alarms
from tiercel.sandbox.aws.codedeploy.deploying import routing_of
from tiercel.sandbox.aws.codedeploy.endings import (
    ENDINGS,
    DeploymentEndedError,
    Trouble,
    rolls_back,
)
from tiercel.sandbox.aws.codedeploy.operations import get_deployment_config
from tiercel.sandbox.aws.codedeploy.paging import page_of
from tiercel.sandbox.aws.codedeploy.records import CodeDeployError
from tiercel.sandbox.aws.codedeploy.revisions import Revision, parse_revision
from tiercel.sandbox.aws.codedeploy.validation import check_answer, check_request, model

REVISION = Revision("answer", "live", "1", "2", {"BeforeAllowTraffic": "CodeDeployHook_a"})


def test_every_trouble_has_an_ending_with_words_of_the_model() -> None:
    shapes = {name: model().shape_for(name) for name in ("ErrorCode", "DeploymentStatus")}
    events = model().shape_for("AutoRollbackEvent").enum
    assert set(ENDINGS) == set(Trouble)
    for ending in ENDINGS.values():
        assert ending.code in shapes["ErrorCode"].enum
        assert ending.status in shapes["DeploymentStatus"].enum
        assert ending.event in events


@pytest.mark.parametrize(
    ("trouble", "enabled", "events", "asked", "wanted"),
    [
        (Trouble.ALARM, True, ["DEPLOYMENT_STOP_ON_ALARM"], False, True),
        (Trouble.ALARM, True, ["DEPLOYMENT_FAILURE"], False, False),
        (Trouble.ALARM, False, ["DEPLOYMENT_STOP_ON_ALARM"], False, False),
        (Trouble.ALARM, False, [], True, False),
        (Trouble.HOOK, True, ["DEPLOYMENT_FAILURE"], False, True),
        (Trouble.SILENCE, True, ["DEPLOYMENT_FAILURE"], False, True),
        (Trouble.STOPPED, True, ["DEPLOYMENT_STOP_ON_REQUEST"], False, True),
        (Trouble.STOPPED, True, ["DEPLOYMENT_FAILURE"], False, False),
        (Trouble.STOPPED, False, [], True, True),
    ],
)
def test_a_deployment_shifts_back_where_the_group_or_whoever_stops_it_wants_it(
    trouble: Trouble, enabled: bool, events: list[str], asked: bool, wanted: bool
) -> None:
    ending = DeploymentEndedError(trouble).ending
    assert rolls_back(ending, enabled=enabled, events=events, stopped_with=asked) is wanted


def test_a_revision_is_read_as_it_was_written() -> None:
    assert parse_revision(REVISION.location()) == REVISION


def test_the_way_back_swaps_the_versions_and_runs_no_hook() -> None:
    assert REVISION.back == Revision("answer", "live", "2", "1", {})


@pytest.mark.parametrize(
    "location",
    [
        {},
        {"revisionType": "S3", "s3Location": {"bucket": "b", "key": "k"}},
        {"appSpecContent": {"content": "version: 0.0"}},
        {"appSpecContent": {"content": "Resources: [{a: {Properties: {Name: a}}}]"}},
        {"appSpecContent": {"content": "{"}},
    ],
)
def test_a_revision_that_says_too_little_is_refused(location: dict[str, object]) -> None:
    with pytest.raises(CodeDeployError) as refused:
        parse_revision(location)
    assert refused.value.code == "InvalidRevisionException"


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("GetDeployment", {}),
        ("GetDeployment", {"deploymentId": 1}),
        ("GetDeployment", {"deploymentId": "d-1", "unknown": True}),
        ("CreateApplication", {"applicationName": "a", "computePlatform": "Cloud"}),
        ("ListDeployments", {"includeOnlyStatuses": ["Lost"]}),
        ("Deploy", {}),
    ],
)
def test_a_request_that_the_model_does_not_have_is_refused(
    operation: str, request_: dict[str, object]
) -> None:
    with pytest.raises(CodeDeployError):
        check_request(operation, request_)


def test_an_answer_that_the_model_does_not_have_is_a_fault_of_the_stand_ins() -> None:
    with pytest.raises(AssertionError):
        check_answer("GetDeployment", {"deploymentInfo": {"status": "Lost"}})
    check_answer("GetDeployment", {"deploymentInfo": {"status": "Baking"}})


SHARES = {
    "Canary10Percent5Minutes": [(0, 10), (5, 100)],
    "Canary10Percent10Minutes": [(0, 10), (10, 100)],
    "Canary10Percent15Minutes": [(0, 10), (15, 100)],
    "Canary10Percent30Minutes": [(0, 10), (30, 100)],
    "Linear10PercentEvery1Minute": [(n, 10 + 10 * n) for n in range(10)],
    "Linear10PercentEvery2Minutes": [(2 * n, 10 + 10 * n) for n in range(10)],
    "Linear10PercentEvery3Minutes": [(3 * n, 10 + 10 * n) for n in range(10)],
    "Linear10PercentEvery10Minutes": [(10 * n, 10 + 10 * n) for n in range(10)],
    "AllAtOnce": [(0, 100)],
}
"""What AWS says of each: https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html"""


@pytest.mark.parametrize(
    "alarms",
    [
        [{}],
        [{"name": "loud"}, {"name": ""}],
        [{"name": "a" * 256}],
        [{"name": "loud"}, {"name": "loud"}],
        [],
    ],
)
def test_alarms_that_no_deployment_could_watch_are_refused_with_the_group(
    alarms: list[dict[str, str]],
) -> None:
    with pytest.raises(CodeDeployError) as refused:
        check_alarms({"enabled": True, "alarms": alarms})
    assert refused.value.code == "InvalidAlarmConfigException"


def test_alarms_by_name_are_taken_and_so_is_a_group_without_any() -> None:
    check_alarms({"enabled": True, "alarms": [{"name": "loud"}, {"name": "a" * 255}]})
    check_alarms({"enabled": False, "alarms": []})
    check_alarms({})


@pytest.mark.parametrize("name", SHARES)
def test_a_configuration_of_aws_shifts_by_the_shares_that_its_page_has(name: str) -> None:
    full = f"CodeDeployDefault.Lambda{name}"
    assert [(one.minute, one.percent) for one in routing_of(full).shares] == SHARES[name]
    told = get_deployment_config({"deploymentConfigName": full})
    check_answer("GetDeploymentConfig", told)


def test_sam_offers_no_configuration_that_is_missing_here() -> None:
    assert {f"CodeDeployDefault.Lambda{name}" for name in SHARES} == set(PREDEFINED)


def test_a_list_comes_in_pages_that_bear_what_is_added_meanwhile() -> None:
    items = [f"d-{number:09}" for number in range(250)]
    found: list[list[str]] = []
    request: dict[str, str] = {}
    while True:
        page = page_of("ListDeployments", request, {"deployments": ["d-NEW000000", *items]})
        check_answer("ListDeployments", page)
        found.append(page["deployments"])
        if "nextToken" not in page:
            break
        request = {"nextToken": page["nextToken"]}
        items.insert(0, f"d-LATER{len(found):04}")
    assert [len(page) for page in found] == [100, 100, 51]
    assert len({one for page in found for one in page}) == 251


def test_a_token_that_no_page_had_is_refused_and_other_answers_are_left_alone() -> None:
    for token in ("%", "ZC1OT05F"):
        with pytest.raises(CodeDeployError) as refused:
            page_of("ListApplications", {"nextToken": token}, {"applications": ["a"]})
        assert refused.value.code == "InvalidNextTokenException"
    assert page_of("GetDeployment", {}, {"deploymentInfo": {}}) == {"deploymentInfo": {}}
