"""`tiercel promote`: releases to Prod what Preprod verified."""

from __future__ import annotations

from typing import Annotated

import typer

from tiercel.cli.commands.release.candidate import verify
from tiercel.cli.terminal.options import RepositoryArgument, RevisionArgument
from tiercel.cli.terminal.releases import show_released
from tiercel.cli.terminal.running.deployed_runs import run_deployment
from tiercel.cli.terminal.running.following import unseen_words
from tiercel.cli.terminal.running.releasing import commit_to_release, open_releases_named, owned
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.cli.terminal.settings import RunSettings, shared

_DEPLOYMENT = "promote-to-prod/promote-to-prod"


@shared(RunSettings)
def promote(
    repository: RepositoryArgument,
    commit: RevisionArgument = "main",
    *,
    verify_first: Annotated[
        bool, typer.Option("--verify", help="Verify it as a candidate in Preprod before.")
    ] = False,
    settings: RunSettings,
) -> None:
    """Release to Prod what Preprod verified for the same source, tag it and announce it."""
    output = settings.output
    if verify_first:
        repository, commit = commit_to_release(settings, "preprod", repository, commit)
        verify(settings, output.of_a_step_before(), repository, commit)
        settings.become("prod")
    repository, commit = commit_to_release(settings, "prod", repository, commit)
    unseen = unseen_words("prod")
    if unseen:
        output.line(unseen)
    if not settings.local:
        run_deployment(output, _DEPLOYMENT, repository=repository, commit=commit)
        return
    from tiercel.flows.promote import promote_to_prod

    owned(repository)
    with open_releases_named(settings, "prod"):
        finished = run_flow(promote_to_prod, output, repository=repository, commit=commit)
    show_released(output, finished.result, "Prod")
