from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.topology import topology_of
from tiercel.domain.accounts.composition import Recipe, composed
from tiercel.domain.accounts.policy_difference import listed
from tiercel.domain.accounts.policy_sizes import require_fitting, size_of
from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.organization.topology import Topology
from tiercel.tasks.engine.policy_files import require_fitting_policies

RECIPE = Recipe(("frame",), ("manage", "use"))


def statement(sid: str, action: str, resource: str, **more: Any) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": [action], "Resource": resource, **more}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def fragment(**groups: list[dict[str, Any]]) -> dict[str, Any]:
    return {"manage": [], "use": [], "read": []} | groups


def test_statements_of_one_sid_are_one_and_groups_that_are_not_meant_stay_out() -> None:
    found = composed(
        RECIPE,
        [policy(statement("Manage", "a:*", "arn:a"), statement("Own", "b:One", "*"))],
        [
            fragment(
                manage=[statement("Manage", "c:*", "arn:c")], read=[statement("R", "c:Get", "*")]
            ),
            fragment(use=[statement("Own", "b:Two", "*")]),
        ],
    )
    assert [one["Sid"] for one in found["Statement"]] == ["Manage", "Own"]
    assert found["Statement"][0]["Action"] == ["a:*", "c:*"]
    assert found["Statement"][0]["Resource"] == ["arn:a", "arn:c"]
    assert found["Statement"][1]["Action"] == ["b:One", "b:Two"]
    assert found["Statement"][1]["Resource"] == "*"


def test_values_of_one_condition_are_joined() -> None:
    passed = [
        statement("Pass", "iam:PassRole", "r", Condition={"StringEquals": {"to": [service]}})
        for service in ("lambda", "states")
    ]
    found = composed(RECIPE, [policy()], [fragment(manage=[one]) for one in passed])
    assert found["Statement"][0]["Condition"] == {"StringEquals": {"to": ["lambda", "states"]}}


SIDS = st.sampled_from(["A", "B"])
ACTIONS = st.sampled_from(["s:1", "s:2", "s:3"])


@settings(max_examples=40)
@given(st.lists(st.tuples(SIDS, ACTIONS, ACTIONS)), st.lists(st.tuples(SIDS, ACTIONS, ACTIONS)))
def test_nothing_is_lost_and_nothing_is_said_that_nobody_said(
    first: list[tuple[str, str, str]], second: list[tuple[str, str, str]]
) -> None:
    groups = [[statement(*one) for one in group] for group in (first, second)]
    found = composed(RECIPE, [policy()], [fragment(manage=one) for one in groups])["Statement"]
    said = {"Action": set[tuple[str, str]](), "Resource": set[tuple[str, str]]()}
    for sid, action, resource in (*first, *second):
        said["Action"].add((sid, action))
        said["Resource"].add((sid, resource))
    for element, wanted in said.items():
        assert {(one["Sid"], value) for one in found for value in listed(one[element])} == wanted


def test_white_space_does_not_count() -> None:
    text = policy(statement("A", "s:1", "*"))
    assert size_of(text) == len(json.dumps(text, separators=(",", ":")))


@pytest.mark.parametrize(
    ("name", "limit", "where"),
    [
        ("cloudformation-boundary", 6144, "environments.preprod.stacks"),
        ("auditor-permissions", 10240, "environments.preprod.stacks"),
        ("trigger-trust", 2048, "organization.repositories"),
    ],
)
def test_a_policy_that_iam_refuses_is_refused_before(name: str, limit: int, where: str) -> None:
    fitting = policy(statement("A", "s:1", ""))
    room = limit - size_of(fitting)
    fitting["Statement"][0]["Resource"] = "r" * room
    require_fitting("preprod", {name: fitting}, "tiercel.toml")
    fitting["Statement"][0]["Resource"] += "r"
    with pytest.raises(ConfigurationError) as refusal:
        require_fitting("preprod", {name: fitting}, "tiercel.toml")
    assert refusal.value.code == "configuration.policy_too_long"
    assert f"{limit + 1}" in refusal.value.why
    assert where in refusal.value.where


def test_a_trust_that_names_too_many_repositories_is_refused_and_owners_fit() -> None:
    named = [f"acme/shop-service-{number:02}" for number in range(20)]
    ids = {"acme": 583231} | {name: 1296269000 + number for number, name in enumerate(named)}
    topology = topology_of("acme/shop")

    def asked(repositories: list[str], github_ids: dict[str, int]) -> Topology:
        more = {"repositories": tuple(repositories), "github_ids": github_ids}
        organization = topology.organization.model_copy(update=more)
        return topology.model_copy(update={"organization": organization})

    require_fitting_policies(asked(["acme/*"], {"acme": 583231}), "tiercel.toml")
    require_fitting_policies(asked(named, {}), "tiercel.toml")
    with pytest.raises(ConfigurationError) as refusal:
        require_fitting_policies(asked(named, ids), "tiercel.toml")
    assert refusal.value.code == "configuration.policy_too_long"
    assert "trigger-trust" in refusal.value.what
    assert "`OWNER/*`" in refusal.value.remedy
