"""What people see on GitHub: statuses, one comment, deployments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from prefect import get_run_logger
from prefect.runtime import flow_run

from domain.errors import SupersededError, TiercelError
from domain.pull_request_comment import MARKER, comment
from domain.pull_requests import Check, PullRequest, Verdict
from flows.concurrency import call, side_by_side
from flows.preparation import Candidate
from flows.results import Released
from tasks.github_client import has_credentials
from tasks.github_pulls import upsert_comment
from tasks.github_statuses import open_deployment, report_deployment_state, set_status


def run_link() -> str:
    """Return the address of the flow run in the Prefect UI, empty where there is none."""
    return str(flow_run.ui_url or "")


async def report_checks(pull: PullRequest, commit: str, checks: Sequence[Check]) -> None:
    """Set the statuses of a commit, several at once."""
    await side_by_side(
        lambda one=one: call(set_status, pull.repository, commit, one, run_link())  # type: ignore[misc]
        for one in checks
    )


async def comment_on(
    pull: PullRequest, commit: str, whole: Check, verdicts: Sequence[Verdict]
) -> None:
    """Write or update the comment with the verdict and what a merge would change."""
    await call(upsert_comment, pull, MARKER, comment(whole, verdicts, commit))


async def as_github_deployment(
    candidate: Candidate, deploy: Callable[[], Awaitable[dict[str, Released]]]
) -> dict[str, Released]:
    """Run a deploy and show it on GitHub as a deployment of the commit.

    Without GitHub credentials it is only run, and the log says so.
    """
    if not has_credentials():
        get_run_logger().info("no GitHub credentials: GitHub hears nothing of this deploy")
        return await deploy()
    commit, environment = candidate.commit, candidate.names.environment.name
    deployment = await call(
        open_deployment,
        commit.repository,
        commit.sha,
        environment,
        production=environment == "prod",
    )

    async def say(state: str, description: str, address: str = "") -> None:
        await call(
            report_deployment_state,
            commit.repository,
            deployment,
            state,
            description,
            log_url=run_link(),
            address=address,
        )

    await say("in_progress", "deploying")
    try:
        released = await deploy()
    except SupersededError as error:
        await say("inactive", error.what)
        raise
    except TiercelError as error:
        await say("failure", error.what)
        raise
    await say("success", "deployed and verified", _address(candidate, released))
    return released


def _address(candidate: Candidate, released: Mapping[str, Released]) -> str:
    """Return the address of the first service that a smoke test calls by HTTP."""
    for name, service in candidate.topology.services.items():
        if service.smoke_test and service.smoke_test.http:
            return released[name].outputs.get(service.smoke_test.http, "")
    return ""
