"""What there is of a stack, and what of it would be lost."""

from __future__ import annotations

import pytest

from tests.tasks import aws_fixtures
from tests.tasks.aws_fixtures import RUN
from tests.tasks.stacks import Workshop, planned, queues
from tiercel.domain.drill.inventory import (
    DATA_KINDS,
    NAMED_BY,
    NEW_IDS_BESIDE_NAMES,
    DataKind,
)
from tiercel.domain.organization.access import Access, auditor
from tiercel.domain.organization.names import Names
from tiercel.tasks.stack.service_role import published_handlers, published_schema
from tiercel.tasks.teardown.absence import wait_until_gone
from tiercel.tasks.teardown.inventory import Looker, look_at_stack

runtime = aws_fixtures.runtime
remover = aws_fixtures.remover
aws = aws_fixtures.aws


@pytest.mark.usefixtures("aws")
def test_what_is_not_counted_is_told_as_data_and_not_looked_for_when_it_is_gone(
    runtime: Access, remover: Access, preprod: Names
) -> None:
    workshop = Workshop(runtime, preprod)
    name = workshop.name()
    template = queues(1)
    template["Resources"]["Users"] = {"Type": "AWS::Cognito::UserPool"}
    workshop.finish(name, template)

    seen = look_at_stack.fn(Looker(auditor(preprod, RUN), remover), name)

    assert seen
    held = {one.path: one for one in seen.data}
    assert held["Queue0"].items == 0
    assert (held["Users"].kind, held["Users"].items) == (DataKind.USER_POOL, None)
    users = [one for one in seen.resources if one.path == "Users"]
    assert wait_until_gone.fn(remover, users, 0) == []


@pytest.mark.usefixtures("aws")
def test_a_stack_that_has_nothing_but_a_plan_is_none(runtime: Access, preprod: Names) -> None:
    workshop = Workshop(runtime, preprod)
    name = workshop.name()
    planned(runtime, workshop.request(name, queues(1)))

    assert look_at_stack.fn(Looker(auditor(preprod, RUN)), name) is None


@pytest.mark.usefixtures("aws")
def test_nested_templates_say_what_is_named_and_what_stays(runtime: Access, preprod: Names) -> None:
    workshop = Workshop(runtime, preprod)
    name = workshop.name()
    deep = queues(1, QueueName=workshop.name())
    deep["Resources"]["Queue0"] |= {"DeletionPolicy": "Retain"}
    users = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {
        "Table": {"Type": "AWS::Serverless::SimpleTable",
                  "Properties": {"TableName": workshop.name()}},
        "Deep": workshop.nested(deep),
    }}  # fmt: skip
    workshop.finish(name, {"Resources": {"Inner": workshop.nested(users)}})

    seen = look_at_stack.fn(Looker(auditor(preprod, RUN)), name)

    assert seen
    assert {one.path: (one.named, one.retained) for one in seen.resources} == {
        "Inner": (False, False),
        "Inner.Table": (True, False),
        "Inner.Deep.Queue0": (True, True),
    }


def test_every_name_is_a_property_that_aws_has() -> None:
    assert {kind for kind, name in NAMED_BY.items() if name not in _properties(kind)} == set()
    assert NAMED_BY.keys() >= NEW_IDS_BESIDE_NAMES


def _properties(kind: str) -> dict[str, object]:
    properties: dict[str, object] = published_schema("us-east-1", kind)["properties"]
    return properties


def test_every_type_that_holds_data_is_one_of_awss() -> None:
    assert published_handlers("us-east-1", DATA_KINDS).keys() == DATA_KINDS.keys()
