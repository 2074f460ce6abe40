"""Whose credentials the process has."""

from __future__ import annotations

from tasks.aws_errors import translated
from tasks.clients import caller_client
from tasks.task import world_task


@world_task("identify caller")
def caller_arn(region: str) -> str:
    """Return the ARN of the process's own principal, as AWS vouches for it."""
    with translated("identify the caller", f"region {region}"):
        return str(caller_client("sts", region).get_caller_identity()["Arn"])
