"""Whose credentials the process has."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from tiercel.domain.base.clock import seconds_ahead
from tiercel.domain.organization.access import Access
from tiercel.tasks.aws.clients import caller_client, client
from tiercel.tasks.aws.errors import translated
from tiercel.tasks.engine.task import world_task

if TYPE_CHECKING:
    from types_boto3_sts import STSClient


class Identity(NamedTuple):
    """As whom a call was made, and by how many seconds this machine's clock is ahead of AWS's."""

    arn: str
    ahead: float | None


def console_url() -> str:
    """Return where the console is if it is not AWS's own, as in the sandbox; else nothing."""
    found = os.environ.get("TIERCEL_CONSOLE_URL", "")
    return found if found.startswith(("https://", "http://")) else ""


@world_task("identify caller")
def caller_arn(region: str) -> str:
    """Return the ARN of the process's own principal, as AWS vouches for it."""
    with translated("identify the caller", f"region {region}"):
        return str(caller_client("sts", region).get_caller_identity()["Arn"])


def who_calls(region: str) -> Identity:
    """Return the process's own principal, and how its clock is; UnreachableError if AWS refuses."""
    with translated("identify the caller", f"region {region}"):
        return _identity(caller_client("sts", region))


def who_becomes(access: Access) -> Identity:
    """Return whom the process becomes by an access; UnreachableError if a role lets it not in."""
    with translated("become a role", access.role_arn):
        return _identity(client("sts", access))


def _identity(sts: STSClient) -> Identity:
    answer = sts.get_caller_identity()
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    return Identity(str(answer["Arn"]), seconds_ahead(date, datetime.now(UTC)))
