"""What functions wrote of failures is found in their logs, newest last, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.aws import root_client
from tests.tasks import aws_fixtures
from tests.tasks.faults import Faults, error, once
from tiercel.domain.base.errors import UnreachableError
from tiercel.domain.organization.access import Access
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.aws.function_errors import read_function_errors

runtime = aws_fixtures.runtime
aws = aws_fixtures.aws
faults = aws_fixtures.faults

pytestmark = pytest.mark.usefixtures("aws")

FUNCTION = "acme-preprod-talks-Function"


def test_the_newest_errors_of_a_function_are_found(
    sandbox: Sandbox, runtime: Access, faults: Faults
) -> None:
    logs = root_client(sandbox, "preprod-runtime-root", "logs")
    group, now = f"/aws/lambda/{FUNCTION}", datetime.now(UTC)
    since = now - timedelta(hours=1)
    assert read_function_errors.fn(runtime, FUNCTION, since, 2).errors == ()
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="one")
    said = [
        "[ERROR] KeyError: 'an old one'",
        "START RequestId: 1",
        "[ERROR] KeyError: 'orders'\nTraceback (most recent call last):\n\x1b[31m  File",
        "2026-12-01 Task timed out after 3.00 seconds",
        "END RequestId: 1",
    ]
    began = int(now.timestamp() * 1000) - 5000
    events = [{"timestamp": began + n, "message": text} for n, text in enumerate(said)]
    logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)

    found = read_function_errors.fn(runtime, FUNCTION, since, 2)

    assert [one.text for one in found.errors] == [
        "[ERROR] KeyError: 'orders' Traceback (most recent call last): [31m File",
        "2026-12-01 Task timed out after 3.00 seconds",
    ]
    assert found.whole
    assert read_function_errors.fn(runtime, FUNCTION, now + timedelta(hours=1), 2).errors == ()
    faults.inject(once("logs", "FilterLogEvents", **error("AccessDeniedException", 400)))
    with pytest.raises(UnreachableError, match="read a function's log"):
        read_function_errors.fn(runtime, FUNCTION, since, 2)
