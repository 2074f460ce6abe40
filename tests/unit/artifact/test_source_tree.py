from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.artifact.source_tree import (
    SourceTree,
    paths_of_all,
    source_paths,
    source_tree,
    source_trees,
)
from tiercel.domain.organization.services import Service

ORDERS = Service(name="orders", path="services/orders", include=("services/common",))
OBJECTS = {"services/orders": "a" * 40, "services/common": "b" * 40}

paths = st.sampled_from(["orders", "catalog", "common", "lib/x", "."])
object_ids = st.from_regex(r"[0-9a-f]{40}", fullmatch=True)


def test_the_source_of_a_service_is_its_folder_and_what_it_includes() -> None:
    assert source_paths(ORDERS) == ("services/common", "services/orders")


def test_a_path_that_is_included_twice_counts_once() -> None:
    service = ORDERS.model_copy(update={"include": ("lib", "services/orders", "lib")})
    assert source_paths(service) == ("lib", "services/orders")


@given(st.dictionaries(paths, object_ids))
def test_a_change_outside_the_source_gives_the_same_artifact(others: dict[str, str]) -> None:
    unrelated = {f"elsewhere/{path}": sha for path, sha in others.items()}
    assert (
        source_tree(ORDERS, OBJECTS | unrelated).artifact_id
        == source_tree(ORDERS, OBJECTS).artifact_id
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"depends_on": ("storage",)},
        {"parameters": {"LogLevel": "debug"}},
        {"parameters": {"Version": "3.12", "Retention": "30", "Language": "python3.12,go"}},
        {"environments": {"prod": {"parameters": {"LogLevel": "debug"}}}},
        {"smoke_test": {"invoke": "Function"}},
        {"include": ("services/common", "services/orders")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_does_not_go_into_the_packages_gives_the_same_artifact(
    changes: dict[str, Any],
) -> None:
    service = Service.model_validate(ORDERS.model_dump() | changes)
    assert source_tree(service, OBJECTS).artifact_id == source_tree(ORDERS, OBJECTS).artifact_id


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "orders-2"},
        {"template": "template.json"},
        {"build": ("make",)},
        {"build": ("make", "package")},
        {"include": ()},
    ],
    ids=repr,
)
def test_another_recipe_gives_another_artifact(changes: dict[str, Any]) -> None:
    service = ORDERS.model_copy(update=changes)
    assert source_tree(service, OBJECTS).artifact_id != source_tree(ORDERS, OBJECTS).artifact_id


@pytest.mark.parametrize("value", ["python3.12", "arm64", "java17,java21", "arm64, x86_64"])
def test_another_machine_in_tiercel_toml_gives_another_artifact(value: str) -> None:
    service = ORDERS.model_copy(update={"parameters": {"On": value}})
    other = ORDERS.model_copy(update={"parameters": {"On": "python3.11"}})
    ids = {source_tree(one, OBJECTS).artifact_id for one in (ORDERS, service, other)}
    assert len(ids) == 3


def test_the_artifact_id_of_a_machine_in_tiercel_toml_never_changes() -> None:
    service = ORDERS.model_copy(update={"parameters": {"On": "python3.12", "Size": "512"}})
    found = source_tree(service, OBJECTS).artifact_id
    assert found == "aab0980e8b2a90c23d9d76a5ef52e4b580c4355bd465bf3ea460079f0b12c871"


@given(st.sampled_from(sorted(OBJECTS)), object_ids)
def test_another_object_id_of_any_path_gives_another_artifact(path: str, sha: str) -> None:
    changed = source_tree(ORDERS, OBJECTS | {path: sha})
    same = OBJECTS[path] == sha
    assert (changed.artifact_id == source_tree(ORDERS, OBJECTS).artifact_id) is same


def test_two_files_that_change_places_give_another_artifact() -> None:
    swapped = dict(zip(OBJECTS, reversed(OBJECTS.values()), strict=True))
    assert source_tree(ORDERS, swapped).artifact_id != source_tree(ORDERS, OBJECTS).artifact_id


def test_another_package_format_gives_another_artifact() -> None:
    tree = source_tree(ORDERS, OBJECTS)
    raised = tree.model_copy(update={"package_format": tree.package_format + 1})
    assert raised.artifact_id != tree.artifact_id


def test_the_artifact_id_never_changes_for_the_same_source() -> None:
    tree = SourceTree(service="orders", objects={"orders": "1" * 40}, template="orders/t.yaml")
    # Computed once: a new value here means that every published artifact is built again.
    assert tree.artifact_id == "f8b507e854729e04e1603cb62081a39fed7e3bc8424e1427963de828cf40d5bd"


def test_a_path_without_an_object_id_is_an_error() -> None:
    with pytest.raises(KeyError):
        source_tree(ORDERS, {"services/orders": "a" * 40})


@given(st.lists(paths, min_size=1, max_size=4), st.lists(paths, max_size=4))
def test_the_trees_of_all_services_are_those_of_each_alone(
    first: list[str], second: list[str]
) -> None:
    services = [
        Service(name=name, path=wanted[0], include=tuple(wanted[1:]))
        for name, wanted in (("orders", first), ("catalog", second or ["catalog"]))
    ]
    everything = paths_of_all(services)
    objects = {path: f"{number:040}" for number, path in enumerate(everything)}
    assert sorted(everything) == sorted({*first, *(second or ["catalog"])})
    assert source_trees(services, objects) == {
        one.name: source_tree(one, objects) for one in services
    }
