"""`tiercel publish`, `deploy`, `verify` and `promote`: each starts a run of one deployment.

With --local the flow runs in the command's own process instead, with the caller's credentials.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.deployed_runs import run_deployment
from tiercel.cli.terminal.options import (
    Config,
    Json,
    Local,
    Quiet,
    Repository,
    Revision,
    Sandbox,
    State,
)
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.runs import run_flow
from tiercel.cli.terminal.session import DEFAULT_STATE, use_config, use_sandbox, use_workers
from tiercel.domain.base.digests import short
from tiercel.domain.base.git_names import short_commit

if TYPE_CHECKING:
    from tiercel.domain.review.checks import Check
    from tiercel.flows.release.results import Published, Released

VERIFY = "verify-pull-request/preprod"
PUBLISH = "publish-artifact/preprod"
DEPLOY = "deploy-to-preprod/preprod"
PROMOTE = "promote-to-prod/prod"


@dataclass(frozen=True)
class Place:
    """Where a flow is to run, for which environment; without a sandbox it is AWS."""

    sandbox_state: Path | None
    config: Path | None
    environment: str
    local: bool


def publish(
    repository: Repository,
    commit: Revision,
    *,
    local: Local = False,
    sandbox: Sandbox = False,
    state: State = DEFAULT_STATE,
    config: Config = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Build a commit's services and publish what Preprod does not have yet."""
    output = Output(as_json=as_json, quiet=quiet)
    place = Place(state if sandbox else None, config, "preprod", local=local)
    repository, commit = _settle(place, repository, commit)
    given: dict[str, str | bool] = {
        "repository": repository,
        "commit": commit,
        "then_deploy": False,
    }
    if not local:
        run_deployment(output, PUBLISH, **given)
        return
    from tiercel.flows.publish import publish_artifact  # noqa: PLC0415 - Prefect takes a second

    finished = run_flow(publish_artifact, output, **given)
    show_published(output, finished.result)


def deploy(
    repository: Repository,
    commit: Revision,
    *,
    local: Local = False,
    sandbox: Sandbox = False,
    state: State = DEFAULT_STATE,
    config: Config = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Deploy a commit's published artifacts to Preprod."""
    output = Output(as_json=as_json, quiet=quiet)
    place = Place(state if sandbox else None, config, "preprod", local=local)
    repository, commit = _settle(place, repository, commit)
    if not local:
        run_deployment(output, DEPLOY, repository=repository, commit=commit)
        return
    from tiercel.flows.deploy import deploy_to_preprod  # noqa: PLC0415

    finished = run_flow(deploy_to_preprod, output, repository=repository, commit=commit)
    show_released(output, finished.result)


def promote(
    repository: Repository,
    commit: Revision = "main",
    *,
    local: Local = False,
    sandbox: Sandbox = False,
    state: State = DEFAULT_STATE,
    config: Config = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Release to Prod what Preprod verified for the same source, tag it and announce it."""
    output = Output(as_json=as_json, quiet=quiet)
    place = Place(state if sandbox else None, config, "prod", local=local)
    repository, commit = _settle(place, repository, commit)
    if not local:
        run_deployment(output, PROMOTE, repository=repository, commit=commit)
        return
    from tiercel.flows.promote import promote_to_prod  # noqa: PLC0415

    finished = run_flow(promote_to_prod, output, repository=repository, commit=commit)
    show_released(output, finished.result, "Prod")


def verify(
    repository: Repository,
    number: Annotated[int, typer.Argument(min=1, help="The pull request's number.")],
    commit: Annotated[str, typer.Argument(help="The head to verify, a full commit id.")],
    *,
    local: Local = False,
    sandbox: Sandbox = False,
    state: State = DEFAULT_STATE,
    config: Config = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Build and test what a pull request would bring; nothing is deployed."""
    output = Output(as_json=as_json, quiet=quiet)
    place = Place(state if sandbox else None, config, "preprod", local=local)
    repository, commit = _settle(place, repository, commit)
    if not local:
        run_deployment(output, VERIFY, repository=repository, number=number, commit=commit)
        return
    from tiercel.flows.verify import verify_pull_request  # noqa: PLC0415

    finished = run_flow(
        verify_pull_request, output, repository=repository, number=number, commit=commit
    )
    show_checks(output, finished.result)


def show_checks(output: Output, checks: Sequence[Check]) -> None:
    """Print the statuses that GitHub shows beside the commit."""
    output.document([one.model_dump(mode="json") for one in checks])
    if not output.as_json:
        output.table(
            "Statuses",
            ("context", "state", "description"),
            [(one.context, one.state.value, one.short) for one in checks],
        )


def show_published(output: Output, published: Mapping[str, Published]) -> None:
    """Print what was built and what was there already."""
    output.document(
        {
            name: {
                "artifact_id": result.manifest.artifact_id,
                "digest": result.manifest.digest,
                "built": result.built,
                "uploaded": result.uploaded,
                "objects": [entry.model_dump() for entry in result.manifest.objects],
            }
            for name, result in published.items()
        }
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
    )


def show_released(output: Output, released: Mapping[str, Released], title: str = "Preprod") -> None:
    """Print which release of each service is live now."""
    output.document(
        {
            name: {
                "stack": result.stack.name,
                "release": result.release.intent.number,
                "changed": result.changed,
                "commit": result.release.intent.commit,
                "digest": result.release.intent.artifact_digest,
                "outputs": result.outputs,
                "smoke_test": result.answer,
            }
            for name, result in released.items()
        }
    )
    if output.as_json:
        return
    output.table(
        title,
        ("service", "this run", "release", "stack", "status", "commit", "artifact"),
        [
            (
                name,
                "deployed" if result.changed else "unchanged: nothing deployed",
                str(result.release.intent.number),
                result.stack.name,
                result.stack.status,
                short_commit(result.release.intent.commit),
                short(result.release.intent.artifact_digest),
            )
            for name, result in released.items()
        ],
    )


def _settle(place: Place, repository: str, commit: str) -> tuple[str, str]:
    """Choose sandbox or AWS; in the sandbox a folder is imported as a repository first."""
    if place.sandbox_state is None:
        use_config(place.config)
        return repository, commit
    use_sandbox(place.sandbox_state, place.config, place.environment)
    if not place.local:
        use_workers(place.sandbox_state, place.environment)
    if Path(repository).is_dir():
        from tiercel.cli.terminal.import_folder import import_folder  # noqa: PLC0415

        name, head = import_folder(Path(repository), place.sandbox_state)
        return name, head if commit == "HEAD" else commit
    return repository, commit
