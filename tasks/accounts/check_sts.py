"""STS for a check: whether a role can be assumed, and how far the local clock is off."""

from __future__ import annotations

import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError

from tiercel.domain.base.errors import UnreachableError
from tiercel.domain.organization.access import Access
from tiercel.tasks.aws.clients import caller_client, client, forget_clients
from tiercel.tasks.aws.errors import translated
from tiercel.tasks.engine.pace import pause
from tiercel.tasks.engine.task import world_task

_ROLES_SECONDS = 120.0
_LOOK_SECONDS = 2.0


@world_task("assume role", "assume role {access.role_arn}")
def assume(access: Access) -> None:
    """Assume a role and ask AWS who it is; TiercelError if it cannot be assumed."""
    with translated("identify a role", access.role_arn):
        arn = str(client("sts", access).get_caller_identity()["Arn"])
    name = access.role_arn.rpartition("/")[2]
    if arn.split(":")[4] != access.account or arn.split("/")[1:2] != [name]:
        raise UnreachableError(
            "check.other_role", "the session is of another role", where=access.role_arn, why=arn
        )


@world_task("wait for roles")
def wait_for_roles(accesses: Sequence[Access]) -> None:
    """Return once each of these roles, which were just made again, can be assumed.

    Sessions of the roles that were there before are worth nothing, so all begin anew. IAM takes
    some seconds to tell of a role:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
    Raises UnreachableError if one cannot be assumed for two minutes.
    """
    forget_clients()
    until = time.monotonic() + _ROLES_SECONDS
    for access in accesses:
        while True:
            try:
                assume.fn(access)
                break
            except UnreachableError:
                if time.monotonic() > until:
                    raise
                pause(_LOOK_SECONDS)


@world_task("compare clocks")
def compare_clocks(region: str) -> float:
    """Return how many seconds the local clock is ahead of AWS's; negative if it is behind.

    AWS dates a refusal, too. To the second: what a call takes is part of the error.
    """
    with translated("ask AWS for the time", f"region {region}"):
        try:
            answer = caller_client("sts", region).get_caller_identity()
        except ClientError as error:
            answer = error.response
            if not _date(answer):
                raise
    return time.time() - parsedate_to_datetime(_date(answer)).timestamp()


def _date(answer: Any) -> str:
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return str(headers.get("date", ""))
