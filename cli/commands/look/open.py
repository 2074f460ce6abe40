"""`tiercel open`: the address of a page, in a browser where there is one."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.options import StackArgument
from tiercel.cli.terminal.settings import Settings, shared
from tiercel.domain.base.errors import RefusedInputError

if TYPE_CHECKING:
    from tiercel.domain.organization.names import Names
    from tiercel.domain.release.ledger import Release

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Addresses of pages, opened where there is a browser.",
)


@app.command()
@shared(Settings)
def board(
    environment: Annotated[str, typer.Argument(help="The environment; all if none.")] = "",
    *,
    settings: Settings,
) -> None:
    """Open the page in Prefect that says what runs where, or what is live in an environment."""
    from tiercel.domain.pages.board_page import BOARD

    names = settings.names(environment or "preprod")
    settings.become(names.environment.name)
    from tiercel.flows.engine.artifacts import page_address

    lacking = "PREFECT_API_URL names no server with pages"
    _open(settings, page_address(f"live-{names.page}" if environment else BOARD), lacking)


@app.command()
@shared(Settings)
def run(stack: StackArgument, *, settings: Settings) -> None:
    """Open the run in Prefect that made a stack's newest release."""
    _, newest = _newest(settings, stack)
    _open(settings, newest.intent.flow_run_url, "the ledger names no page of that run")


@app.command("stack")
@shared(Settings)
def of_stack(stack: StackArgument, *, settings: Settings) -> None:
    """Open a stack's page in the AWS console, in the right account where a portal is known."""
    from tiercel.domain.pages.links import Links
    from tiercel.tasks.aws.caller import console_url

    names, newest = _newest(settings, stack)
    stack_id = newest.outcome.stack_id if newest.outcome else ""
    environment = names.environment
    links = Links.of(settings.topology(), "", console_url())
    address = links.stack_address(stack_id, environment.runtime_account, environment.region)
    _open(settings, address if stack_id else "", "its newest release has not ended")


@app.command("pr")
@shared(Settings)
def pull_request(
    repository: Annotated[str, typer.Argument(help="owner/name on GitHub.")],
    number: Annotated[int, typer.Argument(min=1, help="The pull request's number.")],
    *,
    settings: Settings,
) -> None:
    """Open a pull request on GitHub."""
    from tiercel.domain.configuration.requests import require_repository_name
    from tiercel.domain.pages.links import Links
    from tiercel.tasks.source.mirrors import server_url

    require_repository_name(repository)
    links = Links.of(settings.topology(), server_url())
    lacking = "GITHUB_SERVER_URL names no server with pages"
    _open(settings, links.pull_request_address(repository, number), lacking)


def _newest(settings: Settings, stack: str) -> tuple[Names, Release]:
    from tiercel.domain.configuration.requests import require_stack_name
    from tiercel.domain.organization.names import names_of_stack
    from tiercel.tasks.records.ledger import newest_release, no_release

    require_stack_name(stack)
    names = names_of_stack(settings.topology(), stack)
    records = settings.target(names).records
    found = newest_release.fn(records, stack)
    if found is None:
        raise no_release(stack, 1, records.bucket)
    return names, found


def _open(settings: Settings, address: str, lacking: str) -> None:
    """Print an address, and open it where somebody sits at a screen."""
    if not address:
        raise RefusedInputError(
            "open.no_address",
            "there is no page to open",
            why=lacking,
            state="nothing was opened",
            remedy="see `tiercel status` and `tiercel doctor`",
        )
    output = settings.output
    output.document("page", {"address": address})
    if settings.as_json:
        return
    output.result(address)
    if sys.stdout.isatty() and _has_screen():
        typer.launch(address)


def _has_screen() -> bool:
    """Tell whether a browser would have a window: one in the terminal would take it over."""
    return sys.platform == "darwin" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
