"""publish_artifact: what a commit is built from becomes immutable packages."""

from __future__ import annotations

from prefect import get_run_logger

from tiercel.domain.organization.topology import PREPROD
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.parameters import (
    RepositoryParameter,
    RevisionParameter,
    ThenDeployParameter,
)
from tiercel.flows.promotion.handover import start_deploy
from tiercel.flows.release.preparation import PreparedCommit, prepare
from tiercel.flows.release.publication import publish_all
from tiercel.flows.release.results import Published
from tiercel.flows.release.services import is_live


@lifecycle_flow("publish-artifact", "publish", PREPROD)
async def publish_artifact(
    repository: RepositoryParameter,
    commit: RevisionParameter,
    then_deploy: ThenDeployParameter = True,  # noqa: FBT002 - a check box of the form
) -> dict[str, Published]:
    """Build and publish what Preprod's InfrastructureAccount does not have yet.

    Args:
        repository: On GitHub, as `owner/name`. The worker's tiercel.toml has to allow it.
        commit: A commit of Preprod's branch, by its id, or a branch for its newest commit.
        then_deploy: Start `deploy-to-preprod` for the same commit when this is done, unless
            that very thing is live or under way.
    """
    prepared = await prepare(repository, commit, PREPROD)
    result = await publish_all(prepared)
    if then_deploy:
        await _deployed_next(prepared, result)
    return result


async def _deployed_next(prepared: PreparedCommit, published: dict[str, Published]) -> None:
    """Have the commit deployed, unless that very thing is live."""
    manifests = {name: one.manifest for name, one in published.items()}
    is_new = any(one.built for one in published.values())
    if not is_new and await is_live(prepared, manifests):
        get_run_logger().info("deploy: every stack runs this already")
        return
    await start_deploy(prepared)
