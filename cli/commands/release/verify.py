"""`tiercel verify`: builds and tests what a pull request would bring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.options import RepositoryArgument
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.deployed_runs import run_deployment
from tiercel.cli.terminal.running.releasing import owned
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.cli.terminal.settings import RunSettings, shared

if TYPE_CHECKING:
    from tiercel.domain.review.statuses import Status

_LONGEST_LINE = 500
_DEPLOYMENT = "verify-pull-request/verify-pull-request-preprod"


@shared(RunSettings)
def verify(
    repository: RepositoryArgument,
    number: Annotated[int, typer.Argument(min=1, help="The pull request's number.")],
    commit: Annotated[str, typer.Argument(help="The head to verify, a full commit id.")],
    *,
    settings: RunSettings,
) -> None:
    """Build and test what a pull request would bring; nothing is deployed."""
    from tiercel.domain.configuration import requests

    output = settings.output
    given: dict[str, str | int] = {
        "repository": requests.require_repository_name(repository),
        "number": requests.require_pull_request_number(number),
        "commit": requests.require_commit_id(commit),
    }
    settings.settle("preprod")
    if not settings.local:
        run_deployment(output, _DEPLOYMENT, **given)
        return
    from tiercel.flows.verify import verify_pull_request

    owned(repository)
    show_checks(output, run_flow(verify_pull_request, output, **given).result)


def show_checks(output: Output, checks: Sequence[Status]) -> None:
    """Print the statuses that GitHub shows beside the commit, and what failing tests have said."""
    from tiercel.domain.base.text import printable

    output.document("verify", [one.model_dump(mode="json") for one in checks])
    if not output.as_json:
        output.table(
            "Statuses",
            ("context", "state", "description"),
            [(one.context, one.state.value, one.short) for one in checks],
        )
        for one in checks:
            for line in one.details.splitlines():
                output.result(printable(line, _LONGEST_LINE))
