"""What people see at three widths, compared with files that somebody has read.

What is shown is made here, so that no time and no id differs from run to run. A file that is
missing is written, and the test fails once: read it, then commit it.
"""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.support.promotion_plans import QUEUE, ROLE, plan, planned
from tests.support.releases import outcome, release
from tiercel.cli.commands.release.plan import show_plan
from tiercel.cli.terminal.comparing import show_differences
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.releases import live_table, release_table
from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.release.ledger import Outcome, Purpose, Rejection, Release, ReleaseStatus
from tiercel.domain.release.live import StackSeen, live_of
from tiercel.domain.review.release_differences import ServiceContents, release_differences
from tiercel.domain.stack.causes import Cause
from tiercel.domain.stack.failures import deploy_failure
from tiercel.domain.stack.states import StackStatus

CAPTURES = Path(__file__).parent / "captures"
WIDTHS = (80, 100, 160)
OPERATOR = "arn:aws:sts::111111111111:assumed-role/acme-preprod-operator/ada.lovelace"
FULFILMENT, ORDERS = "acme-preprod-fulfilment", "acme-preprod-orders"
AS_RELEASED = outcome(stack_token="release-12-attempt-1")


def of(stack: str, number: int, result: Outcome | None = None, **more: Any) -> Release:
    return release(result, stack=stack, number=number, requested_by=OPERATOR, **more)


def status(output: Output) -> None:
    stacks = [
        (live_of(FULFILMENT, [of(FULFILMENT, 12, AS_RELEASED)]), "release-12-attempt-1"),
        (live_of(ORDERS, [of(ORDERS, 13), of(ORDERS, 12, AS_RELEASED)]), "release-12-attempt-1"),
        (live_of("acme-preprod-web", [of("acme-preprod-web", 12, AS_RELEASED)]), "Console-1"),
    ]
    seen = [(live, StackSeen(exists=True, token=token)) for live, token in stacks]
    live_table(output, "Live in preprod", seen)


def releases(output: Output) -> None:
    failed = outcome(
        status=ReleaseStatus.FAILED,
        deployed=False,
        message=f"stack {ORDERS} ended as UPDATE_ROLLBACK_COMPLETE\nwhere: account 222222222222",
    )
    bad = of(ORDERS, 12, AS_RELEASED)
    rejection = Rejection(by=OPERATOR, reason="it loses orders of guests", at=AS_RELEASED.at)
    release_table(
        output,
        "Releases of preprod",
        [
            of(ORDERS, 14, AS_RELEASED, purpose=Purpose.ROLLBACK, restores=11),
            of(ORDERS, 13, failed),
            bad.model_copy(update={"rejection": rejection}),
            of(ORDERS, 11, AS_RELEASED, purpose=Purpose.CANDIDATE, branch="hotfix/1.4.1"),
        ],
    )


def planned_release(output: Output) -> None:
    table = QUEUE.model_copy(
        update={
            "action": "Modify",
            "logical_id": "CustomersOrdersTable",
            "resource_type": "AWS::DynamoDB::Table",
            "replacement": "True",
            "properties": ("AttributeDefinitions", "KeySchema"),
        }
    )
    gone = QUEUE.model_copy(
        update={"action": "Remove", "logical_id": "OldQueue", "policy_action": "Delete"}
    )
    kept = table.model_copy(
        update={"logical_id": "GuestsTable", "policy_action": "ReplaceAndRetain"}
    )
    services = (
        planned("orders", changes=(table, kept, gone, ROLE)),
        planned("fulfilment", changes=(QUEUE,), live=0, follows=True),
        planned("web", changes=(), unchanged=True),
    )
    show_plan(output, plan(*services))


def failure(output: Output) -> None:
    cause = Cause(
        "CustomersOrdersTable",
        "AWS::DynamoDB::Table",
        "UPDATE_FAILED",
        "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
        "Rename acme-preprod-orders-customers and update the stack again.",
    )
    where = f"stack {ORDERS}, account 222222222222, region eu-central-1"
    output.error(deploy_failure(ORDERS, where, StackStatus.UPDATE_ROLLBACK_COMPLETE, "", [cause]))


def rollback(output: Output) -> None:
    def side(number: int, delay: int, **parameters: str) -> dict[str, ServiceContents]:
        queue = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": delay}}
        template: TemplateDocument = {"Resources": {"OrdersToBeDelivered": queue}}
        own = ServiceContents(
            words=f"release {number}",
            artifact_id=str(number) * 64,
            parameters=parameters,
            template=template,
        )
        return {"orders": own}

    found = release_differences(side(18, 5, LogLevel="debug"), side(17, 0, LogLevel="info"))
    show_differences(output, f"{ORDERS}: from release 18 back to 17", found, {})


VIEWS: dict[str, Callable[[Output], None]] = {
    "status": status,
    "releases": releases,
    "plan": planned_release,
    "failure": failure,
    "rollback-dry-run": rollback,
}


def shown(view: str, width: int) -> str:
    """What a terminal of this width shows, without colours and without spaces at ends of lines."""
    output, screen = Output(), StringIO()
    console = Console(width=width, file=screen, color_system=None, highlight=False)
    output._results = output._progress = console
    VIEWS[view](output)
    return "".join(f"{line.rstrip()}\n" for line in screen.getvalue().splitlines())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("view", VIEWS)
def test_a_terminal_shows_what_somebody_has_read(view: str, width: int) -> None:
    file, text = CAPTURES / f"{view}-{width}.txt", shown(view, width)
    if not file.exists():
        file.write_text(text)
        pytest.fail(f"{file} was missing: read what was written there")
    assert text == file.read_text()


def test_every_capture_is_of_something_that_is_shown() -> None:
    wanted = {f"{view}-{width}.txt" for view in VIEWS for width in WIDTHS}
    assert {path.name for path in CAPTURES.iterdir()} == wanted
