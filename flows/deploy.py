"""deploy_to_preprod: published artifacts become running stacks."""

from __future__ import annotations

from tiercel.domain.base.errors import SupersededError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.organization.topology import PREPROD
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.parameters import (
    RepositoryParameter,
    RevertDriftParameter,
    RevisionParameter,
)
from tiercel.flows.promotion.candidates import put_all_back
from tiercel.flows.release.pages import report_superseded
from tiercel.flows.release.preparation import PreparedCommit, prepare
from tiercel.flows.release.results import Released
from tiercel.flows.release.services import _published, release_all
from tiercel.flows.release.superseding import superseding_commit


@lifecycle_flow("deploy-to-preprod", "deploy", PREPROD)
async def deploy_to_preprod(
    repository: RepositoryParameter,
    commit: RevisionParameter,
    revert_drift: RevertDriftParameter = False,  # noqa: FBT002 - a check box of the form
) -> dict[str, Released]:
    """Deploy the artifacts of a commit to Preprod's RuntimeAccount.

    Args:
        repository: On GitHub, as `owner/name`. The worker's tiercel.toml has to allow it.
        commit: A commit of Preprod's branch, by its id, or a branch for its newest commit.
        revert_drift: Plan every stack anew, also what is live already, and bring back what was
            changed past CloudFormation.
    """
    prepared = (await prepare(repository, commit, PREPROD)).reverting(revert_drift)
    newer = await superseding_commit(prepared)
    if newer:
        await put_all_back(prepared)
        return await _superseded(prepared, f"commit {short_commit(newer)} is newer and published")
    try:
        return await release_all(prepared, await _published(prepared))
    except SupersededError as error:
        return await _superseded(prepared, error.what)


async def _superseded(prepared: PreparedCommit, by: str) -> dict[str, Released]:
    """Say why nothing is deployed. That is no failure: what is newer is deployed by its own run."""
    await report_superseded(prepared, by)
    return {}
