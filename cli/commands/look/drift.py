"""`tiercel drift`: whether stacks and accounts still are what was released and provisioned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.running.deployed_runs import run_deployment
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.cli.terminal.settings import RunSettings, shared
from tiercel.domain.base.errors import ExitCode

if TYPE_CHECKING:
    from tiercel.cli.terminal.output import Output
    from tiercel.domain.drift.report import DriftReport


@shared(RunSettings)
def drift(
    environment: Annotated[str, typer.Argument(help="The environment.")] = "prod",
    *,
    settings: RunSettings,
) -> None:
    """Look for what was changed past Tiercel: resources, stacks, roles and policies."""
    from tiercel.domain.organization.names import deployment_of

    output = settings.output
    name = settings.names(environment).environment.name
    settings.settle(name)
    if not settings.local:
        run_deployment(output, deployment_of("detect-drift", name), environment=name)
        return
    from tiercel.flows.detect_drift import detect_drift

    show_drift(output, run_flow(detect_drift, output, environment=name).result)


def show_drift(output: Output, report: DriftReport) -> None:
    """Print what differs and what to do about it; end the command with an error if anything does.

    The error is that of a check: something is not as it must be, or could not be looked at.
    """
    output.document("drift", report.model_dump(mode="json"))
    if not output.as_json:
        rows = [(one.where, one.what, one.kind, one.why, one.remedy) for one in report.findings]
        if rows:
            header = ("where", "what", "how", "because", "what to do")
            output.table(f"Drift of {report.environment}", header, rows)
        output.result(f"{report.environment}: {report.summary()}")
    if not report.is_clean:
        raise typer.Exit(int(ExitCode.CHECK_FAILED))
