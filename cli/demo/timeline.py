"""How long each step took, as Prefect recorded it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.markup import escape
from rich.table import Table

from tiercel.domain.base.text import printable

_BAR_WIDTH = 40
_LONGEST_NAME = 60
_TRIES = 10
_RECORDED_WITHIN_SECONDS = 1.2
"""The server writes what it heard of tasks once a second, see deployments/one_machine."""


@dataclass(frozen=True)
class TimedStep:
    """One task run; times in seconds from the start of the first step."""

    name: str
    start: float
    seconds: float


def read_steps(run_ids: Sequence[str]) -> list[TimedStep]:
    """Return the task runs of flow runs in the order in which they began."""
    runs = asyncio.run(_task_runs(run_ids))
    if not runs:
        return []
    began: datetime = min(run.start_time for run in runs)
    return [
        TimedStep(
            run.name, (run.start_time - began).total_seconds(), run.total_run_time.total_seconds()
        )
        for run in sorted(runs, key=lambda run: run.start_time)
    ]


async def _task_runs(run_ids: Sequence[str]) -> list[Any]:
    """Return them when all have ended and no more come."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterId,
    )

    wanted = FlowRunFilter(id=FlowRunFilterId(any_=list(run_ids)))
    found: list[Any] = []
    async with get_client() as client:
        for _ in range(_TRIES):
            before, found = len(found), []
            while page := await client.read_task_runs(
                flow_run_filter=wanted, offset=len(found), limit=200
            ):
                found += page
            if found and len(found) == before and all(run.end_time for run in found):
                break
            await asyncio.sleep(_RECORDED_WITHIN_SECONDS)
    return [run for run in found if run.start_time and run.end_time]


def draw(steps: Sequence[TimedStep], least_seconds: float = 0.0) -> Table:
    """Return a chart with one bar a step; steps below the given seconds are left out."""
    end = max((step.start + step.seconds for step in steps), default=0.0) or 1.0
    table = Table(title="Timeline", title_justify="left", title_style="bold", box=None)
    table.add_column("step", overflow="fold")
    table.add_column("at", justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("")
    for step in steps:
        if step.seconds < least_seconds:
            continue
        before = round(step.start / end * _BAR_WIDTH)
        length = max(1, round(step.seconds / end * _BAR_WIDTH))
        table.add_row(
            escape(printable(step.name, _LONGEST_NAME)),
            f"{step.start:.1f}",
            f"{step.seconds:.2f}",
            " " * before + "[green]" + "━" * min(length, _BAR_WIDTH - before or 1) + "[/]",
        )
    return table
