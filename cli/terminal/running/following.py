"""What is said where a word is waited for that nobody would see by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tiercel.domain.base.errors import UnreachableError

if TYPE_CHECKING:
    from tiercel.deployments.seen_schedules import SeenSchedule


def unseen_words(environment: str) -> str:
    """Return why an environment that demands approvals does not look for words, empty if it does.

    Nothing is said where the configuration is not at hand, or no Prefect server is named or
    answers: nobody knows then.
    """
    from tiercel.tasks.source.topology_file import demanding_approvals

    if environment not in demanding_approvals():
        return ""
    from tiercel.deployments.seen_schedules import FOLLOW_GITHUB, why_off
    from tiercel.domain.organization.names import deployment_of

    name = deployment_of(FOLLOW_GITHUB, environment)
    try:
        why = why_off(name, _schedule(name))
    except UnreachableError:
        return ""
    if not why:
        return ""
    return (
        f"no run looks for words in {environment}: {why}; `tiercel up --environment {environment}` "
        "switches that on, and each `tiercel promote` looks once"
    )


def _schedule(name: str) -> SeenSchedule | None:
    """Ask without Prefect, whose import takes longer than all else; then its own client."""
    from tiercel.deployments.seen_schedules import NotAnsweredError, seen_schedule

    try:
        return seen_schedule(name)
    except NotAnsweredError:
        from tiercel.deployments.following import seen_by_prefect

        return asyncio.run(seen_by_prefect(name))
