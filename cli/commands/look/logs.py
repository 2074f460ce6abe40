"""`tiercel logs`: what the run of a release said, and what a stack's functions say of failures."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from tiercel.cli.terminal.options import StackArgument
from tiercel.cli.terminal.running.run_lines import is_noise
from tiercel.cli.terminal.settings import Settings, shared
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.base.log_text import log_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect.client.schemas.objects import Log

    from tiercel.cli.terminal.output import Output
    from tiercel.domain.organization.access import Target
    from tiercel.domain.release.ledger import Release
    from tiercel.tasks.aws.function_errors import FunctionErrors

_FUNCTION = "AWS::Lambda::Function"


@shared(Settings)
def logs(
    stack: StackArgument,
    *,
    release: Annotated[
        int, typer.Option(min=0, help="The release whose run is meant; 0: the newest.")
    ] = 0,
    lines: Annotated[
        int, typer.Option(min=1, max=1000, help="How many lines of the run, and of each function.")
    ] = 50,
    hours: Annotated[
        int, typer.Option(min=1, max=720, help="How far back functions are asked.")
    ] = 2,
    settings: Settings,
) -> None:
    """Show the log of the run of a stack's release, and the newest errors of its functions.

    Where one of the two cannot be read it is said, and the other is shown; the command fails if
    neither can.
    """
    from tiercel.domain.configuration.requests import require_stack_name
    from tiercel.domain.organization.names import names_of_stack

    require_stack_name(stack)
    target = settings.target(names_of_stack(settings.topology(), stack))
    output, found = settings.output, _release(target, stack, release)
    document: dict[str, object] = {"stack": stack, "release": found.intent.number}
    parts: dict[str, Callable[[], object]] = {
        "run": lambda: _show_run(output, found, lines),
        "functions": lambda: _show_functions(output, target, stack, hours, lines),
    }
    failures: list[TiercelError] = []
    for name, show in parts.items():
        try:
            document[name] = show()
        except TiercelError as error:
            failures.append(error)
            document[name] = {"error": error.failure.document()}
    if len(failures) == len(parts):
        raise failures[0]
    for failure in failures:
        output.error_note(failure)
    output.document("logs", document)


def _release(target: Target, stack: str, number: int) -> Release:
    """Return the release that is named, or the newest; RefusedInputError if there is none."""
    from tiercel.tasks.records.ledger import newest_release, no_release, read_release

    records = target.records
    found = read_release.fn(records, stack, number) if number else newest_release.fn(records, stack)
    if found is None:
        raise no_release(stack, number or 1, records.bucket)
    return found


def _show_run(output: Output, release: Release, most: int) -> dict[str, object]:
    """Show what the run said, as far as the server of PREFECT_API_URL has it."""
    intent = release.intent
    if not output.as_json:
        output.result(f"Release {intent.number} of {intent.stack}, {release.status.value}")
        output.result(intent.flow_run_url or f"run {intent.flow_run}")
    told = asyncio.run(_lines_of(intent.flow_run, most))
    if not output.as_json:
        for line in told:
            output.result(f"{line.timestamp.astimezone(UTC):%H:%M:%S}  {log_text(line.message)}")
        if not told:
            output.result("The Prefect server of PREFECT_API_URL has no line of that run.")
    lines = [
        {"at": line.timestamp.isoformat(), "level": line.level, "text": line.message}
        for line in told
    ]
    return {"id": intent.flow_run, "url": intent.flow_run_url, "lines": lines}


async def _lines_of(run: str, most: int) -> list[Log]:
    from tiercel.deployments.runs import newest_lines
    from tiercel.deployments.server import prefect_server

    try:
        run_id = UUID(run)
    except ValueError:  # what began the release was no run of Prefect's
        return []
    async with prefect_server() as client:
        found = await newest_lines(client, run_id, most)
    return [line for line in found if not is_noise(line.message)]


def _show_functions(
    output: Output, target: Target, stack: str, hours: int, most: int
) -> list[dict[str, object]]:
    """Show what each function of a stack told of failures, nested stacks included.

    They are found as the auditor, who reads no log; their logs are read as the deployer, who reads
    them for the reason of a release that failed.
    """
    from tiercel.tasks.aws.function_errors import read_function_errors
    from tiercel.tasks.teardown.stack_resources import list_resources

    since = datetime.now(UTC) - timedelta(hours=hours)
    names = [
        one.physical_id
        for one in list_resources.fn(target.auditor, stack, stack)
        if one.resource_type == _FUNCTION and one.physical_id
    ]
    found = [read_function_errors.fn(target.deployer, name, since, most) for name in names]
    if not output.as_json:
        for one in found:
            _show_function(output, one, hours)
        if not found:
            output.result(f"{stack} has no function")
    return [
        {
            "function": one.function,
            "errors": [{"at": error.at.isoformat(), "text": error.text} for error in one.errors],
            "whole": one.whole,
        }
        for one in found
    ]


def _show_function(output: Output, one: FunctionErrors, hours: int) -> None:
    output.result("")
    told = "" if one.errors else f": no errors in {hours} hours"
    output.result(f"Function {one.function}{told}")
    for error in one.errors:
        output.result(f"{error.at:%Y-%m-%d %H:%M:%S}  {error.text}")
    if not one.whole:
        output.result("There are more than can be read: shorten --hours for the newest.")
