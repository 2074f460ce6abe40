from __future__ import annotations

import re

import pytest

from tests.tasks import aws_fixtures
from tests.tasks.aws_fixtures import Between
from tests.tasks.faults import Answer, Question
from tests.tasks.stacks import Workshop, gated, queues, signal
from tiercel.domain.organization.access import Access
from tiercel.domain.organization.names import Names
from tiercel.domain.stack.events import StackEvent
from tiercel.tasks.stack.events import EventStream

runtime = aws_fixtures.runtime
aws = aws_fixtures.aws
between = aws_fixtures.between

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def workshop(runtime: Access, preprod: Names) -> Workshop:
    return Workshop(runtime, preprod)


def identifiers(events: list[StackEvent]) -> list[str]:
    return [event.event_id for event in events]


def test_each_event_comes_once_and_oldest_first(runtime: Access, workshop: Workshop) -> None:
    stack = workshop.finish(workshop.name(), queues(60))
    stream = EventStream(runtime, stack.stack_id)

    created = stream.fresh()
    assert stream.fresh() == []
    workshop.finish(stack.name, queues(1), release=2)
    updated = stream.fresh()

    assert len(created) > 100
    assert len(set(identifiers(created + updated))) == len(created) + len(updated)
    assert created[-1].status == "CREATE_COMPLETE"
    assert updated[0].status == "UPDATE_IN_PROGRESS"
    assert stream.fresh() == []


def test_events_that_come_while_a_stack_is_at_work_are_read_piece_by_piece(
    runtime: Access, workshop: Workshop
) -> None:
    name = workshop.name()
    workshop.start(name, gated())
    stack_id = workshop.observed(name).stack_id
    stream = EventStream(runtime, stack_id, current_operation=True)

    before = stream.fresh()
    signal(name, "SUCCESS")
    workshop.wait(name)
    after = stream.fresh()

    assert not any(event.logical_id == "Last" for event in before)
    assert after[-1].logical_id == name
    assert after[-1].status == "CREATE_COMPLETE"
    everything = EventStream(runtime, stack_id).fresh()
    in_review = [event for event in everything if event.status == "REVIEW_IN_PROGRESS"]
    assert in_review + before + after == everything


def test_the_current_operation_leaves_out_what_was_before_it(
    runtime: Access, workshop: Workshop
) -> None:
    stack = workshop.finish(workshop.name(), queues(1))
    workshop.finish(stack.name, queues(2), release=2)

    events = EventStream(runtime, stack.stack_id, current_operation=True).fresh()

    assert (events[0].logical_id, events[0].status) == (stack.name, "UPDATE_IN_PROGRESS")
    assert ("Queue0", "CREATE_COMPLETE") not in [(e.logical_id, e.status) for e in events]


def test_the_token_is_that_of_the_newest_operation(runtime: Access, workshop: Workshop) -> None:
    stack = workshop.finish(workshop.name(), queues(1))
    stream = EventStream(runtime, stack.stack_id)
    first = stream.newest_token()
    workshop.finish(stack.name, queues(60), release=2)

    assert (first, stream.newest_token()) == ("release-1-attempt-1", "release-2-attempt-1")


def test_an_event_of_which_awss_answer_has_only_the_id_is_no_obstacle(
    between: Between, runtime: Access, workshop: Workshop
) -> None:
    stack = workshop.finish(workshop.name(), queues(1))
    optional = rb"<(LogicalResourceId|PhysicalResourceId|ResourceType|ResourceStatus)>[^<]*</\1>"

    def bare(_: Question, answer: Answer) -> Answer:
        return answer.saying(re.sub(optional, b"", answer.body))

    with between(bare):
        stream = EventStream(runtime, stack.stack_id, current_operation=True)
        assert stream.newest_token() == ""
        events = stream.fresh()

    assert events[0].line().strip() == ""
    assert len(set(identifiers(events))) == len(events)


@pytest.mark.parametrize(("mode", "is_cause"), [("FAIL", True), ("WARN", False)])
def test_a_hook_that_stops_a_resource_is_a_cause_in_its_own_words(
    between: Between, runtime: Access, workshop: Workshop, mode: str, is_cause: bool
) -> None:
    stack = workshop.finish(workshop.name(), queues(1))
    hook = (
        f"<HookType>Acme::Safe::Hook</HookType><HookFailureMode>{mode}</HookFailureMode>"
        "<HookStatus>HOOK_COMPLETE_FAILED</HookStatus>"
        "<HookStatusReason>queues must be encrypted</HookStatusReason></member>"
    ).encode()

    def hooked(_: Question, answer: Answer) -> Answer:
        return answer.saying(answer.body.replace(b"</member>", hook))

    with between(hooked):
        events = EventStream(runtime, stack.stack_id).fresh()

    assert {event.is_cause for event in events} == {is_cause}
    assert all(("Hook: queues must be encrypted" in event.reason) is is_cause for event in events)
