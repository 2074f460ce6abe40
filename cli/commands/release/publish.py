"""`tiercel publish`: builds a commit's services and publishes their artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tiercel.cli.terminal.options import RepositoryArgument, RevisionArgument
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.deployed_runs import run_deployment
from tiercel.cli.terminal.running.releasing import commit_to_release, owned
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.cli.terminal.settings import RunSettings, shared
from tiercel.domain.base.digests import short

if TYPE_CHECKING:
    from tiercel.flows.release.results import Published

_DEPLOYMENT = "publish-artifact/publish-artifact-preprod"


@shared(RunSettings)
def publish(
    repository: RepositoryArgument, commit: RevisionArgument, *, settings: RunSettings
) -> None:
    """Build a commit's services and publish what Preprod does not have yet."""
    repository, commit = commit_to_release(settings, "preprod", repository, commit)
    given: dict[str, str | bool] = {
        "repository": repository,
        "commit": commit,
        "then_deploy": False,
    }
    if not settings.local:
        run_deployment(settings.output, _DEPLOYMENT, **given)
        return
    from tiercel.flows.publish import publish_artifact

    owned(repository)
    show_published(settings.output, run_flow(publish_artifact, settings.output, **given).result)


def show_published(output: Output, published: Mapping[str, Published]) -> None:
    """Print what was built and what was there already."""
    output.document(
        "published",
        {
            name: {
                "artifact_id": result.manifest.artifact_id,
                "digest": result.manifest.digest,
                "built": result.built,
                "uploaded": result.uploaded,
                "objects": [entry.model_dump() for entry in result.manifest.objects],
            }
            for name, result in published.items()
        },
    )
    if output.as_json:
        return
    output.table(
        "Artifacts",
        ("service", "this run", "new packages", "artifact id", "digest"),
        [
            (
                name,
                "built" if result.built else "unchanged: nothing uploaded",
                str(result.uploaded),
                short(result.manifest.artifact_id),
                short(result.manifest.digest),
            )
            for name, result in published.items()
        ],
        least=("artifact id", "digest", "new packages"),
    )
