"""Waiting for an operation on a stack, against the sandbox's CloudFormation."""

from __future__ import annotations

import logging
import re
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.tasks import aws_fixtures
from tests.tasks.aws_fixtures import Between
from tests.tasks.faults import Answer, Faults, Question, error, once
from tests.tasks.stacks import Workshop, gated, queues, signal, signalled_later
from tiercel.domain.organization.access import Access
from tiercel.domain.organization.names import Names
from tiercel.domain.stack.events import StackEvent
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.stack.tokens import change_set_name
from tiercel.tasks.stack.waiting.operation import follow_stack, wait_for_stack
from tiercel.tasks.stack.waiting.under_way import StacksUnderWay

runtime = aws_fixtures.runtime
aws = aws_fixtures.aws
faults = aws_fixtures.faults
between = aws_fixtures.between

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def workshop(runtime: Access, preprod: Names) -> Workshop:
    return Workshop(runtime, preprod)


def test_waiting_lasts_until_the_operation_ends_and_logs_each_event_once_and_in_order(
    runtime: Access, workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    name = workshop.name()
    workshop.start(name, gated())
    caplog.set_level(logging.INFO, logger="tiercel")

    with signalled_later(name, "SUCCESS", 0.5):
        stack, events = wait_for_stack.fn(runtime, name, "orders")

    assert stack.status is StackStatus.CREATE_COMPLETE
    assert len({event.event_id for event in events}) == len(events)
    lines = [(event.logical_id, event.status) for event in events]
    assert stack.token == change_set_name(1, 1)
    assert lines[0] == (name, "CREATE_IN_PROGRESS")
    assert lines[-1] == (name, "CREATE_COMPLETE")
    order = [("First", "CREATE_COMPLETE"), ("Gate", "CREATE_COMPLETE"), ("Last", "CREATE_COMPLETE")]
    assert [line for line in lines if line in order] == order
    logged = [record.getMessage() for record in caplog.records if record.name == "tiercel"]
    assert logged == [f"orders: {event.line()}" for event in events]


def test_a_stack_is_looked_at_when_its_events_tell_the_end_and_seldom_before(
    runtime: Access, workshop: Workshop, between: Between
) -> None:
    name = workshop.name()
    workshop.start(name, gated())
    asked: Counter[bytes] = Counter()

    def count(question: Question, answer: Answer) -> Answer:
        asked.update(re.findall(rb"Action=(DescribeStack\w*)", question.body))
        return answer

    with between(count), signalled_later(name, "SUCCESS", 2.0):
        wait_for_stack.fn(runtime, name, "test")

    assert asked[b"DescribeStacks"] >= 2
    assert asked[b"DescribeStackEvents"] > 2 * asked[b"DescribeStacks"]


def test_many_that_wait_share_one_list_and_look_at_a_stack_when_it_is_not_on_it_any_more(
    runtime: Access, workshop: Workshop, between: Between
) -> None:
    names = [workshop.name() for _ in range(3)]
    plans = {name: workshop.start(name, gated())[0] for name in names}
    asked: Counter[bytes] = Counter()

    def count(question: Question, answer: Answer) -> Answer:
        asked.update(re.findall(rb"Action=(DescribeStack\w*|ListStacks)", question.body))
        if asked[b"ListStacks"] == 4:
            asked[b"ListStacks"] += 1
            for name in names:
                threading.Thread(target=signal, args=[name, "SUCCESS"]).start()
        return answer

    def wait(name: str) -> tuple[Stack, list[StackEvent]]:
        stack_id = plans[name].stack_id
        return wait_for_stack.fn(runtime, stack_id, "test", is_new=True, under_way=under_way)

    under_way = StacksUnderWay(runtime)
    with between(count), ThreadPoolExecutor(len(names)) as pool:
        ended = dict(zip(names, pool.map(wait, names), strict=True))

    for name, (stack, events) in ended.items():
        assert stack.status is StackStatus.CREATE_COMPLETE
        assert stack.token == change_set_name(1, 1)
        assert (events[-1].logical_id, events[-1].status) == (name, "CREATE_COMPLETE")
    assert asked[b"DescribeStackEvents"] <= 3 * len(names), "not while it is on the list"


def test_waiting_for_a_stack_of_sixty_resources_sees_more_events_than_fit_on_one_page(
    runtime: Access, workshop: Workshop
) -> None:
    name = workshop.name()
    workshop.start(name, queues(60))

    _, events = wait_for_stack.fn(runtime, name, "test")

    assert len(events) > 100
    assert len({event.event_id for event in events}) == len(events)
    complete = {event.logical_id for event in events if event.status == "CREATE_COMPLETE"}
    assert complete == {name} | {f"Queue{number}" for number in range(60)}


def test_waiting_for_an_update_sees_only_the_events_of_the_update(
    runtime: Access, workshop: Workshop
) -> None:
    name = workshop.name()
    workshop.finish(name, queues(1))
    workshop.start(name, queues(2), release=2)

    _, events = wait_for_stack.fn(runtime, name, "test")

    assert {event.status.partition("_")[0] for event in events if event.logical_id == name} == {
        "UPDATE"
    }


@pytest.mark.parametrize(
    "effect",
    [
        error("Throttling", 400),
        error("ServiceUnavailable", 503),
        {"reset": True},
        {"response": {"abort_frac": 0.5}},
    ],
    ids=["throttled", "unavailable", "reset", "broken-off"],
)
def test_faults_while_waiting_are_survived_and_no_event_is_lost(
    faults: Faults, runtime: Access, workshop: Workshop, effect: dict[str, Any]
) -> None:
    name = workshop.name()
    workshop.start(name, queues(2))
    operations = ["DescribeStacks", "DescribeStackEvents"]
    faults.inject(*(once("cloudformation", operation, **effect) for operation in operations))

    stack, events = wait_for_stack.fn(runtime, name, "test")

    assert faults.fired() == operations
    assert stack.status is StackStatus.CREATE_COMPLETE
    complete = [event.logical_id for event in events if event.status == "CREATE_COMPLETE"]
    assert sorted(complete) == sorted(["Queue0", "Queue1", name])


def test_nobody_looks_with_a_wait_once_the_stack_goes_back(
    runtime: Access, workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    name = workshop.name()
    workshop.start(name, gated())
    caplog.set_level(logging.INFO, logger="tiercel")
    told: list[list[str]] = []

    def look(*_: object) -> None:
        if not told:
            signal(name, "FAILURE")
        told.append([record.getMessage() for record in caplog.records])

    follow_stack(runtime, name, "test", looks=look)

    back = f"test: ROLLBACK_IN_PROGRESS AWS::CloudFormation::Stack {name}"
    assert told
    assert not [lines for lines in told if any(line.startswith(back) for line in lines)]
    assert any(record.getMessage().startswith(back) for record in caplog.records)
