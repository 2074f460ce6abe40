"""The flows of a release to Preprod, run in this process.

Imports Prefect: `place.work_in` has to come first.
"""

from __future__ import annotations

from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.publish import publish_artifact
from tiercel.flows.release.results import Published


def publish(repository: str, commit: str) -> dict[str, Published]:
    """Publish a commit."""
    quiet = Output(quiet=True)
    return run_flow(
        publish_artifact, quiet, repository=repository, commit=commit, then_deploy=False
    ).result


def deploy(repository: str, commit: str) -> None:
    """Deploy a commit to Preprod."""
    run_flow(deploy_to_preprod, Output(quiet=True), repository=repository, commit=commit)
