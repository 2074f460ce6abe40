"""`tiercel check`: whether an environment's accounts are as they must be, tried for real.

The flow runs in this process, with the caller's credentials: what is checked is also
whether these open the environment. A worker's are checked by a run of the deployment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.options import QuietOption
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.cli.terminal.settings import Settings, shared
from tiercel.domain.base.errors import ExitCode

if TYPE_CHECKING:
    from tiercel.domain.accounts.findings import CheckReport


@shared(Settings)
def check(
    environment: Annotated[
        str, typer.Argument(help="preprod or prod; every environment without it.")
    ] = "",
    *,
    quiet: QuietOption = False,
    settings: Settings,
) -> None:
    """Try an environment's accounts for real and compare them with what they must be."""
    from tiercel.domain.accounts.findings import Verdict

    output = Output(as_json=settings.as_json, quiet=quiet)
    chosen = [settings.names(environment).environment.name] if environment else []
    reports = [
        _checked(output, one, settings) for one in chosen or settings.topology().environments
    ]
    output.document("check", {one.environment: one.model_dump(mode="json") for one in reports})
    if not settings.as_json:
        for report in reports:
            show_report(output, report)
    if any(report.of(Verdict.RED) for report in reports):
        raise typer.Exit(int(ExitCode.CHECK_FAILED))


def _checked(output: Output, environment: str, settings: Settings) -> CheckReport:
    """Run the check of one environment; one that is red is a result like any other."""
    settings.become(environment)
    from tiercel.domain.accounts.findings import CheckFailedError
    from tiercel.flows.check import check_environment

    try:
        report: CheckReport = run_flow(check_environment, output, environment=environment).result
    except CheckFailedError as error:
        if error.report is None:
            raise
        return error.report
    return report


def show_report(output: Output, report: CheckReport) -> None:
    """Print the matrix, then what is red with its remedy, then what was not checked."""
    from tiercel.cli.terminal.check_matrix import matrix, not_checked, reds
    from tiercel.domain.accounts.findings import Verdict

    for account, kind in report.accounts.items():
        output.draw(matrix(report, account, kind))
    for red in reds(report):
        output.draw(red)
    if report.of(Verdict.UNKNOWN):
        output.draw(not_checked(report))
    output.result(f"{report.environment}: {report.summary()}")
