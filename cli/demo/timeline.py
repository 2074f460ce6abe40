"""How long each step took, as Prefect recorded it."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any
from uuid import UUID

from rich.markup import escape
from rich.table import Table

from tiercel.domain.base.text import printable

_WIDE_BAR, _NARROW_BAR = 30, 12
_BETWEEN = 8
"""Columns that rich puts around the cells of four columns."""
_PARENTS = "__parents__"
"""The input of a task run that is the one in which it ran."""
_NO_SERVICE = "the rest"
_LONGEST_NAME = 60
_COMMIT = re.compile(r"\b([0-9a-f]{7})[0-9a-f]{33}\b")
_TRIES = 10
_RECORDED_WITHIN_SECONDS = 1.2
"""The server writes what it heard of tasks once a second, see deployments/one_machine."""


@dataclass(frozen=True)
class TimedStep:
    """One task run; times in seconds from the start of the first step.

    `group` is the step of which it is a part, empty if it is none; `has_parts` tells of such.
    """

    name: str
    start: float
    seconds: float
    run_id: str
    group: str = ""
    has_parts: bool = False


@dataclass(frozen=True)
class TimedService:
    """A service within a flow: the seconds in which it was worked on, and the longest step."""

    name: str
    seconds: float
    longest: str


@dataclass(frozen=True)
class TimedFlow:
    """All runs of a flow: the seconds in which a step of theirs ran, and their services."""

    name: str
    runs: int
    seconds: float
    services: tuple[TimedService, ...]


def read_steps(run_ids: Sequence[str]) -> list[TimedStep]:
    """Return the task runs of flow runs in the order in which they began."""
    runs = asyncio.run(_task_runs(run_ids))
    if not runs:
        return []
    began: datetime = min(run.start_time for run in runs)
    within = {run.id: {one.id for one in run.task_inputs.get(_PARENTS, ())} for run in runs}
    groups = set[UUID]().union(*within.values())
    names = {run.id: run.name for run in runs}
    return [
        TimedStep(
            run.name,
            (run.start_time - began).total_seconds(),
            run.total_run_time.total_seconds(),
            str(run.flow_run_id),
            next((names[one] for one in within[run.id] if one in names), ""),
            run.id in groups,
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


def timed_flows(
    steps: Sequence[TimedStep], flows: Mapping[str, str], services: Collection[str]
) -> list[TimedFlow]:
    """Return how long each flow and, in it, each service was worked on; the longest come first.

    `flows` are the names by run. What runs side by side counts once. Steps that name no service
    are the flow's own, and come under an empty name. A step with parts is told by these.
    """
    by_flow: dict[str, dict[str, list[TimedStep]]] = {}
    for step in (one for one in steps if not one.has_parts):
        own = by_flow.setdefault(flows[step.run_id], {})
        own.setdefault(service_of_step(step.name, services), []).append(step)
    runs = Counter(flows.values())
    found = [
        TimedFlow(flow, runs[flow], _busy(chain(*own.values())), _services(own))
        for flow, own in by_flow.items()
    ]
    return sorted(found, key=lambda one: -one.seconds)


def _services(steps: Mapping[str, Sequence[TimedStep]]) -> tuple[TimedService, ...]:
    found = [
        TimedService(name, _busy(own), max(own, key=lambda step: step.seconds).name)
        for name, own in steps.items()
    ]
    return tuple(sorted(found, key=lambda one: -one.seconds))


def service_of_step(step: str, services: Collection[str]) -> str:
    """Return the service that a step's name names as a word of its own; empty if it names none."""
    named = [
        one for one in services if re.search(rf"(?<![a-z0-9]){re.escape(one)}(?![a-z0-9])", step)
    ]
    return max(named, key=len, default="")


def short_step(step: str) -> str:
    """Return a step's name as a line of a terminal has room for it, with commits in short."""
    return _COMMIT.sub(r"\1", step)


def _busy(steps: Iterable[TimedStep]) -> float:
    """Return the seconds in which at least one of the steps ran."""
    seconds, until = 0.0, 0.0
    for step in sorted(steps, key=lambda one: one.start):
        end = step.start + step.seconds
        seconds += max(0.0, end - max(until, step.start))
        until = max(until, end)
    return seconds


def draw(flows: Sequence[TimedFlow], least_seconds: float, width: int) -> Table:
    """Return a bar for each flow and each service that took so long, within a terminal's width."""
    most = max((one.seconds for one in flows), default=0.0) or 1.0
    whole = max(_NARROW_BAR, min(_WIDE_BAR, width // 5))
    table = Table(title="Timeline", title_justify="left", title_style="bold", box=None)
    table.add_column("flow, service", no_wrap=True, min_width=max(map(len, _names(flows))))
    table.add_column("seconds", justify="right", no_wrap=True, min_width=len("seconds"))
    table.add_column("", no_wrap=True, min_width=whole)
    left = width - max(map(len, _names(flows))) - len("seconds") - whole - _BETWEEN
    table.add_column("its longest step", no_wrap=True, overflow="ellipsis", max_width=max(left, 1))
    for flow in flows:
        bar = "━" * max(1, round(whole * flow.seconds / most))
        name = f"[bold]{escape(_name(flow))}[/]"
        table.add_row(name, f"{flow.seconds:.1f}", f"[green]{bar}[/]", "")
        for one in flow.services:
            if one.seconds >= least_seconds:
                bar = "━" * max(1, round(whole * one.seconds / most))
                step = escape(printable(short_step(one.longest), _LONGEST_NAME))
                name = f"  {escape(one.name or _NO_SERVICE)}"
                table.add_row(name, f"{one.seconds:.1f}", f"[dim]{bar}[/]", step)
    return table


def _name(flow: TimedFlow) -> str:
    return f"{flow.name} ({flow.runs} runs)" if flow.runs > 1 else flow.name


def _names(flows: Sequence[TimedFlow]) -> list[str]:
    services = (one for flow in flows for one in flow.services)
    return [_NO_SERVICE, *map(_name, flows), *(f"  {one.name}" for one in services)]
