"""Commit statuses and deployments on GitHub: what people see beside a commit."""

from __future__ import annotations

from github.CommitStatus import CommitStatus
from github.GithubObject import NotSet

from tiercel.domain.base.git_names import short_commit
from tiercel.domain.base.text import printable
from tiercel.domain.review.statuses import LONGEST_DESCRIPTION, Status, StatusState
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.github.transport.client import github_call, is_us, repository

_NOT_TAKEN_BACK = ("success", "in_progress")


@world_task("set status", "set status {check.context} {check.state}")
def set_status(name: str, commit: str, check: Status, link: str) -> bool:
    """Set a commit status, unless it is there already; True if this call set it.

    A verdict is not taken back while the same commit is verified once more. GitHub keeps
    1,000 statuses of a commit and context, and every one notifies people. One that somebody else
    has set in our context is no verdict of ours: ours is set above it.
    """
    with github_call("set a commit status", f"{name}@{short_commit(commit)} {check.context}"):
        target = repository(name).get_commit(commit)
        newest = next((s for s in target.get_statuses() if s.context == check.context), None)
        if newest and _leaves(newest, check) and is_us(newest.creator):
            return False
        target.create_status(
            state=check.state.value,
            description=check.short,
            context=check.context,
            target_url=link or NotSet,
        )
        return True


@world_task("read checks", "read checks of {name}@{commit:.7}")
def read_checks(name: str, commit: str) -> dict[str, str]:
    """Return the newest state of each status and check run of a commit, by its name.

    A check run that ended has its conclusion as its state. Where several have one name, the one
    that has not succeeded is told.
    """
    with github_call("read the checks of a commit", f"{name}@{short_commit(commit)}"):
        target = repository(name).get_commit(commit)
        found: dict[str, str] = {}
        for status in target.get_statuses():
            found.setdefault(status.context, status.state)
        for run in target.get_check_runs():
            state = run.conclusion or run.status
            if found.get(run.name, "success") == "success":
                found[run.name] = state
        return found


def _leaves(status: CommitStatus, check: Status) -> bool:
    """Whether there is nothing to say: the run that a status links to may be an earlier one."""
    same = (status.state, status.description) == (check.state.value, check.short)
    is_pending = status.state == StatusState.PENDING
    return same or check.state is StatusState.PENDING or (check.undecided and not is_pending)


@world_task("open deployment", "open GitHub deployment to {environment}")
def open_deployment(name: str, commit: str, environment: str, *, production: bool) -> int:
    """Return the deployment of a commit to an environment; it is created if there is none."""
    with github_call("open a deployment", f"{name}@{short_commit(commit)} {environment}"):
        target = repository(name)
        for found in target.get_deployments(sha=commit, environment=environment):
            return int(found.id)
        made = target.create_deployment(
            ref=commit,
            environment=environment,
            auto_merge=False,
            required_contexts=[],
            production_environment=production,
            description="Released by Tiercel",
        )
        return int(made.id)


@world_task("report deployment", "report GitHub deployment: {state}")
def report_deployment_state(
    name: str, deployment: int, state: str, description: str, *, log_url: str, address: str
) -> None:
    """Set a deployment's state, unless its newest state is the same.

    A success is not taken back while the same commit is deployed once more.
    """
    with github_call("report a deployment", f"{name} deployment {deployment}"):
        target = repository(name).get_deployment(deployment)
        newest = next(iter(target.get_statuses()), None)
        if newest and (newest.state == state or (newest.state, state) == _NOT_TAKEN_BACK):
            return
        target.create_status(
            state=state,
            description=printable(description, LONGEST_DESCRIPTION),
            target_url=log_url or NotSet,
            environment_url=address or NotSet,
        )
