"""`tiercel rollback` and `tiercel reject`: back to an earlier release, and never again to one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.commands.releases import detail_rows, ledger_of, release_row, topology_of
from tiercel.cli.terminal.deployed_runs import run_deployment
from tiercel.cli.terminal.failures import foreign_stack
from tiercel.cli.terminal.options import Config, Json, Local, Quiet, Sandbox, State
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.runs import run_flow
from tiercel.cli.terminal.session import DEFAULT_STATE, use_sandbox, use_workers
from tiercel.domain.base.text import printable
from tiercel.domain.organization.names import Names
from tiercel.domain.release.ledger import Rejection

if TYPE_CHECKING:
    from tiercel.flows.release.results import Released

_LONGEST_REASON = 500
Stack = Annotated[str, typer.Argument(help="The stack, as `tiercel status` names it.")]


def rollback(
    stack: Stack,
    *,
    to: Annotated[
        int, typer.Option(min=0, help="The release to go back to; 0: the last good one before.")
    ] = 0,
    local: Local = False,
    sandbox: Sandbox = False,
    state: State = DEFAULT_STATE,
    config: Config = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Release an earlier release of a stack again, from what the ledger has of it."""
    output = Output(as_json=as_json, quiet=quiet)
    environment = _environment_of(stack, config, state if sandbox else None)
    if sandbox:
        use_sandbox(state, config, environment)
        if not local:
            use_workers(state, environment)
    given: dict[str, str | int | bool] = {
        "environment": environment,
        "stack": stack,
        "release": to,
    }
    if not local:
        run_deployment(output, f"roll-back/{environment}", **given)
        return
    from tiercel.flows.rollback import roll_back  # noqa: PLC0415 - Prefect takes a second

    show_rolled_back(output, run_flow(roll_back, output, **given).result)


def reject(
    stack: Stack,
    number: Annotated[int, typer.Argument(min=1, help="The release to rule out.")],
    *,
    reason: Annotated[str, typer.Option(help="Why, for those who wonder later.")],
    sandbox: Sandbox = False,
    state: State = DEFAULT_STATE,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Rule a release out for good: it is neither promoted nor gone back to any more."""
    from tiercel.tasks.aws.caller import caller_arn  # noqa: PLC0415
    from tiercel.tasks.records.ledger import record_rejection  # noqa: PLC0415

    output = Output(as_json=as_json)
    sandbox_state = state if sandbox else None
    environment = _environment_of(stack, config, sandbox_state)
    records = ledger_of(environment, config, sandbox_state)
    rejection = Rejection(
        by=caller_arn.fn(records.access.region),
        reason=printable(reason, _LONGEST_REASON),
        at=datetime.now(UTC),
    )
    rejected = record_rejection.fn(records, stack, number, rejection)
    output.document(release_row(rejected))
    if not as_json:
        output.table(f"Release {number} of {stack}", ("what", "value"), detail_rows(rejected))


def show_rolled_back(output: Output, restored: Released) -> None:
    """Print which release runs again."""
    output.document(release_row(restored.release) | {"changed": restored.changed})
    if not output.as_json:
        intent = restored.release.intent
        done = "released again" if restored.changed else "unchanged: it is live already"
        output.result(
            f"{intent.stack}: release {intent.restores or intent.number} {done}, "
            f"as release {intent.number}"
        )


def _environment_of(stack: str, config: Path | None, sandbox_state: Path | None) -> str:
    """Return the environment whose prefix a stack's name has."""
    topology = topology_of(config, sandbox_state)
    for name in topology.environments:
        if stack.startswith(Names.of(topology, name).prefix):
            return name
    raise foreign_stack(stack, (Names.of(topology, name).prefix for name in topology.environments))
