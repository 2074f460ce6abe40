"""`tiercel sandbox`: start, stop and look at the emulated accounts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.commands.set_up.up import install_everything
from tiercel.cli.terminal.failures import sandbox_not_running
from tiercel.cli.terminal.options import ConfigOption, JsonOption, QuietOption, StateOption
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.session import DEFAULT_STATE, leave_the_world, use_config, use_sandbox

if TYPE_CHECKING:
    from tiercel.sandbox.lifecycle import Sandbox

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Four AWS accounts on this machine."
)


@app.command()
def up(
    *,
    state: StateOption = DEFAULT_STATE,
    config: ConfigOption = None,
    latency: Annotated[
        int, typer.Option(min=0, max=10_000, help="Milliseconds added to every AWS call.")
    ] = 0,
    prefect: Annotated[bool, typer.Option(help="Start a Prefect server beside it.")] = True,
    workers: Annotated[
        bool, typer.Option("--workers", help="Deploy the flows, start a worker an environment.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Start the sandbox, or find that it runs; fill the accounts of the configuration."""
    output = Output(as_json=as_json)
    if workers and not prefect:
        raise typer.BadParameter("workers need a Prefect server: leave out --no-prefect")
    start_sandbox(output, state, config, latency=latency, prefect=prefect)
    if workers:
        _start_workers(output, state)
    show(output, state)


def _start_workers(output: Output, state: Path) -> None:
    from tiercel.sandbox.workers import start_workers
    from tiercel.tasks.source.topology_file import config_path, read_topology

    # Prefect reads its settings when it is imported: the sandbox's have to be there.
    use_sandbox(state, None)
    install_everything(output)
    topology = read_topology(config_path())
    with output.waiting("starting the workers") as spinner:
        start_workers(state, config_path(), list(topology.environments), spinner.update)


def start_sandbox(
    output: Output, state: Path, config: Path | None, *, latency: int = 0, prefect: bool = True
) -> Sandbox:
    """Start the sandbox for the accounts of a configuration, and say what is waited for."""
    from tiercel.sandbox import lifecycle
    from tiercel.tasks.source.topology_file import config_path, read_topology

    leave_the_world()
    use_config(config)
    topology = read_topology(config_path())
    with output.waiting("starting the sandbox") as spinner:
        return lifecycle.up(
            state, topology, latency_ms=latency, prefect=prefect, report=spinner.update
        )


@app.command()
def down(*, state: StateOption = DEFAULT_STATE, quiet: QuietOption = False) -> None:
    """Stop the sandbox; its state stays in the folder for the next start."""
    from tiercel.sandbox import lifecycle

    stopped = lifecycle.down(state)
    Output(quiet=quiet).line("the sandbox is stopped" if stopped else "no sandbox was running")


@app.command()
def status(*, state: StateOption = DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """Say whether the sandbox runs, and at which addresses."""
    show(Output(as_json=as_json), state)


def show(output: Output, state: Path) -> None:
    """Print the addresses of the running sandbox; UnreachableError if there is none."""
    from tiercel.sandbox import lifecycle
    from tiercel.sandbox.workers import running_workers

    sandbox = lifecycle.status(state)
    if sandbox is None:
        raise sandbox_not_running(state)
    facts = {
        "AWS": sandbox.aws_endpoint,
        "Prefect": sandbox.prefect_ui_url or "not started",
        "credentials": str(sandbox.credentials_file),
        "profiles": ", ".join(sandbox.regions),
        "journal of calls": str(sandbox.journal),
        "workers": ", ".join(running_workers(state)) or "none",
    }
    if output.as_json:
        output.document("sandbox", facts | {"environment": sandbox.environ("preprod")})
        return
    output.table("Sandbox", ("", ""), facts.items())
