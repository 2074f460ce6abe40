from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.codes import because
from tests.tasks.conftest import Origin
from tiercel.domain.base.errors import ConfigurationError, RefusedInputError
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.organization.topology import Topology
from tiercel.tasks.source.services import load_services, load_topology

ROOT = Path(__file__).parents[3]
EXAMPLE = (ROOT / "tiercel.toml").read_text()


@pytest.fixture
def without_services() -> Topology:
    return parse_topology(EXAMPLE.partition("[services.")[0])


def test_the_workers_configuration_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(EXAMPLE)

    assert load_topology.fn(path) == parse_topology(EXAMPLE)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file"),
        (b"\xff\xfe", "utf-8"),
        (b"[organization", "Expected ']'"),
    ],
    ids=["absent", "not-text", "not-toml"],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "tiercel.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigurationError, match="the configuration") as failure:
        load_topology.fn(path)

    assert failure.value.where == str(path)
    assert why in failure.value.why
    assert failure.value.remedy


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="the configuration cannot be read"):
        load_topology.fn(tmp_path)


def test_a_wrong_key_is_named_with_its_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "tiercel.toml"
    path.write_text(EXAMPLE.replace('branch = "main"', 'branche = "main"'))

    with pytest.raises(ConfigurationError) as failure:
        load_topology.fn(path)

    line = EXAMPLE[: EXAMPLE.index('branch = "main"')].count("\n") + 1
    assert f"{path}:{line}: environments.prod.branche: unknown key" in failure.value.why


def test_the_services_of_a_commit_are_those_that_its_own_file_describes(
    origin: Origin, without_services: Topology
) -> None:
    origin.commit({"tiercel.toml": '[services.orders]\npath = "services/orders"\n'})

    topology = load_services.fn(origin.fetch(), without_services)

    assert topology.services.keys() == {"orders"}
    assert topology.services["orders"].path == "services/orders"


def test_a_commit_cannot_change_accounts_repositories_or_builds(
    origin: Origin, without_services: Topology
) -> None:
    hostile = EXAMPLE.replace("222222222222", "666666666666")
    hostile = hostile.replace('["acme/*"]', '["evil/*"]').replace("= 900", "= 7200")
    origin.commit({"tiercel.toml": hostile})

    topology = load_services.fn(origin.fetch(), without_services)

    assert topology.with_services({}) == without_services
    assert topology.services.keys() == {"storage", "orders", "catalog"}


def test_a_wrong_key_in_a_commit_is_named_with_the_commit_and_the_line(
    origin: Origin, without_services: Topology
) -> None:
    sha = origin.commit({"tiercel.toml": '[services.orders]\npath = "a"\npfad = "b"\n'})

    with pytest.raises(ConfigurationError) as failure:
        load_services.fn(origin.fetch(), without_services)

    where = f"acme/shop@{sha[:7]}:tiercel.toml"
    assert f"{where}:3: services.orders.pfad: unknown key" in failure.value.why


def test_without_a_file_each_folder_with_a_template_is_a_service(
    origin: Origin, without_services: Topology
) -> None:
    origin.commit({"orders/template.yaml": "a: b", "a/b/template.json": "{}", "README.md": ""})

    services = load_services.fn(origin.fetch(), without_services).services

    assert {service.path for service in services.values()} == {"orders", "a/b"}
    assert "shop-orders" in services


@pytest.mark.parametrize(
    "files", [{"README.md": "nothing"}, {"tiercel.toml": "[services]\n"}, {"tiercel.toml": ""}]
)
def test_a_commit_without_services_is_refused_and_told_where_to_describe_them(
    origin: Origin, without_services: Topology, files: dict[str, str]
) -> None:
    sha = origin.commit(files)

    with pytest.raises(RefusedInputError, check=because("source.no_service")) as refusal:
        load_services.fn(origin.fetch(), without_services)

    assert refusal.value.where == f"acme/shop@{sha[:7]}"
    assert "tiercel.toml" in refusal.value.remedy


def test_a_file_that_is_no_text_is_refused(origin: Origin, without_services: Topology) -> None:
    origin.commit({"tiercel.toml": b"\xff\xfe\x00"})

    with pytest.raises((ConfigurationError, RefusedInputError)):
        load_services.fn(origin.fetch(), without_services)


SHOP = '[services.shop]\npath = "shop"\n[services.other]\npath = "other"\n'
CODE = {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "../src"}}
INCLUDED = {"Name": "AWS::Include", "Parameters": {"Location": "../parts/api.yaml"}}


def included(origin: Origin, topology: Topology, files: dict[str, str]) -> tuple[str, ...]:
    """What belongs to the source of the service `shop` beside its folder."""
    origin.commit({"tiercel.toml": SHOP, "shop/a": "", "other/a": ""} | files)
    return load_services.fn(origin.fetch(), topology).services["shop"].include


def as_json(**resources: object) -> str:
    return json.dumps({"Resources": resources})


def stack(path: str) -> dict[str, object]:
    return {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": path}}


def test_what_a_template_names_outside_of_its_folder_belongs_to_the_source(
    origin: Origin, without_services: Topology
) -> None:
    api = {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Body": {"Fn::Transform": INCLUDED}}}
    own = {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "app"}}
    schema = {"Type": "AWS::Serverless::GraphQLApi", "Properties": {"SchemaUri": "../s.graphql"}}
    built = {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "../dist"}}
    files = {
        "shop/template.yaml": as_json(
            F=CODE, Api=api, Own=own, Schema=schema, Built=built, N=stack("../net/a.json")
        ),
        "shop/app/app.py": "x",
        "src/app.py": "x",
        "s.graphql": "type Query",
        "parts/api.yaml": "openapi: 3.0.1",
        "net/a.json": as_json(B=stack("b.json"), Up=CODE),
        "net/b.json": as_json(F={**CODE, "Properties": {"CodeUri": "../deep/src"}}),
        "deep/src/a": "x",
    }
    assert included(origin, without_services, files) == (
        "deep/src", "net/a.json", "net/b.json", "parts/api.yaml", "s.graphql", "src",
    )  # fmt: skip


@pytest.mark.parametrize(
    "template",
    [
        "Resources: [",
        "not a template",
        as_json(F={**CODE, "Properties": {"CodeUri": "../../etc"}}),
        as_json(N=stack("template.yaml")),
        as_json(N=stack("../shop/template.yaml")),
        as_json(F={**CODE, "Properties": {"CodeUri": "s3://bucket/code"}}),
    ],
)
def test_a_template_that_cannot_be_packaged_stops_no_other_service(
    origin: Origin, without_services: Topology, template: str
) -> None:
    assert included(origin, without_services, {"shop/template.yaml": template}) == ()


def test_what_the_service_includes_is_not_named_again(
    origin: Origin, without_services: Topology
) -> None:
    toml = '[services.shop]\npath = "shop"\ninclude = ["lib"]\n[services.all]\npath = "."\n'
    origin.commit(
        {
            "tiercel.toml": toml,
            "shop/template.yaml": as_json(F={**CODE, "Properties": {"CodeUri": "../lib/src"}}),
            "template.yaml": as_json(F={**CODE, "Properties": {"CodeUri": "lib"}}),
            "lib/src/app.py": "x",
        }
    )
    services = load_services.fn(origin.fetch(), without_services).services
    assert (services["shop"].include, services["all"].include) == (("lib",), ())


def test_a_link_is_not_followed_to_what_lies_outside(
    origin: Origin, without_services: Topology
) -> None:
    files = {"shop/template.yaml": as_json(F={**CODE, "Properties": {"CodeUri": "../src/app"}})}
    (origin.clone / "src").symlink_to("/etc")
    assert included(origin, without_services, files) == ()
