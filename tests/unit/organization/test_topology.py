from __future__ import annotations

import graphlib
import sys
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.organization.parts import relative_path
from tiercel.domain.organization.services import (
    EnvironmentOverrides,
    Service,
    SmokeTest,
    deployment_order,
)
from tiercel.domain.organization.topology import Builds, Environment, Organization, Topology

PREPROD = {
    "name": "preprod",
    "branch": "develop",
    "region": "eu-central-1",
    "infrastructure_account": "111111111111",
    "runtime_account": "222222222222",
    "external_id": "acme-preprod",
}


def environment(**changes: Any) -> Environment:
    return Environment(**PREPROD | changes)


def services(**depends_on: str) -> dict[str, Service]:
    return {
        name: Service(name=name, path=name, depends_on=tuple(others.split()))
        for name, others in depends_on.items()
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("infrastructure_account", "11111111111"),
        ("infrastructure_account", "1111111111111"),
        ("infrastructure_account", "11111111111a"),
        ("infrastructure_account", "111111111111\n"),
        ("infrastructure_account", 111111111111),
        ("runtime_account", ""),
        ("runtime_account", "\u0661" * 12),
        ("region", "eu"),
        ("region", "eu-central-1a"),
        ("region", "EU-central-1"),
        ("region", "eu-central-1\n"),
        ("external_id", "short"),
        ("external_id", "with space"),
        ("external_id", "x" * 65),
        ("name", "p"),
        ("name", "pre-prod"),
        ("name", "preproduction"),
        ("name", "1prod"),
        ("branch", ""),
        ("branch", "x" * 256),
        ("unknown", "key"),
    ],
)
def test_an_environment_with_a_bad_value_is_refused(key: str, value: Any) -> None:
    with pytest.raises(ValidationError) as refusal:
        environment(**{key: value})
    assert [error["loc"] for error in refusal.value.errors()] == [(key,)]


@pytest.mark.parametrize(
    "region", ["eu-central-1", "us-gov-west-1", "cn-north-1", "us-isob-east-1", "eusc-de-east-1"]
)
def test_a_region_of_every_partition_is_legal(region: str) -> None:
    assert environment(region=region).region == region


@pytest.mark.parametrize("name", ["ac", "acme", "a" * 16, "a-1", "xn-a", "sthre", "amzn"])
def test_an_organization_name_may_be_short_and_plain(name: str) -> None:
    assert Organization(name=name).name == name


@pytest.mark.parametrize(
    "name", ["a", "A1", "a" * 17, "1a", "-a", "a-", "a_b", "xn--a", "sthree", "amzn-s3-demo"]
)
def test_an_organization_name_that_aws_would_refuse_somewhere_is_refused_here(name: str) -> None:
    with pytest.raises(ValidationError):
        Organization(name=name)


@pytest.mark.parametrize(
    ("repositories", "repository", "owned"),
    [
        (["acme/shop"], "acme/shop", True),
        (["acme/shop"], "Acme/Shop", True),
        (["Acme/Shop"], "acme/shop", True),
        (["acme/*"], "acme/shop", True),
        (["Acme/*"], "acme/shop", True),
        (["acme/*"], "acme/.github", True),
        (["other/x", "acme/shop"], "acme/shop", True),
        ([], "acme/shop", False),
        (["acme/shop"], "acme/shop2", False),
        (["acme/shop"], "evil/shop", False),
        (["acme/*"], "acme2/shop", False),
        (["acme/*"], "evil/acme/shop", False),
        (["acme/*"], "acme/shop/x", False),
        (["acme/*"], "acme/..", False),
        (["acme/*"], "acme/.", False),
        (["acme/*"], "acme/*", False),
        (["acme/*"], "acme/", False),
        (["acme/*"], "acme", False),
        (["acme/*"], "", False),
        (["acme/*"], "acme/shop\n", False),
        (["acme/*"], "acme/-x y", False),
    ],
)
def test_only_the_named_repositories_belong_to_an_organization(
    repositories: list[str], repository: str, owned: bool
) -> None:
    organization = Organization(name="acme", repositories=tuple(repositories))
    assert organization.owns(repository) is owned


@pytest.mark.parametrize(
    "repository", ["acme", "acme/", "/shop", "acme/..", "acme/.", "*/shop", "*/*", "a b/c", "a/b/c"]
)
def test_a_repository_needs_an_owner_and_a_name(repository: str) -> None:
    with pytest.raises(ValidationError):
        Organization(name="acme", repositories=(repository,))


@pytest.mark.parametrize("seconds", [9, 7201, "soon"])
def test_a_build_cannot_last_for_ever_or_no_time_at_all(seconds: Any) -> None:
    with pytest.raises(ValidationError):
        Builds(timeout_seconds=seconds)


def test_an_index_variable_that_uv_would_not_read_is_refused() -> None:
    with pytest.raises(ValidationError, match="UV_DEFAULT_INDEX"):
        Builds(pass_environment=("PIP_INDEX_URL",))
    assert Builds(pass_environment=("PIP_INDEX_URL", "UV_DEFAULT_INDEX")).pass_environment


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("services/orders", "services/orders"),
        ("services//orders/", "services/orders"),
        ("./services/./orders", "services/orders"),
        (".", "."),
        ("with space/ünï", "with space/ünï"),
        ("..name", "..name"),
    ],
)
def test_a_path_inside_the_repository_is_normalized(path: str, expected: str) -> None:
    assert relative_path(path) == expected


@pytest.mark.parametrize(
    "path",
    ["", "/", "/etc", "//x", "..", "../x", "a/../../x", "a\\b", "a\nb", "a\x00b", "x" * 1025],
)
def test_a_path_that_may_leave_the_repository_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="must"):
        relative_path(path)
    for key in ("path", "template"):
        with pytest.raises(ValidationError):
            Service(**{"name": "orders", "path": "x", key: path})
    with pytest.raises(ValidationError):
        Service(name="orders", path="x", include=("fine", path))


@given(st.text() | st.from_regex(r"[./a\\~-]{0,12}", fullmatch=True))
def test_a_path_that_is_accepted_stays_below_the_root_of_the_repository(path: str) -> None:
    try:
        accepted = relative_path(path)
    except ValueError:
        return
    joined = PurePosixPath("/repository") / accepted
    assert joined.is_relative_to("/repository")
    assert ".." not in joined.parts
    assert relative_path(accepted) == accepted


@pytest.mark.parametrize("name", ["x", "Orders", "1st", "orders-", "-orders", "or_ders", "o" * 41])
def test_a_service_name_that_does_not_fit_into_a_stack_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Service(name=name, path="x")


def test_a_build_command_cannot_contain_a_zero_byte() -> None:
    assert Service(name="orders", path="x", build=("make", "a b\n")).build == ("make", "a b\n")
    with pytest.raises(ValidationError):
        Service(name="orders", path="x", build=("make", "a\x00b"))


@pytest.mark.parametrize("base", [None, False, True])
@pytest.mark.parametrize("asked", [False, True])
def test_a_pull_request_has_the_network_that_its_base_branch_gives(
    base: bool | None, asked: bool
) -> None:
    service = Service(name="orders", path="x", network=asked)
    before = None if base is None else Service(name="orders", path="x", network=base)
    assert service.as_allowed_by(before).network is bool(base)


def test_a_credential_is_for_an_index_that_builds_reach() -> None:
    file = {"packages.example:8443": "/etc/packages"}
    assert Builds(indexes=("packages.example:8443",), index_credentials=file)
    with pytest.raises(ValidationError):
        Builds(index_credentials=file)


def test_the_template_is_looked_for_in_the_folder_of_the_service() -> None:
    service = Service(name="orders", path="services/orders/", template="./cfn/stack.yaml")
    assert service.template_path == "services/orders/cfn/stack.yaml"
    assert Service(name="orders", path=".").template_path == "template.yaml"


def test_parameters_of_an_environment_win_over_those_of_the_service() -> None:
    service = Service(
        name="orders",
        path="x",
        parameters={"Level": "info", "Size": "1"},
        environments={"prod": EnvironmentOverrides(parameters={"Level": "warning"})},
    )
    assert service.parameters_in("prod") == {"Level": "warning", "Size": "1"}
    assert service.parameters_in("preprod") == {"Level": "info", "Size": "1"}
    assert service.parameters == {"Level": "info", "Size": "1"}


@pytest.mark.parametrize(
    "parameters",
    [
        {"Count": 3},
        {"with-hyphen": "x"},
        {"": "x"},
        {"Long": "x" * 4097},
        {f"P{number}": "x" for number in range(201)},
    ],
)
def test_parameters_that_cloudformation_refuses_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Service(name="orders", path="x", parameters=parameters)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"invoke": "Function", "http": "ApiUrl"},
        {"http": "ApiUrl", "path": "items"},
        {"http": "ApiUrl", "path": "/two words"},
        {"http": "ApiUrl", "path": "/\r\nHost: evil"},
        {"http": "ApiUrl", "method": "DELETE"},
        {"http": "ApiUrl", "expect_status": 99},
        {"http": "ApiUrl", "at": "first-step"},
        {"invoke": "Function", "at": "now"},
        {"invoke": "Function", "payload": float("nan")},
        {"invoke": "Function", "expect": {"x": float("inf")}},
        {"invoke": "Function", "payload": {1, 2}},
    ],
)
def test_a_smoke_test_that_cannot_be_run_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SmokeTest(**keys)


def test_a_smoke_test_either_invokes_or_calls() -> None:
    invoked = SmokeTest(invoke="Function", payload={"a": [1, None]}, expect={"ok": True})
    called = SmokeTest(http="ApiUrl", path="/items?x=1")
    assert (invoked.http, invoked.payload) == (None, {"a": [1, None]})
    assert (called.invoke, called.method, called.expect_status) == (None, "GET", 200)


def test_a_smoke_test_at_the_usual_time_is_written_as_before_there_was_another() -> None:
    usual = SmokeTest(invoke="Function", at="after-shift")
    early = SmokeTest(invoke="Function", at="first-step")
    assert "at" not in usual.model_dump()
    assert SmokeTest.model_validate(usual.model_dump()) == usual
    assert SmokeTest.model_validate_json(early.model_dump_json()) == early


@pytest.fixture
def usual_recursion() -> Iterator[None]:
    """jsonata, which cfn-lint and moto bring, raises Python's limit for the whole process."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.usefixtures("usual_recursion")
def test_a_value_nested_beyond_what_json_can_carry_is_refused() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(ValidationError, match="must be JSON"):
        SmokeTest(invoke="Function", payload=deep)


@pytest.mark.parametrize(
    ("depends_on", "order"),
    [
        ({}, []),
        ({"aa": ""}, ["aa"]),
        ({"aa": "bb", "bb": "cc", "cc": ""}, ["cc", "bb", "aa"]),
    ],
)
def test_services_are_deployed_after_what_they_depend_on(
    depends_on: dict[str, str], order: list[str]
) -> None:
    assert list(deployment_order(services(**depends_on))) == order


def test_the_deployment_order_tells_what_each_service_waits_for() -> None:
    order = deployment_order(services(aa="bb cc", bb="", cc="bb"))
    assert order == {"bb": (), "cc": ("bb",), "aa": ("bb", "cc")}


@pytest.mark.parametrize(
    "depends_on", [{"aa": "aa"}, {"aa": "bb", "bb": "aa"}, {"aa": "bb", "bb": "cc", "cc": "bb"}]
)
def test_services_that_wait_for_each_other_have_no_deployment_order(
    depends_on: dict[str, str],
) -> None:
    with pytest.raises(graphlib.CycleError):
        deployment_order(services(**depends_on))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30))
def test_every_service_comes_once_and_after_all_that_it_depends_on(
    pairs: list[tuple[int, int]],
) -> None:
    depends_on = {f"s{number}": set[str]() for number in range(10)}
    for one, other in pairs:
        if one != other:
            depends_on[f"s{max(one, other)}"].add(f"s{min(one, other)}")
    described = services(**{name: " ".join(sorted(others)) for name, others in depends_on.items()})
    order = list(deployment_order(described))
    assert sorted(order) == sorted(described)
    for name, others in depends_on.items():
        assert all(order.index(other) < order.index(name) for other in others)


def test_other_services_leave_everything_else_as_it_is() -> None:
    topology = Topology(
        organization=Organization(name="acme"), environments={"preprod": environment()}
    )
    described = topology.with_services(services(orders=""))
    assert list(described.services) == ["orders"]
    assert described.environments == topology.environments
    assert not topology.services


def test_a_topology_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        environment().region = "eu-west-1"  # type: ignore[misc]


def test_an_environment_that_is_not_there_is_refused_with_those_that_are() -> None:
    known = {name: environment(name=name) for name in ("preprod", "prod")}
    topology = Topology(organization=Organization(name="acme"), environments=known)
    assert topology.environment("prod") is known["prod"]
    with pytest.raises(ConfigurationError) as refused:
        topology.environment("qa")
    assert refused.value.what == "there is no environment 'qa'"
    assert refused.value.remedy == "choose one of preprod, prod"
