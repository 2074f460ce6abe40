"""`tiercel up`: everything that a Prefect server needs to run the flows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.options import JsonOption, QuietOption
from tiercel.cli.terminal.output import Output

if TYPE_CHECKING:
    from tiercel.deployments.up.install import Installed


def up(
    *,
    environment: Annotated[
        str | None,
        typer.Option(help="Only what belongs to this environment, such as prod; else all."),
    ] = None,
    pool_type: Annotated[
        str, typer.Option(help="The type of a work pool that has to be created.")
    ] = "process",
    notify: Annotated[
        str | None,
        typer.Option(help="A notification block, TYPE/NAME, that hears of failures and more."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A prefect.yaml of your own; else Tiercel's."),
    ] = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bring the work pools, deployments and automations to the server of PREFECT_API_URL.

    Repeatable: what is right already is left alone, and so is what you chose in Prefect.
    """
    output = Output(as_json=as_json, quiet=quiet)
    show_installed(output, install_everything(output, environment, pool_type, notify, file))


def install_everything(
    output: Output,
    environment: str | None = None,
    pool_type: str = "process",
    notify: str | None = None,
    file: Path | None = None,
) -> Installed:
    """Install everything on the Prefect server that this process is pointed at.

    Where its tiercel.toml demands approvals, the schedule that looks for words is switched on.
    """
    with output.waiting("loading Prefect"):
        from tiercel.deployments.following import switch_on
        from tiercel.deployments.prefect_file import installed_prefect_file, read_prefect_file
        from tiercel.deployments.up.install import install
        from tiercel.tasks.source.topology_file import demanding_approvals

        chosen = read_prefect_file(file or installed_prefect_file())
    output.line(f"deploying what {chosen.path} describes")
    part = chosen.only(environment) if environment else chosen
    with output.waiting("deploying"):
        installed = install(part, pool_type=pool_type, notify=notify)
        on = switch_on(one for one in demanding_approvals() if one in part.pools)
    schedules = [
        replace(one, active=one.active or one.deployment in on) for one in installed.schedules
    ]
    return replace(installed, schedules=schedules)


def show_installed(output: Output, installed: Installed) -> None:
    """Print what the server has now, and what became of it."""
    output.document(
        "up",
        {
            "changes": [vars(one) for one in installed.changes],
            "schedules": [vars(one) for one in installed.schedules],
        },
    )
    if output.as_json:
        return
    output.table(
        "On the Prefect server",
        ("what", "name", "this run"),
        [(one.kind, one.name, one.what) for one in installed.changes],
    )
    output.table(
        "Schedules",
        ("deployment", "schedule", "when", "switched"),
        [
            (one.deployment, one.slug, one.when, "on" if one.active else "off")
            for one in installed.schedules
        ],
    )
