"""`tiercel candidate`: verifies what a hotfix or release branch brings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tiercel.cli.terminal.options import RepositoryArgument, RevisionArgument
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.deployed_runs import run_deployment
from tiercel.cli.terminal.running.releasing import commit_to_release, open_releases_named, owned
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.cli.terminal.settings import RunSettings, shared
from tiercel.domain.base.digests import short

if TYPE_CHECKING:
    from tiercel.flows.release.results import VerifiedService

_DEPLOYMENT = "verify-candidate/verify-candidate-preprod"


@shared(RunSettings)
def candidate(
    repository: RepositoryArgument, commit: RevisionArgument, *, settings: RunSettings
) -> None:
    """Verify in Preprod what a hotfix or release branch brings, so that it can be promoted."""
    repository, commit = commit_to_release(settings, "preprod", repository, commit)
    verify(settings, settings.output, repository, commit)


def verify(settings: RunSettings, output: Output, repository: str, commit: str) -> None:
    """Have a commit verified and show it; the process is where Preprod's runs are started."""
    if not settings.local:
        run_deployment(output, _DEPLOYMENT, repository=repository, commit=commit)
        return
    from tiercel.flows.candidate import verify_candidate

    owned(repository)
    with open_releases_named(settings, "preprod"):
        finished = run_flow(verify_candidate, output, repository=repository, commit=commit)
    show_verified(output, finished.result)


def show_verified(output: Output, verified: Mapping[str, VerifiedService]) -> None:
    """Print which release verified each service."""
    from tiercel.domain.release.promotion import verified_in

    seen = {name: verified_in(one.release) for name, one in verified.items()}
    output.document(
        "candidate",
        {
            name: {
                "stack": one.release.intent.stack,
                "release": one.release.intent.number,
                "tried": one.tried,
                "purpose": one.release.intent.purpose.value,
                "branch": one.release.intent.branch,
                "commit": one.release.intent.commit,
                "digest": one.release.intent.artifact_digest,
            }
            for name, one in verified.items()
        },
    )
    if output.as_json:
        return
    output.table(
        "Verified",
        ("service", "this run", "verified in", "artifact"),
        [
            (
                name,
                "verified" if one.tried else "verified before: not tried again",
                words.words if (words := seen[name]) else "",
                short(one.release.intent.artifact_digest),
            )
            for name, one in verified.items()
        ],
        least=("artifact",),
    )
