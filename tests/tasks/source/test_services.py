from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.codes import because
from tests.tasks.conftest import Origin
from tiercel.domain.base.errors import ConfigurationError, RefusedInputError
from tiercel.domain.organization.configuration import parse_topology
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

    with pytest.raises(ConfigurationError, match="the configuration cannot be read") as failure:
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
