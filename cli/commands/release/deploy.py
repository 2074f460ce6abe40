"""`tiercel deploy`: deploys a commit's artifacts to Preprod."""

from __future__ import annotations

from tiercel.cli.terminal.options import RepositoryArgument, RevertDriftOption, RevisionArgument
from tiercel.cli.terminal.releases import show_released
from tiercel.cli.terminal.running.deployed_runs import run_deployment
from tiercel.cli.terminal.running.releasing import commit_to_release, open_releases_named, owned
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.cli.terminal.settings import RunSettings, shared

_DEPLOYMENT = "deploy-to-preprod/deploy-to-preprod"


@shared(RunSettings)
def deploy(
    repository: RepositoryArgument,
    commit: RevisionArgument,
    *,
    revert_drift: RevertDriftOption = False,
    settings: RunSettings,
) -> None:
    """Deploy a commit's published artifacts to Preprod."""
    output = settings.output
    repository, commit = commit_to_release(settings, "preprod", repository, commit)
    given: dict[str, str | bool] = {"repository": repository, "commit": commit}
    if revert_drift:  # else it is the very run that a publication would start
        given["revert_drift"] = True
    if not settings.local:
        run_deployment(output, _DEPLOYMENT, **given)
        return
    from tiercel.flows.deploy import deploy_to_preprod

    owned(repository)
    with open_releases_named(settings, "preprod"):
        finished = run_flow(deploy_to_preprod, output, **given)
    show_released(output, finished.result, "Preprod")
