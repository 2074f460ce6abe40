from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.artifact.source_tree import SourceTree, belongs, source_paths, source_tree
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
    assert tree.artifact_id == "715683fe800b8f53d7a2d167836d61ca8199f67cbef974d0bd530e22ad1cea48"


def test_a_path_without_an_object_id_is_an_error() -> None:
    with pytest.raises(KeyError):
        source_tree(ORDERS, {"services/orders": "a" * 40})


@pytest.mark.parametrize(
    ("path", "roots", "expected"),
    [
        ("services/orders/app.py", ("services/orders",), True),
        ("services/orders", ("services/orders",), True),
        ("services/orders-2/app.py", ("services/orders",), False),
        ("services/app.py", ("services/orders",), False),
        ("common/x.py", ("services/orders", "common"), True),
        ("anything/at/all", (".",), True),
        ("anything", (), False),
    ],
)
def test_a_file_belongs_to_the_source_it_lies_in(
    path: str, roots: tuple[str, ...], *, expected: bool
) -> None:
    assert belongs(path, roots) is expected
