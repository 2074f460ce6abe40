"""Which run an event asks for, and whether one that is there already is that run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tiercel.domain.base.digests import digest_of
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.gitflow.events import (
    Action,
    Nothing,
    Promote,
    PublishAndDeploy,
    RollBack,
    VerifyCandidate,
)
from tiercel.domain.gitflow.events import VerifyPullRequest as Verify
from tiercel.domain.organization.topology import Topology

MOST_ATTEMPTS = 100
"""At one event's run; whoever wants more of them starts the flow by its own command."""
ASKED_AGAIN = MOST_ATTEMPTS + 1
"""The tries of a person who asks again."""
FOLLOWED = 2
"""The tries of who looks by himself what is missing: once more, then it is shown."""


@dataclass(frozen=True)
class WantedRun:
    """A run of `deployment`, `FLOW/ENVIRONMENT` as prefect.yaml has it, that an event asks for.

    `subject` names what it is about: two events with the same one want one run. `then` is the
    deployment whose run for the same parameters it starts by itself, empty if there is none.
    """

    deployment: str
    environment: str
    parameters: dict[str, str | int]
    subject: tuple[str, ...]
    then: str = ""

    @property
    def about(self) -> str:
        """The pull request, the commit or the stack, for people."""
        given = self.parameters
        if "number" in given:
            return f"#{given['number']} at {short_commit(str(given['commit']))}"
        return short_commit(str(given["commit"])) if "commit" in given else str(given["stack"])

    def key(self, attempt: int) -> str:
        """Return the idempotency key of an attempt, counted from 0."""
        return f"event-{digest_of([self.deployment, *self.subject])}-{attempt}"


class AttemptStatus(StrEnum):
    """What became of one run of a subject so far."""

    LIVE = "live"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


def wanted_run(action: Action, topology: Topology, wish: str = "") -> WantedRun | Nothing:
    """Return the run that an action needs.

    `wish` names what a person asked for, empty for what merely happened: each wish has a run.
    A pull request is about its head and what that would be merged into: when either moves, it is
    verified again.
    """
    match action:
        case Nothing():
            return action
        case Verify():
            return WantedRun(
                deployment=f"verify-pull-request/{topology.verifying.name}",
                environment=topology.verifying.name,
                parameters={
                    "repository": action.repository,
                    "number": action.number,
                    "commit": action.head_commit,
                },
                subject=(
                    action.repository,
                    str(action.number),
                    action.head_commit,
                    action.base_commit,
                ),
            )
        case PublishAndDeploy():
            return _of_commit(action, wish, "publish-artifact", then="deploy-to-preprod")
        case VerifyCandidate():
            return _of_commit(action, wish, "verify-candidate")
        case Promote():
            return _of_commit(action, wish, "promote-to-prod")
        case RollBack():
            return WantedRun(
                deployment=f"roll-back/{action.environment}",
                environment=action.environment,
                parameters={
                    "environment": action.environment,
                    "stack": action.stack,
                    "release": action.release,
                },
                subject=(wish, action.stack, str(action.release)),
            )


def _of_commit(
    action: PublishAndDeploy | VerifyCandidate | Promote, wish: str, flow: str, then: str = ""
) -> WantedRun:
    environment = action.environment
    return WantedRun(
        deployment=f"{flow}/{environment}",
        environment=environment,
        parameters={"repository": action.repository, "commit": action.commit},
        subject=(wish, action.repository, action.commit),
        then=f"{then}/{environment}" if then else "",
    )


def begun_anew(attempts: Sequence[AttemptStatus], tries: int = 1) -> bool:
    """Tell whether another run is begun, given how the earlier ones of the same subject stand.

    `attempts` are in their order. One that lives or has succeeded is joined. One that failed or was
    cancelled is begun anew while there are fewer than `tries` of them: the same event twice is no
    wish for another, and a person who asks again may have as many as there can be.
    """
    if not attempts:
        return True
    return attempts[-1] is AttemptStatus.FAILED and len(attempts) < tries
