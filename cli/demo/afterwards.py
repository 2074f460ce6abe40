"""What the demo ends with: how long everything took, what is live, and what to look at next."""

from __future__ import annotations

from typing import Any

from tiercel.cli.demo.stage import Stage
from tiercel.cli.demo.timeline import draw, read_steps, service_of_step, timed_flows
from tiercel.cli.terminal.session import DEFAULT_STATE
from tiercel.domain.pages.board_page import BOARD
from tiercel.flows.engine.artifacts import page_address
from tiercel.sandbox.lifecycle import Sandbox

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
            "flow": flows[step.run_id],
            "service": service_of_step(step.name, services),
            "start": step.start,
            "seconds": step.seconds,
        }
        for step in steps
    ]


def show_what_is_next(stage: Stage, sandbox: Sandbox) -> None:
    """Say where all of it can be looked at, and which commands look."""
    output = stage.output
    state = "" if stage.state == DEFAULT_STATE else f" --state {stage.state}"
    rows = [
        ("what runs where, in Prefect", page_address(BOARD)),
        ("every run, in Prefect", f"{sandbox.prefect_ui_url}/runs"),
        ("what GitHub has, in git", f"git -C {stage.state / 'team'} log --graph --oneline --all"),
        ("what is live where", f"tiercel status --sandbox{state}"),
        ("each release, and why", f"tiercel releases prod --sandbox{state}"),
        ("what a run said", f"tiercel logs acme-prod-catalog --sandbox{state}"),
        ("the end", f"tiercel sandbox down{state}"),
    ]
    output.step("What to look at next; the sandbox keeps running")
    widest = max(len(what) for what, _ in rows)
    for what, where in rows:
        output.result(f"{what:<{widest}}  {where}")
