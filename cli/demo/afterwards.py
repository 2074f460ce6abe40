"""What the demo ends with: how long everything took, what is live, and what to look at next."""

from __future__ import annotations

from typing import Any

from tiercel.cli.demo.stage import Stage
from tiercel.cli.demo.timeline import draw, read_steps, service_of_step, timed_flows
from tiercel.cli.terminal.session import typed
from tiercel.domain.organization.topology import PROD
from tiercel.domain.pages.board_page import BOARD
from tiercel.flows.engine.artifacts import page_address
from tiercel.sandbox.github.memory.urls import Urls

_LEAST_SHOWN_SECONDS = 0.5


def show_what_happened(stage: Stage) -> list[dict[str, Any]]:
    """Show it, unless a document is wanted; return the steps for that."""
    output = stage.output
    with output.waiting("reading how long each step took"):
        steps = read_steps([run.run_id for run in stage.runs])
    flows = {run.run_id: run.flow for run in stage.runs}
    services = {name for released in stage.live.values() for name in released}
    if not output.as_json:
        output.step("What happened")
        output.draw(draw(timed_flows(steps, flows, services), _LEAST_SHOWN_SECONDS, output.width))
        stage.show_what_is_live()
    return [
        {
            "name": step.name,
            "group": step.group,
            "flow": flows[step.run_id],
            "service": service_of_step(step.name, services),
            "start": step.start,
            "seconds": step.seconds,
        }
        for step in steps
    ]


def show_what_is_next(stage: Stage, prefect: str) -> None:
    """Say where all of it can be looked at, `prefect` among it, and which commands look."""
    output = stage.output
    live = sorted(stage.live.get(PROD, {}).values(), key=lambda one: not one.changed)
    stack = live[0].stack.name if live else ""
    github = Urls(stage.team.github.server_url)
    rows = [
        ("what runs where, in Prefect", page_address(BOARD)),
        ("every run, in Prefect", f"{prefect}/runs"),
        ("what happened on GitHub", github.page(stage.repository)),
        ("what is live where", stage.command("status")),
        ("each release, and why", stage.command("releases", PROD)),
        ("what a run said", stage.command("logs", stack) if stack else ""),
        ("the end", typed("sandbox", "down", state=stage.state)),
    ]
    output.step("What to look at next; the sandbox keeps running")
    widest = max(len(what) for what, _ in rows)
    for what, where in rows:
        if where:
            output.result(f"{what:<{widest}}  {where}")
