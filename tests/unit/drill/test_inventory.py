from __future__ import annotations

from typing import Any

import pytest

from tiercel.domain.drill.inventory import DataKind, HeldData, name_in, seen_resources
from tiercel.domain.stack.events import STACK_TYPE
from tiercel.domain.teardown.stack_deletion import BUCKET_TYPE, StackResource

RETAINED: dict[str, Any] = {"DeletionPolicy": "Retain"}


def listed(path: str, kind: str = BUCKET_TYPE) -> StackResource:
    nested_in, _, logical_id = path.rpartition(".")
    return StackResource(logical_id, f"id-of-{path}", kind, "CREATE_COMPLETE", nested_in=nested_in)


def template(kind: str = BUCKET_TYPE, logical_id: str = "Files", **said: Any) -> dict[str, Any]:
    return {"Resources": {logical_id: {"Type": kind, **said}}}


NAMED: dict[str, Any] = {"Properties": {"BucketName": "acme-files"}}
INNER, DEEP = listed("Inner", STACK_TYPE), listed("Inner.Deep", STACK_TYPE)
KEPT_INNER = template(STACK_TYPE, "Inner", **RETAINED)


@pytest.mark.parametrize(
    ("resources", "templates", "named", "retained"),
    [
        ([listed("Files")], {"": template()}, False, False),
        ([listed("Files")], {"": template(**NAMED)}, True, False),
        ([listed("Files")], {"": template(**RETAINED)}, False, True),
        ([listed("Files")], {"": template(DeletionPolicy="RetainExceptOnCreate")}, False, True),
        ([listed("Files")], {"": template(DeletionPolicy="Snapshot")}, False, False),
        ([listed("Files")], {"": template(Properties=None)}, False, False),
        ([listed("Files")], {"": {"Resources": []}}, False, False),
        ([INNER, listed("Inner.Files")], {"": template(**NAMED)}, False, False),
        ([INNER, listed("Inner.Files")], {"Inner": template(**NAMED)}, True, False),
        ([INNER, listed("Inner.Files")], {"Inner": template(**RETAINED)}, False, True),
        ([INNER, listed("Inner.Files")], {"": KEPT_INNER, "Inner": template()}, False, True),
        ([INNER, DEEP, listed("Inner.Deep.Files")], {"": KEPT_INNER}, False, True),
        (
            [INNER, DEEP, listed("Inner.Deep.Files")],
            {"Inner.Deep": template(**NAMED, **RETAINED)},
            True,
            True,
        ),
    ],
)
def test_what_a_template_names_and_retains_is_seen_however_deep_it_is_nested(
    resources: list[StackResource],
    templates: dict[str, dict[str, Any]],
    named: bool,
    retained: bool,
) -> None:
    last = seen_resources(resources, templates)[-1]
    assert (last.path, last.named, last.retained) == (resources[-1].path, named, retained)


def test_a_stack_that_is_nested_in_a_nested_one_is_no_resource_of_its_own() -> None:
    assert [one.path for one in seen_resources([INNER, DEEP], {})] == ["Inner"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("AWS::ECR::Repository", "RepositoryName"),
        ("AWS::ECS::Cluster", "ClusterName"),
        ("AWS::Events::EventBus", "Name"),
        ("AWS::IAM::ManagedPolicy", "ManagedPolicyName"),
        ("AWS::OpenSearchService::Domain", "DomainName"),
        ("AWS::Redshift::Cluster", "ClusterIdentifier"),
    ],
)
def test_a_name_of_its_own_is_known_of_whatever_holds_one(kind: str, name: str) -> None:
    said = template(kind, "It", Properties={name: "acme-it"})
    (found,) = seen_resources([listed("It", kind)], {"": said})
    assert found.named


@pytest.mark.parametrize(
    ("physical_id", "name"),
    [
        ("acme-preprod-files", "acme-preprod-files"),
        ("https://sqs.eu-central-1.amazonaws.com/222222222222/acme-preprod-q", "acme-preprod-q"),
        (
            "arn:aws:kafka:eu-central-1:222222222222:cluster/acme-preprod-k/1a-2",
            "acme-preprod-k/1a-2",
        ),
        ("arn:aws:thing:eu-central-1:222222222222:acme-preprod-t", "acme-preprod-t"),
        ("eu-central-1_Users", "eu-central-1_Users"),
    ],
)
def test_data_is_called_as_an_approval_names_it(physical_id: str, name: str) -> None:
    assert name_in(physical_id) == name


def test_what_nobody_counts_has_no_number() -> None:
    held = HeldData(kind=DataKind.USER_POOL, name="users", path="Users")
    assert held.line().startswith("user pool users: ")
    assert not any(character.isdigit() for character in held.line())
