"""`tiercel check`: whether an environment's accounts are as they must be, tried for real.

The flow runs in this process, with the caller's credentials: what is checked is also
whether these open the environment. A worker's are checked by a run of the deployment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tiercel.cli.terminal.options import Config, Json, Quiet, Sandbox, State
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.runs import run_flow
from tiercel.cli.terminal.session import DEFAULT_STATE, use_config, use_sandbox
from tiercel.domain.accounts.findings import CheckFailedError, Report, Verdict
from tiercel.domain.base.errors import ExitCode
from tiercel.tasks.source.topology_file import config_path, read_topology


def check(
    environment: Annotated[
        str, typer.Argument(help="preprod or prod; every environment without it.")
    ] = "",
    *,
    sandbox: Sandbox = False,
    state: State = DEFAULT_STATE,
    config: Config = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Try an environment's accounts for real and compare them with what they must be."""
    output = Output(as_json=as_json, quiet=quiet)
    sandbox_state = state if sandbox else None
    reports = [
        _checked(output, one, config, sandbox_state)
        for one in _environments(environment, config, sandbox_state)
    ]
    output.document({one.environment: one.model_dump(mode="json") for one in reports})
    if not as_json:
        for report in reports:
            show_report(output, report)
    if any(report.of(Verdict.RED) for report in reports):
        raise typer.Exit(int(ExitCode.CHECK_FAILED))


def _environments(environment: str, config: Path | None, sandbox_state: Path | None) -> list[str]:
    if sandbox_state:
        use_sandbox(sandbox_state, config)
    use_config(config)
    topology = read_topology(config_path())
    return [topology.environment(environment).name] if environment else list(topology.environments)


def _checked(
    output: Output, environment: str, config: Path | None, sandbox_state: Path | None
) -> Report:
    """Run the check of one environment; one that is red is a result like any other."""
    if sandbox_state:
        use_sandbox(sandbox_state, config, environment)
    from tiercel.flows.check import check_environment  # noqa: PLC0415 - Prefect takes a second
    from tiercel.tasks.aws.clients import forget_clients  # noqa: PLC0415

    forget_clients()
    try:
        report: Report = run_flow(check_environment, output, environment=environment).result
    except CheckFailedError as error:
        if error.report is None:
            raise
        return error.report
    return report


def show_report(output: Output, report: Report) -> None:
    """Print the matrix, then what is red with its remedy, then what was not checked."""
    from tiercel.cli.terminal.check_matrix import matrix, not_checked, reds  # noqa: PLC0415

    for account, kind in report.accounts.items():
        output.draw(matrix(report, account, kind))
    for red in reds(report):
        output.draw(red)
    if report.of(Verdict.UNKNOWN):
        output.draw(not_checked(report))
    output.result(f"{report.environment}: {report.summary()}")
