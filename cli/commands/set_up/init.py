"""`tiercel init`: what a repository of one's own needs, written or judged, without a call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.onboarding import (
    NewAnswers,
    answered,
    show_readiness,
    show_written,
    write_new,
)
from tiercel.cli.terminal.options import ConfigOption, JsonOption
from tiercel.cli.terminal.output import Output
from tiercel.domain.base.errors import ExitCode

if TYPE_CHECKING:
    from tiercel.domain.onboarding.seen import RepositorySeen

_Account = "12 digits."


def init(
    folder: Annotated[Path, typer.Argument(help="The clone of your repository.")] = Path(),
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Say what would stop a first release; write nothing.")
    ] = False,
    organization: Annotated[str, typer.Option(help="Begins the name of all that is made.")] = "",
    repository: Annotated[str, typer.Option(help="owner/name on GitHub; else its origin.")] = "",
    region: Annotated[str, typer.Option(help="Of both environments.")] = "",
    preprod_infrastructure: Annotated[str, typer.Option(metavar="ACCOUNT", help=_Account)] = "",
    preprod_runtime: Annotated[str, typer.Option(metavar="ACCOUNT", help=_Account)] = "",
    prod_infrastructure: Annotated[str, typer.Option(metavar="ACCOUNT", help=_Account)] = "",
    prod_runtime: Annotated[str, typer.Option(metavar="ACCOUNT", help=_Account)] = "",
    preprod_branch: Annotated[str, typer.Option(help="Feeds Preprod; else develop.")] = "",
    prod_branch: Annotated[str, typer.Option(help="Feeds Prod; else main or master.")] = "",
    tiercel: Annotated[
        str, typer.Option(metavar="OWNER/NAME@COMMIT", help="Your copy, which workflows call.")
    ] = "",
    workflows: Annotated[bool, typer.Option(help="Write the workflows that call Tiercel.")] = True,
    ask: Annotated[bool, typer.Option(help="Ask on a terminal for what no option says.")] = True,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at a repository, and write a tiercel.toml and workflows for it; nothing is called."""
    output = Output(as_json=as_json)
    if check:
        _check(output, folder, config)
        return
    given = NewAnswers(
        organization=organization,
        repository=repository,
        region=region,
        accounts=(preprod_infrastructure, preprod_runtime, prod_infrastructure, prod_runtime),
        branches=(preprod_branch, prod_branch),
        tiercel=tiercel,
    )
    given.require_usable()
    from tiercel.domain.onboarding.proposal import propose

    clone, seen = _seen(folder, repository)
    answers = answered(given, seen, ask=ask and not as_json)
    proposal = propose(seen, answers)
    written, kept = write_new(clone, proposal, answers, workflows=workflows)
    show_written(output, proposal, written, kept)


def _seen(folder: Path, repository: str) -> tuple[Path, RepositorySeen]:
    import tempfile

    from tiercel.tasks.source.working_tree import (
        github_origin,
        root_of_clone,
        see_repository,
        snapshot,
    )

    clone = root_of_clone(folder)
    with tempfile.TemporaryDirectory(prefix="tiercel-init-") as made:
        commit = snapshot(clone, Path(made), repository or github_origin(clone))
        return clone, see_repository(clone, commit)


def _check(output: Output, folder: Path, config: Path | None) -> None:
    from tiercel.cli.terminal.readiness import readiness_of

    found = readiness_of(folder, config)
    show_readiness(output, found)
    if found.errors:
        raise typer.Exit(int(ExitCode.CHECK_FAILED))
