"""What people see on GitHub: statuses, one comment, deployments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from prefect import get_run_logger
from prefect.runtime import flow_run

from tiercel.domain.base.errors import SupersededError, TiercelError
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.pages.pull_request.comment import COMMENT_MARKER, comment
from tiercel.domain.review.check_runs import findings_check
from tiercel.domain.review.statuses import Status, StatusState, candidate_status
from tiercel.domain.review.verdicts import Reviewed
from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.release.preparation import PreparedCommit
from tiercel.flows.release.results import Released
from tiercel.tasks.github.check_runs import mark_findings
from tiercel.tasks.github.pull_requests import upsert_comment
from tiercel.tasks.github.statuses import open_deployment, report_deployment_state, set_status
from tiercel.tasks.github.transport.credentials import app_id, has_credentials


def run_link() -> str:
    """Return the address of the flow run in the Prefect UI, empty where there is none."""
    return str(flow_run.ui_url or "")


async def report_statuses(pull: PullRequest, commit: str, checks: Sequence[Status]) -> None:
    """Set the statuses of a commit, several at once."""
    await each(checks, lambda one: call(set_status, pull.repository, commit, one, run_link()))


async def mark_findings_of(
    pull: PullRequest, commit: str, environment: str, checks: Sequence[Status]
) -> None:
    """Mark what a verification found at lines of files, where Tiercel is a GitHub App.

    Statuses and comment say it too: an App that may write no check runs fails nothing.
    """
    if not app_id():
        return
    check = findings_check(environment, checks)
    try:
        await call(mark_findings, pull.repository, commit, check, run_link())
    except TiercelError as error:
        get_run_logger().warning("findings are not marked at their lines: %s", error.what)


async def comment_on(pull: PullRequest, commit: str, whole: Status, review: Reviewed) -> None:
    """Write or update the comment with the verdict and what a merge would change."""
    await call(upsert_comment, pull, COMMENT_MARKER, comment(whole, review, commit, run_link()))


async def as_github_deployment(
    prepared: PreparedCommit, deploy: Callable[[], Awaitable[dict[str, Released]]]
) -> dict[str, Released]:
    """Run a deploy and show it on GitHub as a deployment of the commit.

    Only a success has to reach GitHub: it neither keeps a deploy from beginning nor hides how
    one failed. Without GitHub credentials the deploy is only run, and the log says so.
    """
    if not has_credentials():
        get_run_logger().info("no GitHub credentials: GitHub hears nothing of this deploy")
        return await deploy()
    shown = _Deployment(prepared)
    await shown.try_to_say("in_progress", "deploying")
    try:
        released = await deploy()
    except SupersededError as error:
        await shown.try_to_say("inactive", error.what)
        raise
    except TiercelError as error:
        await shown.try_to_say("failure", error.what)
        raise
    await shown.say("success", "deployed and verified", address_of(prepared, released))
    return released


async def say_waiting(prepared: PreparedCommit, description: str) -> None:
    """Show the commit's deployment as one that waits, which GitHub calls pending.

    What GitHub does not take is a warning: what waits stands in the ledger.
    """
    if has_credentials():
        await _Deployment(prepared).try_to_say("pending", description)


async def say_of_candidate(prepared: PreparedCommit, state: StatusState, description: str) -> None:
    """Set the commit's status as a candidate, where a pull request of it shows it.

    What GitHub does not take is a warning: the verdict stands in the ledger.
    """
    if not has_credentials():
        return
    status = candidate_status(prepared.target.names.environment.name, state, description)
    commit = prepared.commit
    try:
        await call(set_status, commit.repository, commit.sha, status, run_link())
    except TiercelError as error:
        get_run_logger().warning("GitHub is not told of the candidate: %s", error.what)


class _Deployment:
    """A commit's deployment to an environment, opened on GitHub when there is something to say."""

    def __init__(self, prepared: PreparedCommit) -> None:
        self._repository = prepared.commit.repository
        self._commit = prepared.commit.sha
        self._names = prepared.target.names
        self._number: int | None = None

    async def say(self, state: str, description: str, address: str = "") -> None:
        if self._number is None:
            self._number = await call(
                open_deployment,
                self._repository,
                self._commit,
                self._names.title,
                production=self._names.environment.production,
            )
        await call(
            report_deployment_state,
            self._repository,
            self._number,
            state,
            description,
            log_url=run_link(),
            address=address,
        )

    async def try_to_say(self, state: str, description: str) -> None:
        """Leave it at a warning if GitHub does not take it."""
        try:
            await self.say(state, description)
        except TiercelError as error:
            get_run_logger().warning("the deploy is not shown on GitHub as %s: %s", state, error)


def address_of(prepared: PreparedCommit, released: Mapping[str, Released]) -> str:
    """Return the address of the first service that a smoke test calls by HTTP."""
    for name, service in prepared.topology.services.items():
        if service.smoke_test and service.smoke_test.http:
            return released[name].outputs.get(service.smoke_test.http, "")
    return ""
