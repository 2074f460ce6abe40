from __future__ import annotations

from typing import Any

import pytest

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.teardown.stack_deletion import (
    BUCKET_TYPE,
    FailedDeletionAction,
    FailedDeletionStep,
    StackResource,
    after_failure,
    deletion_token,
    left_of,
    require_deletable,
    require_deletable_name,
)

ACCOUNT = "222222222222"
ID = f"arn:aws:cloudformation:eu-central-1:{ACCOUNT}:stack/acme-preprod-orders/1"
TAGS = {"tiercel:organization": "acme", "tiercel:service": "orders"}


def failed(kind: str, logical_id: str, name: str = "", nested_in: str = "") -> StackResource:
    return StackResource(logical_id, name, kind, "DELETE_FAILED", "because", nested_in)


BUCKET = failed(BUCKET_TYPE, "Store", "store")
INNER = failed(BUCKET_TYPE, "Inner", "inner", "Nested")
NESTED = failed("AWS::CloudFormation::Stack", "Nested", "arn:...:stack/nested/1")
FACE = failed("AWS::EC2::NetworkInterface", "Face", "eni-1")
EMPTY, REPEAT, RETAIN = FailedDeletionStep


@pytest.mark.parametrize(
    ("resources", "emptied", "repeated", "step", "names"),
    [
        ([BUCKET], set(), False, EMPTY, ("store",)),
        ([BUCKET, FACE], set(), True, EMPTY, ("store",)),
        ([NESTED, INNER, BUCKET], {"store"}, False, EMPTY, ("inner",)),
        ([BUCKET], {"store"}, False, REPEAT, ()),
        ([FACE], set(), False, REPEAT, ()),
        ([], set(), False, REPEAT, ()),
        ([BUCKET], {"store"}, True, RETAIN, ("Store",)),
        ([NESTED, INNER], {"inner"}, True, RETAIN, ("Nested",)),
        ([FACE, BUCKET], {"store"}, True, RETAIN, ("Face", "Store")),
    ],
)
def test_buckets_are_emptied_then_all_is_tried_again_and_only_then_something_stays(
    resources: list[StackResource],
    emptied: set[str],
    repeated: bool,
    step: FailedDeletionStep,
    names: tuple[str, ...],
) -> None:
    assert after_failure(resources, emptied, repeated=repeated) == FailedDeletionAction(step, names)


@pytest.mark.parametrize(
    ("environment", "stack", "code"),
    [
        ("prod", "acme-prod-orders", "teardown.production"),
        ("prod", "acme-preprod-orders", "teardown.production"),
        ("preprod", "acme-prod-orders", "teardown.foreign_name"),
        ("preprod", "acme-preprodx-orders", "teardown.foreign_name"),
        ("preprod", "other-preprod-orders", "teardown.foreign_name"),
        ("preprod", "acme-preprod-", "teardown.foreign_name"),
        ("preprod", "acme-preprod-orders/../x", "teardown.foreign_name"),
        ("preprod", "xacme-preprod-orders", "teardown.foreign_name"),
        ("preprod", "acme-ephemeral-one-orders", "teardown.foreign_name"),
        ("preprod", "", "teardown.foreign_name"),
    ],
)
def test_a_name_that_is_none_of_the_environment_is_refused(
    topology: Topology, environment: str, stack: str, code: str
) -> None:
    with pytest.raises(RefusedInputError, check=because(code)):
        require_deletable_name(Names.of(topology, environment), stack)


def stack(**changes: Any) -> Stack:
    values = {
        "stack_id": ID,
        "name": "acme-preprod-orders",
        "status": StackStatus.CREATE_COMPLETE,
        "reason": "",
        "outputs": {},
        "tags": {**TAGS, "team": "tea"},
    }
    return Stack(**values | changes)


def test_the_very_stack_with_its_tags_in_its_account_may_go(topology: Topology) -> None:
    require_deletable_name(Names.of(topology, "preprod"), "acme-preprod-orders")
    require_deletable(stack(), ACCOUNT, TAGS)
    require_deletable(stack(), ACCOUNT, TAGS, ID)


@pytest.mark.parametrize(
    ("found", "tags", "stack_id", "code"),
    [
        (stack(tags={}), TAGS, "", "teardown.foreign_tags"),
        (stack(tags=TAGS | {"tiercel:service": "x"}), TAGS, "", "teardown.foreign_tags"),
        (stack(), {}, "", "teardown.foreign_tags"),
        (stack(stack_id=ID.replace(ACCOUNT, "4" * 12)), TAGS, "", "teardown.foreign_account"),
        (stack(stack_id="acme-preprod-orders"), TAGS, "", "teardown.foreign_account"),
        (stack(), TAGS, ID.replace("/1", "/2"), "teardown.other_stack"),
    ],
)
def test_another_stack_than_the_one_meant_is_refused(
    found: Stack, tags: dict[str, str], stack_id: str, code: str
) -> None:
    with pytest.raises(RefusedInputError, check=because(code)):
        require_deletable(found, ACCOUNT, tags, stack_id)


@pytest.mark.parametrize(
    ("newest", "number"),
    [
        ("", 1),
        ("release-3-attempt-1", 1),
        ("delete-other-4", 1),
        ("delete-run-1", 2),
        ("delete-run-9", 10),
    ],
)
def test_each_attempt_to_delete_has_a_token_of_its_own(newest: str, number: int) -> None:
    assert deletion_token("run", newest) == f"delete-run-{number}"


@pytest.mark.parametrize(
    ("deleted_functions", "left"),
    [
        ({"acme-preprod-orders-web"}, ["Store"]),
        ({"web"}, ["Store", "WebVersion"]),
        (set(), ["Store", "WebVersion"]),
    ],
)
def test_versions_that_went_with_their_function_are_not_left(
    deleted_functions: set[str], left: list[str]
) -> None:
    version = StackResource(
        "WebVersion",
        f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:acme-preprod-orders-web:3",
        "AWS::Lambda::Version",
        "DELETE_SKIPPED",
    )
    found = left_of([failed(BUCKET_TYPE, "Store", "store"), version], deleted_functions)
    assert [one.logical_id for one in found] == left
