"""`tiercel doctor`: whether this machine, AWS, Prefect and GitHub are as Tiercel needs them."""

from __future__ import annotations

from typing import Annotated

import typer

from tiercel.cli.terminal.settings import Settings, shared
from tiercel.domain.base.errors import ExitCode


@shared(Settings)
def doctor(
    environment: Annotated[
        str, typer.Argument(help="preprod or prod; every environment without it.")
    ] = "",
    *,
    settings: Settings,
) -> None:
    """Look at tools, versions, credentials, clock, server and workers, and say what to do.

    Whether accounts are as they must be says `tiercel check`, which tries them. Without a name,
    what is another environment's is not looked at.
    """
    from tiercel.cli.terminal.examining import examine
    from tiercel.domain.onboarding.health import Health

    output = settings.output
    with output.waiting("looking"):
        found = list(examine(settings, environment))
    output.document("doctor", [one.model_dump(mode="json") for one in found])
    if not settings.as_json:
        output.table(
            "What Tiercel needs",
            ("area", "what", "health", "found"),
            [(one.area, one.what, one.health.value, one.found) for one in found],
        )
        for one in found:
            if one.remedy:
                output.result(f"{one.area}, {one.what}: {one.remedy}")
    if any(one.health is Health.WRONG for one in found):
        raise typer.Exit(int(ExitCode.CHECK_FAILED))
