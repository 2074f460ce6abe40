"""Which run an event asks for, and whether one that is there already is that run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tiercel.domain.base.digests import digest_of
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.names import deployment_of
from tiercel.domain.organization.topology import Topology
from tiercel.domain.triggers.actions import (
    Action,
    BringUp,
    EndPreview,
    Follow,
    Nothing,
    Preview,
    Promote,
    PublishAndDeploy,
    Rebuild,
    RollBack,
    TakeDown,
    VerifyCandidate,
    VerifyMergeGroup,
)
from tiercel.domain.triggers.actions import VerifyPullRequest as Verify

PROMOTION = "promote-to-prod"
PROMOTION_PLAN = "plan-promotion"
MOST_ATTEMPTS = 100
"""At one event's run; whoever wants more of them starts the flow by its own command."""
ASKED_AGAIN = MOST_ATTEMPTS + 1
"""The tries of a person who asks again."""
FOLLOWED = 2
"""The tries of who looks by himself what is missing: once more, then it is shown."""


@dataclass(frozen=True)
class WantedRun:
    """A run of `deployment`, `FLOW/NAME` as `deployment_of` has it, that an event asks for.

    `subject` names what it is about: two events with the same one want one run. `then` is the
    deployment whose run for the same parameters it starts by itself, empty if there is none.
    `undone_by` is the deployment whose run for the same subject undoes it, empty if there is none:
    after that run it is wanted anew. `goes_on` tells that what a run of it waited for has come: one
    that ended as waiting does not stand for it any more. `looks_again` tells that one which ended
    with a bad verdict does not either. `repeats` tells that a person who asks again has another
    after one that succeeded: what it did may have been undone since, and to do it twice is safe.
    """

    deployment: str
    environment: str
    parameters: dict[str, str | int]
    subject: tuple[str, ...]
    then: str = ""
    undone_by: str = ""
    goes_on: bool = False
    looks_again: bool = False
    repeats: bool = False

    @property
    def name(self) -> str:
        """The deployment's name, as Prefect's lists show it."""
        return self.deployment.rpartition("/")[2]

    @property
    def about(self) -> str:
        """The pull request, the commit, the stack or the environment, for people."""
        given = self.parameters
        if "number" in given:
            return f"#{given['number']} at {short_commit(str(given['commit']))}"
        if given.get("pull_request"):
            return f"#{given['pull_request']}"
        if given.get("commit"):
            return short_commit(str(given["commit"]))
        return str(given.get("stack") or given.get("name") or self.environment)

    def key(self, attempt: int) -> str:
        """Return the idempotency key of an attempt, counted from 0."""
        return self._key(self.deployment, attempt)

    def undoing_key(self, attempt: int) -> str:
        """Return the key of an attempt of the run that undoes it."""
        return self._key(self.undone_by, attempt)

    def _key(self, deployment: str, attempt: int) -> str:
        """Name the flow and the environment: a deployment may be called otherwise one day."""
        flow = deployment.partition("/")[0]
        subject = [f"{flow}/{self.environment}", *self.subject]
        return f"event-{digest_of(subject)}-{attempt}"


class AttemptStatus(StrEnum):
    """What became of one run of a subject so far."""

    LIVE = "live"
    SUCCEEDED = "succeeded"
    WAITING = "waiting"
    """It has ended, and waits for a word or an hour; another run goes on."""
    REJECTED = "rejected"
    """It has said what is bad; that may be mended beside the commit, or pass by itself."""
    OUTDATED = "outdated"
    """It looked at nothing, because GitHub had moved on."""
    CANCELLED = "cancelled"
    """A person has ended it, or the job that asked for it: nobody else begins it again."""
    FAILED = "failed"


_MOST_OUTDATED = 3
"""So many runs look in vain because of one event that is told over and over."""
_NO_TRIES = frozenset(
    {
        AttemptStatus.WAITING,
        AttemptStatus.REJECTED,
        AttemptStatus.OUTDATED,
        AttemptStatus.CANCELLED,
    }
)
"""They did what they could, or were not let, and do not count where failures do."""


def wanted_run(action: Action, topology: Topology, wish: str = "") -> WantedRun | Nothing:
    """Return the run that an action needs.

    `wish` names what a person asked for, empty for what merely happened: each wish has a run. It is
    the number of the workflow's run, by which the flow asks GitHub who that person is.
    """
    match action:
        case Nothing():
            return action
        case Verify() | VerifyMergeGroup():
            return _verification(action, topology)
        case PublishAndDeploy() | VerifyCandidate() | Promote():
            return _of_commit(action, wish)
        case Preview() | EndPreview():
            return _preview(action)
        case BringUp():
            return _brought_up(action, wish)
        case TakeDown() | RollBack() | Rebuild() | Follow():
            return _of_environment(action, wish)


def _verification(action: Verify | VerifyMergeGroup, topology: Topology) -> WantedRun:
    """A pull request is about its head and what that would be merged into.

    When either moves, it is verified again; also into another branch at the same commit, because
    that one demands a status of its own. What a queue would merge has a commit of its own.
    """
    environment, repository = topology.verifying.name, action.repository
    if isinstance(action, Verify):
        return WantedRun(
            deployment=deployment_of("verify-pull-request", environment),
            environment=environment,
            parameters={
                "repository": repository,
                "number": action.number,
                "commit": action.head_commit,
            },
            subject=(
                repository,
                str(action.number),
                action.head_commit,
                action.base,
                action.base_commit,
            ),
            looks_again=action.reopened,
        )
    return WantedRun(
        deployment=deployment_of("verify-merge-group", environment),
        environment=environment,
        parameters={"repository": repository, "branch": action.branch, "commit": action.commit},
        subject=(repository, action.branch, action.commit),
    )


def plan_run(environment: str, repository: str, pull: PullRequest) -> WantedRun:
    """Return the run that plans what merging a release pull request would change in production.

    Production's own worker starts it: no event that another environment hears of does.
    """
    return WantedRun(
        deployment=deployment_of(PROMOTION_PLAN, environment),
        environment=environment,
        parameters={
            "repository": repository,
            "number": pull.number,
            "commit": pull.head_commit,
        },
        subject=(
            repository,
            str(pull.number),
            pull.head_commit,
            pull.base_branch,
            pull.base_commit,
        ),
    )


def _of_commit(action: PublishAndDeploy | VerifyCandidate | Promote, wish: str) -> WantedRun:
    environment, then = action.environment, ""
    match action:
        case PublishAndDeploy():
            flow, then = "publish-artifact", deployment_of("deploy-to-preprod", environment)
        case VerifyCandidate():
            flow = "verify-candidate"
        case Promote():
            flow = PROMOTION
    return WantedRun(
        deployment=deployment_of(flow, environment),
        environment=environment,
        parameters={"repository": action.repository, "commit": action.commit},
        subject=(wish, action.repository, action.commit),
        then=then,
        repeats=not isinstance(action, VerifyCandidate),
    )


def _preview(action: Preview | EndPreview) -> WantedRun:
    """Each of the two undoes the other: a label that is set again brings the environment again."""
    up, down = (
        deployment_of(flow, action.environment) for flow in ("ephemeral-up", "ephemeral-down")
    )
    subject = (action.repository, str(action.number), action.head_commit)
    if isinstance(action, EndPreview):
        end: dict[str, str | int] = {"name": action.name, "if_there": True}
        return WantedRun(down, action.environment, end, subject, undone_by=up)
    asked: dict[str, str | int] = {
        "repository": action.repository,
        "pull_request": action.number,
        "asked_by_label": True,
    }
    return WantedRun(up, action.environment, asked, subject, undone_by=down)


def _brought_up(action: BringUp, wish: str) -> WantedRun:
    asked = action.asked
    given: dict[str, str | int] = {
        "repository": asked.repository,
        "commit": asked.revision,
        "pull_request": asked.pull_request,
        "name": asked.name,
        "services": asked.services,
        "hours": asked.hours,
        "purpose": asked.purpose,
        "asked_by_workflow_run": int(wish or 0),
    }
    return WantedRun(
        deployment=deployment_of("ephemeral-up", action.environment),
        environment=action.environment,
        parameters={name: value for name, value in given.items() if value},
        subject=(wish, *(str(value) for value in given.values())),
    )


def _of_environment(action: TakeDown | RollBack | Rebuild | Follow, wish: str) -> WantedRun:
    environment = action.environment
    given: dict[str, str | int] = {"environment": environment}
    match action:
        case TakeDown():
            flow, given = "ephemeral-down", {"name": action.name}
            if action.if_there:
                given["if_there"] = True
        case RollBack():
            flow, given = "roll-back", given | {"stack": action.stack, "release": action.release}
        case Rebuild():
            flow = "rebuild-from-scratch"
            asked = {"approve": action.approve, "account": action.account}
            given |= {name: value for name, value in asked.items() if value}
            if action.plan_only:
                given["plan_only"] = True
        case Follow():
            flow = "follow-github"
    return WantedRun(
        deployment=deployment_of(flow, environment),
        environment=environment,
        parameters=given,
        subject=(wish, *(str(value) for value in given.values())),
    )


def begun_anew(
    attempts: Sequence[AttemptStatus],
    tries: int = 1,
    *,
    undone: bool = False,
    goes_on: bool = False,
    looks_again: bool = False,
    repeats: bool = False,
) -> bool:
    """Tell whether another run is begun, given how the earlier ones of the same subject stand.

    `attempts` are in their order. One that lives is joined. One that has succeeded is joined, too,
    unless it was `undone` since, or `repeats` and a person asks again. One that ended as waiting is
    joined unless what it waits for has come: then it `goes_on`. One with a bad verdict is begun
    anew for a person who asks again, and if the event `looks_again`; one that is outdated whoever
    asks, because what it missed may be there again, but for the same event told over and over. One
    that was cancelled is begun anew only for a person who asks again. One that failed is begun anew
    while there are fewer than `tries`, those aside that have waited, said what they found or were
    cancelled: the same event twice is no wish for another, and a person who asks again may have as
    many as there can be.
    """
    if not attempts or undone:
        return True
    asked_again = tries >= ASKED_AGAIN
    few = attempts.count(AttemptStatus.OUTDATED) < _MOST_OUTDATED
    return {
        AttemptStatus.LIVE: False,
        AttemptStatus.SUCCEEDED: repeats and asked_again,
        AttemptStatus.WAITING: goes_on,
        AttemptStatus.REJECTED: looks_again or asked_again,
        AttemptStatus.OUTDATED: few or looks_again or tries > 1,
        AttemptStatus.CANCELLED: asked_again,
        AttemptStatus.FAILED: sum(one not in _NO_TRIES for one in attempts) < tries,
    }[attempts[-1]]
