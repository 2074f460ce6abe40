from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.fragments import read_fragment
from tiercel.domain.review.templates.drafted_fragments import (
    drafted_fragment,
    drafted_services,
    service_of,
)
from tiercel.domain.stack.needed_actions import lacking_actions
from tiercel.domain.stack.plan import Change
from tiercel.domain.stack.policy_evaluation import RolePolicies
from tiercel.tasks.stack.service_role import published_handlers, published_types

REGION = "us-east-1"
ENDPOINT = "AWS::DMS::Endpoint"
TYPES = published_types(REGION)


def policies_of(text: str) -> RolePolicies:
    policy = {"Statement": json.loads(text)["manage"]}
    return RolePolicies(identity=policy, boundary=policy)


@given(st.sampled_from(TYPES))
def test_what_is_drafted_is_a_fragment_and_lets_the_type_be_made(resource_type: str) -> None:
    published = published_handlers(REGION, [resource_type])
    for service in drafted_services(published):
        text = drafted_fragment(service, published.values())
        assert read_fragment("drafted", text, "here").name == "drafted"
        made = Change(action="Add", logical_id="One", resource_type=resource_type)
        lacks = lacking_actions([made], published, policies_of(text)).lacks
        assert not [one for one in lacks if one.certain]


def test_a_draft_has_no_action_of_another_service() -> None:
    published = published_handlers(REGION, [ENDPOINT])
    text = drafted_fragment("dms", published.values())
    groups = json.loads(text)
    actions = [one for group in ("manage", "read") for one in groups[group][0]["Action"]]
    assert {one.partition(":")[0] for one in actions} == {"dms"}


@pytest.mark.parametrize(
    ("types", "told"),
    [
        (["AWS::Nothing::Known"], "AWS::Nothing::Known"),
        ([ENDPOINT, "AWS::Transfer::Server"], "transfer"),
        (["AWS::IAM::User"], "AWS::IAM::User"),
        (["AWS::CloudFormation::StackSet", ENDPOINT], "AWS::CloudFormation::StackSet"),
    ],
)
def test_no_draft_is_made_of_what_is_not_one_service(types: list[str], told: str) -> None:
    with pytest.raises(RefusedInputError) as caught:
        service_of(types, published_handlers(REGION, types))
    assert caught.value.code == "fragment.not_drafted"
    assert told in caught.value.why
