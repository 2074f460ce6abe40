"""How one flow starts the next: as a run of its deployment, once for each commit."""

from __future__ import annotations

from prefect import get_run_logger
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound

from tiercel.flows.release.preparation import PreparedCommit

DEPLOY_TO_PREPROD = "deploy-to-preprod/preprod"


async def start_deploy(prepared: PreparedCommit) -> None:
    """Ask Prefect for a run that deploys the commit; a worker takes it up.

    The idempotency key is the commit: the same merge announced twice gives one run.
    """
    commit, logger = prepared.commit, get_run_logger()
    try:
        run = await arun_deployment(
            DEPLOY_TO_PREPROD,
            parameters={"repository": commit.repository, "commit": commit.sha},
            idempotency_key=f"{DEPLOY_TO_PREPROD} {commit.repository}@{commit.sha}",
            timeout=0,
            as_subflow=False,
        )
    except ObjectNotFound:
        logger.warning(
            "there is no deployment %s: deploy by `tiercel deploy %s %s`",
            DEPLOY_TO_PREPROD,
            commit.repository,
            commit.sha,
        )
        return
    logger.info("deploy: flow run %s (%s)", run.name, run.state_name)
