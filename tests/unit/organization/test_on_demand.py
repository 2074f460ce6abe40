"""Environments on demand: what may be configured, how they are called, whose things they use."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.topology import topology_of
from tiercel.domain.base.errors import ConfigurationError, RefusedInputError
from tiercel.domain.configuration.requests import require_given_on_demand_name
from tiercel.domain.organization.names import Names, Role
from tiercel.domain.organization.on_demand import (
    EPHEMERAL_NAME_PATTERN,
    name_for_branch,
    name_for_commit,
    name_for_pull_request,
)
from tiercel.domain.organization.services import EnvironmentOverrides, Service, StackSeed
from tiercel.domain.organization.stack_rules import StackNames

TOPOLOGY = topology_of("acme/shop", more="[ephemeral]\n")
SHARED = Names.ephemeral(TOPOLOGY)
ONE = Names.ephemeral(TOPOLOGY, "pr12")
HOST = Names.of(TOPOLOGY, "preprod")
names = st.from_regex(EPHEMERAL_NAME_PATTERN, fullmatch=True).map(str.strip)
services = st.from_regex(r"[a-z][a-z0-9-]{0,38}[a-z0-9]", fullmatch=True)


def test_an_empty_table_is_enough() -> None:
    settings = TOPOLOGY.on_demand
    assert (settings.default_hours, settings.longest_hours, settings.share) == (24, 168, ())
    assert settings.express


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("default_hours = 48\nlongest_hours = 24", "ephemeral"),
        ("most_of_one = 5\nmost_of_all = 4", "ephemeral"),
        ("longest_hours = 721", "ephemeral.longest_hours"),
        ("default_hours = 0", "ephemeral.default_hours"),
        ("express = 1", "ephemeral.express"),
        ('share = ["storage", "storage"]', "ephemeral.share"),
        ('share = ["Storage"]', "ephemeral.share"),
        ("most = 3", "ephemeral.most"),
    ],
)
def test_what_contradicts_itself_is_refused_with_its_key(table: str, key: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        topology_of("acme/shop", more=f"[ephemeral]\n{table}\n")
    assert key in refused.value.why


def test_without_the_table_there_are_none() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Names.ephemeral(topology_of("acme/shop"))
    assert refused.value.code == "configuration.no_ephemeral"


def test_no_environment_is_called_ephemeral() -> None:
    more = (
        '[environments.ephemeral]\nbranch = "x"\nregion = "eu-central-1"\n'
        'infrastructure_account = "555555555555"\nruntime_account = "666666666666"\n'
        'external_id = "acme-more-1234"\n'
    )
    with pytest.raises(ConfigurationError) as refused:
        topology_of("acme/shop", more=more)
    assert "environments.ephemeral" in refused.value.why


def test_its_roles_are_its_own_and_everything_else_is_its_hosts() -> None:
    assert ONE.role(Role.DEPLOYER) == "acme-ephemeral-deployer"
    assert ONE.role(Role.CLOUDFORMATION) == "acme-ephemeral-cloudformation"
    assert ONE.role(Role.DESTROYER) == "acme-ephemeral-destroyer"
    assert ONE.boundary == "acme-ephemeral-boundary"
    assert ONE.roles == (Role.DEPLOYER, Role.CLOUDFORMATION, Role.DESTROYER)
    assert ONE.role(Role.ORCHESTRATOR) == HOST.role(Role.ORCHESTRATOR)
    assert ONE.role_arn(Role.AUDITOR) == HOST.role_arn(Role.AUDITOR)
    assert ONE.artifact_bucket == HOST.artifact_bucket
    assert ONE.staging_bucket == HOST.staging_bucket
    assert ONE.artifact_key_alias == HOST.artifact_key_alias
    assert ONE.signing_key_arn == HOST.signing_key_arn


def test_its_stacks_never_have_the_prefix_of_the_permanent_ones() -> None:
    assert ONE.stack("orders") == "acme-ephemeral-pr12-orders"
    assert not ONE.stack("orders").startswith(HOST.prefix)
    assert ONE.stack_tags("orders") == {
        "tiercel:organization": "acme",
        "tiercel:environment": "ephemeral",
        "tiercel:service": "orders",
        "tiercel:name": "pr12",
    }


def test_everything_in_it_has_a_name_of_its_own_and_it_never_is_production() -> None:
    environment = ONE.environment
    assert environment.stacks.names is StackNames.PREFIX
    assert environment.runtime_account == HOST.environment.runtime_account
    assert not environment.production
    assert not environment.promotes_from


@given(names, services, names, services)
def test_two_environments_share_no_stack(one: str, service: str, two: str, other: str) -> None:
    same = Names.ephemeral(TOPOLOGY, one).stack(service) == Names.ephemeral(TOPOLOGY, two).stack(
        other
    )
    assert same == ((one, service) == (two, other))


@given(names, services)
def test_its_stacks_have_legal_names(name: str, service: str) -> None:
    stack = Names.ephemeral(TOPOLOGY, name).stack(service)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,127}", stack)


@given(
    st.text(min_size=1), st.integers(1, 2**31 - 1), st.from_regex(r"[0-9a-f]{40}", fullmatch=True)
)
def test_every_origin_has_a_legal_name(branch: str, number: int, commit: str) -> None:
    for name in (
        name_for_branch(branch),
        name_for_pull_request("acme/shop", number),
        name_for_commit(commit),
    ):
        assert re.fullmatch(r"[a-z][a-z0-9]{1,19}", name)


def test_origins_that_look_alike_have_different_names() -> None:
    assert name_for_branch("feature/login") != name_for_branch("feature-login")
    assert name_for_pull_request("acme/shop", 1) != name_for_pull_request("acme/tea", 1)
    assert name_for_pull_request("acme/Shop", 1) == name_for_pull_request("acme/shop", 1)


def test_parameters_of_ephemeral_win_over_the_hosts_and_these_over_the_services() -> None:
    service = Service(
        name="orders",
        path="orders",
        parameters={"A": "service", "B": "service", "C": "service"},
        environments={
            "preprod": EnvironmentOverrides(parameters={"B": "host", "C": "host"}),
            "ephemeral": EnvironmentOverrides(parameters={"C": "ephemeral"}),
        },
    )
    found = service.as_on_demand("preprod").parameters_in("ephemeral")
    assert found == {"A": "service", "B": "host", "C": "ephemeral"}
    assert service.as_on_demand("preprod").parameters_in("preprod")["C"] == "host"


def test_a_service_may_say_what_it_gets_on_demand_and_how_it_is_filled() -> None:
    more = (
        '[services.orders]\npath = "orders"\n'
        '[services.orders.environments.ephemeral.parameters]\nSize = "small"\n'
        '[services.orders.seed]\ninvoke = "FillFunction"\npayload = { items = 3 }\n'
    )
    service = topology_of("acme/shop", more=more).services["orders"]
    assert service.seed == StackSeed(invoke="FillFunction", payload={"items": 3})


@pytest.mark.parametrize("name", ["a-b", "a", "1a", "A1", "a" * 21, "a_b", "a\n", ""])
def test_a_name_could_be_taken_apart_from_that_of_a_service(name: str) -> None:
    assert re.fullmatch(EPHEMERAL_NAME_PATTERN.removesuffix("$"), name) is None
    with pytest.raises(RefusedInputError):
        require_given_on_demand_name(name)
