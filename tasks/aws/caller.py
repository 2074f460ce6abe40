"""Whose credentials the process has."""

from __future__ import annotations

from tiercel.tasks.aws.clients import caller_client
from tiercel.tasks.aws.errors import translated
from tiercel.tasks.engine.task import world_task


@world_task("identify caller")
def caller_arn(region: str) -> str:
    """Return the ARN of the process's own principal, as AWS vouches for it."""
    with translated("identify the caller", f"region {region}"):
        return str(caller_client("sts", region).get_caller_identity()["Arn"])
