"""What repositories and AWS say reaches Prefect's log and pages as text, and does nothing there."""

from __future__ import annotations

import asyncio
import logging

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.pages.markdown import escaped
from tiercel.domain.stack.events import StackEvent
from tiercel.flows.engine.concurrency import call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.tasks.engine.task import run_logger, world_task

FORGED = "12:00:00.000 | INFO    | orders: release 3 is live"
HOSTILE = f"no\x1b[2J \u202e[click](https://evil.example)\n{FORGED}"


@world_task("tells")
def tells() -> None:
    event = StackEvent("1", "Hook", "Custom::Hook", "CREATE_FAILED", HOSTILE)
    run_logger().info("%s: %s", "orders", event.line())
    run_logger().info("%s: %s", "orders", " ".join(["make", HOSTILE]))


@lifecycle_flow("hostile-text", "tell", "preprod")
async def telling(repository: str, commit: str) -> None:  # noqa: ARG001 - name of the run
    await call(tells)
    raise RefusedInputError("test.reason", f"it says {HOSTILE}", why=HOSTILE)


async def descriptions(key: str) -> list[str | None]:
    async with get_client() as client:
        wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        return [found.description for found in await client.read_artifacts(artifact_filter=wanted)]


def test_hostile_text_forges_no_log_line_and_no_link(run_log: list[logging.LogRecord]) -> None:
    with pytest.raises(RefusedInputError):
        asyncio.run(telling("acme/shop", "develop"))

    messages = [record.getMessage() for record in run_log]
    told = [one for one in messages if one.startswith("orders: ")]
    assert len(told) == 2
    assert all("[click](https://evil.example) 12:00" in one for one in told)
    (failed,) = [one for one in messages if one.startswith("it says ")]
    assert f"\n       {FORGED}\n  why: " in failed
    for message in messages:
        assert "\x1b" not in message
        assert "\u202e" not in message
        assert not any(line == FORGED for line in message.splitlines())
    (description,) = asyncio.run(descriptions("failure-hostile-text"))
    assert description == escaped(f"it says {HOSTILE}")
