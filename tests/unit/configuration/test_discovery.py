from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.base.errors import ExitCode, RefusedInputError
from tiercel.domain.configuration.discovery import TEMPLATE_NAMES, discover_services
from tiercel.domain.configuration.parsing import parse_services
from tiercel.domain.organization.topology import Environment, Organization, Topology

SERVICE_NAME = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]")

names = st.sampled_from(["orders", "Orders", "ORDERS!", "services", "1", "a", "-", "x" * 60, "ÄÖ"])
folders = names | st.from_regex(r"[A-Za-z0-9 _.-]{1,40}", fullmatch=True).filter(
    lambda name: name not in {".", ".."}
)
templates = st.builds(
    lambda parts, name: "/".join([*parts, name]),
    st.lists(folders, max_size=4),
    st.sampled_from(TEMPLATE_NAMES),
)


def found(*paths: str, repository: str = "shop") -> dict[str, str]:
    """The template of each service, by the service's name."""
    services = discover_services(paths, repository)
    return {name: service.template_path for name, service in services.items()}


def digest(path: str) -> str:
    return sha256_hex(path.encode())[:6]


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_every_folder_with_a_template_is_a_service_called_after_repository_and_folder(
    name: str,
) -> None:
    assert found(f"orders/{name}", "orders/src/app.py", "README.md") == {
        "shop-orders": f"orders/{name}"
    }


def test_the_name_of_a_deeper_folder_shows_its_path_as_a_digest() -> None:
    assert found("services/orders/template.yaml").keys() == {
        f"shop-orders-{digest('shop/services/orders')}"
    }


@pytest.mark.parametrize(
    "path",
    [
        "orders/Template.yaml",
        "orders/template.yaml.bak",
        "orders/my-template.yaml",
        "orders/template.toml",
        "template.yaml/readme",
        "",
    ],
)
def test_other_files_are_no_templates(path: str) -> None:
    assert found(path) == {}


def test_the_template_at_the_root_hides_all_others_and_is_called_after_the_repository() -> None:
    assert found("template.yaml", "nested/template.yaml", repository="My-Shop") == {
        "my-shop": "template.yaml"
    }


def test_a_template_inside_a_services_folder_is_a_nested_one() -> None:
    assert found("orders/template.yaml", "orders/nested/deep/template.yml") == {
        "shop-orders": "orders/template.yaml"
    }


def test_a_folder_whose_name_only_starts_alike_is_a_service_of_its_own() -> None:
    assert found("orders/template.yaml", "orders-2/template.yaml").keys() == {
        "shop-orders",
        "shop-orders-2",
    }


def test_a_folder_with_several_templates_is_one_service_and_always_the_same() -> None:
    paths = [f"orders/{name}" for name in TEMPLATE_NAMES]
    assert found(*paths) == found(*reversed(paths)) == {"shop-orders": "orders/template.json"}


@pytest.mark.parametrize("folder", ["node_modules", ".aws-sam", "tests", "test", "cdk.out"])
def test_folders_that_are_no_sources_hold_no_services(folder: str) -> None:
    assert found(f"{folder}/template.yaml", f"orders/{folder}/x/template.yaml") == {}
    assert found(f"my-{folder}/template.yaml") != {}


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("Orders", f"shop-orders-{digest('shop/Orders')}"),
        ("order_service", f"shop-order-service-{digest('shop/order_service')}"),
        ("--orders--", f"shop-orders-{digest('shop/--orders--')}"),
        ("2fast", "shop-2fast"),
        ("äöü", f"shop-{digest('shop/äöü')}"),
    ],
)
def test_a_folders_name_becomes_a_legal_name(folder: str, name: str) -> None:
    assert found(f"{folder}/template.yaml").keys() == {name}


@pytest.mark.parametrize(
    ("repository", "name"), [("9lives", "service-9lives"), ("_", "service"), ("My-Shop", "my-shop")]
)
def test_a_repositorys_name_becomes_a_legal_name(repository: str, name: str) -> None:
    (found_name,) = found("template.yaml", repository=repository)
    assert found_name in {name, f"{name}-{digest(repository)}"}


@given(st.lists(templates, max_size=6), st.lists(templates, max_size=6))
def test_no_other_folder_changes_what_a_service_is_called(
    some: list[str], others: list[str]
) -> None:
    together = discover_services([*some, *others], "shop")
    for name, service in discover_services(some, "shop").items():
        still_there = [other for other in together.values() if other.path == service.path]
        assert all(other.name == name for other in still_there)


def test_folders_of_one_name_are_told_apart_by_their_paths() -> None:
    paths = ["a/orders/template.yaml", "b/orders/template.yaml", "orders/template.yaml"]
    assert sorted(found(*paths).values()) == sorted(paths)


def test_no_service_is_lost_to_a_folder_that_is_called_like_its_digest() -> None:
    taken = f"orders-{digest('shop/a/orders')}"
    with pytest.raises(RefusedInputError, match=f"called shop-{taken}") as refusal:
        found(f"{taken}/template.yaml", "a/orders/template.yaml")
    assert refusal.value.where == f"{taken} and a/orders"
    assert "tiercel.toml" in refusal.value.remedy


def test_long_names_that_start_alike_stay_apart_and_legal() -> None:
    start = "1" * 40
    paths = [f"{parent}/{start}{end}/template.yaml" for parent in "ab" for end in "xy"]
    names = found(*paths)
    assert len(names) == 4
    assert all(SERVICE_NAME.fullmatch(name) for name in names)


@given(st.lists(templates, max_size=12), st.sampled_from(["shop", "1", "-", "Ünï", "r" * 100]))
def test_any_repository_gives_legal_and_different_names(paths: list[str], name: str) -> None:
    services = discover_services(paths, name)
    assert all(SERVICE_NAME.fullmatch(found) for found in services)
    assert all(service.name == found for found, service in services.items())


@given(st.lists(templates, max_size=12))
def test_every_template_belongs_to_exactly_one_service_or_to_none(paths: list[str]) -> None:
    roots = [PurePosixPath(service.path) for service in discover_services(paths, "shop").values()]
    ignored = {"node_modules", ".aws-sam", "tests", "test", "cdk.out"}
    for path in paths:
        folder = PurePosixPath(path).parent
        if not ignored.intersection(folder.parts):
            assert sum(str(root) == "." or folder.is_relative_to(root) for root in roots) == 1


@given(st.lists(templates, max_size=8), st.randoms())
def test_the_order_of_the_files_does_not_matter(paths: list[str], random: object) -> None:
    shuffled = list(paths)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert discover_services(paths, "shop") == discover_services(shuffled, "shop")


@given(st.lists(st.text(max_size=12).map(lambda folder: f"{folder}/template.yaml"), max_size=5))
def test_any_folders_are_services_or_are_refused(paths: list[str]) -> None:
    try:
        services = discover_services(paths, "shop")
    except RefusedInputError:
        return
    assert all(SERVICE_NAME.fullmatch(name) for name in services)


@pytest.mark.parametrize(
    "folder",
    ["a\\b", "a\nb", "a\x1b[31m", "a\x00b", "\udcff", "a/../b", "/a", "x/" * 600 + "x"],
    ids=ascii,
)
def test_a_folder_that_cannot_stand_in_tiercel_toml_is_refused_with_a_remedy(folder: str) -> None:
    with pytest.raises(RefusedInputError) as refusal:
        found(f"{folder}/template.yaml")
    assert refusal.value.exit_code is ExitCode.REFUSED
    assert refusal.value.where.isprintable()
    assert refusal.value.why
    assert "tiercel.toml" in refusal.value.remedy


def test_what_is_discovered_could_have_been_written_into_tiercel_toml() -> None:
    preprod = Environment(
        name="preprod",
        branch="develop",
        region="eu-central-1",
        infrastructure_account="111111111111",
        runtime_account="222222222222",
        external_id="acme-preprod",
    )
    prod = Environment(
        name="prod",
        branch="main",
        region="eu-central-1",
        infrastructure_account="333333333333",
        runtime_account="444444444444",
        external_id="acme-prod-1",
    )
    topology = Topology(
        organization=Organization(name="acme"), environments={"preprod": preprod, "prod": prod}
    )
    services = discover_services(["a/orders/template.yml", "b/orders/template.json"], "shop")
    text = "\n".join(
        f'[services.{name}]\npath = "{service.path}"\ntemplate = "{service.template}"'
        for name, service in services.items()
    )
    assert parse_services(text, topology).services == services
