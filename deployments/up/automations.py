"""What Prefect's server does by itself: it ends runs that died, and tells somebody."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from tiercel.domain.base.errors import WAITING_STATE
from tiercel.domain.base.notices import NoticeKind
from tiercel.domain.review.statuses import OUTDATED_STATE, REJECTED_STATE
from tiercel.domain.teardown.reaper import ENDS_SOON_EVENT

TAG = "tiercel"
"""Every deployment has it; runs that the command makes in its own process do not."""

HEARTBEAT_SECONDS = 30
"""The least that Prefect takes. prefect.yaml sets it for every run."""

DEAD_AFTER = timedelta(seconds=3 * HEARTBEAT_SECONDS)
NEVER_STARTED_AFTER = timedelta(minutes=15)

_HEARTBEAT = "prefect.flow-run.heartbeat"
_PENDING = "prefect.flow-run.Pending"
# States after which no heartbeat is due. Cancelling is one of them although whoever has to cancel
# may be dead: the server lets such a run become nothing but Cancelled, which it does by itself.
_AT_REST = {
    f"prefect.flow-run.{name}"
    for name in (
        "AwaitingConcurrencySlot",
        "AwaitingRetry",
        "Cancelled",
        "Cancelling",
        "Completed",
        "Crashed",
        "Failed",
        "Late",
        OUTDATED_STATE,
        "Paused",
        REJECTED_STATE,
        "Scheduled",
        "Suspended",
        "TimedOut",
        WAITING_STATE,
    )
}


_NOTICES = {
    NoticeKind.WAITING: ("promotions that wait", "a promotion that waits for somebody's word"),
    NoticeKind.ROLLED_BACK: ("rollbacks", "a stack that went back to an earlier release"),
    NoticeKind.DRIFTED: ("drift", "what was changed past Tiercel"),
    NoticeKind.DRILL_MISSED: ("missed drills", "a drill that missed what it is to reach"),
}


def automations(notification_block: UUID | None) -> list[AutomationCore]:
    """Return the automations that a server should have.

    Those that notify need a notification block of the server, and are left out without.
    """
    always = [_dead_runs(), _runs_that_never_start()]
    if notification_block is None:
        return always
    notices = [_notice(kind, notification_block) for kind in NoticeKind]
    return [
        *always,
        _notification(notification_block),
        _ends_soon(notification_block),
        *notices,
    ]


def _dead_runs() -> AutomationCore:
    return AutomationCore(
        name="tiercel: mark dead runs as crashed",
        description=(
            f"A run that gave no sign of life for {DEAD_AFTER.seconds} seconds is dead: its "
            "process, its worker or its machine is gone."
        ),
        trigger=_absence({_HEARTBEAT}, {_HEARTBEAT} | _AT_REST, DEAD_AFTER),
        actions=[
            _crashed(
                f"No sign of life for {DEAD_AFTER.seconds} seconds: the process, the worker or "
                "its machine died. AWS goes on with what it was told. Run it again with the same "
                "parameters: it goes on where this run stopped."
            )
        ],
    )


def _runs_that_never_start() -> AutomationCore:
    minutes = NEVER_STARTED_AFTER.seconds // 60
    started = {_HEARTBEAT, "prefect.flow-run.Running"} | _AT_REST
    return AutomationCore(
        name="tiercel: mark runs that never start as crashed",
        description=(
            f"A worker took the run and it did not begin within {minutes} minutes: the worker "
            "died, or its infrastructure did not come up."
        ),
        trigger=_absence({_PENDING}, started, NEVER_STARTED_AFTER),
        actions=[
            _crashed(
                f"A worker took this run and it did not begin within {minutes} minutes. Look at "
                "the worker, then run it again with the same parameters."
            )
        ],
    )


def _notification(block: UUID) -> AutomationCore:
    return AutomationCore(
        name="tiercel: notify of failed runs",
        description="Tells somebody of a run that failed or crashed; see `tiercel up --notify`.",
        trigger=EventTrigger(
            expect={f"prefect.flow-run.{name}" for name in ("Failed", "Crashed", "TimedOut")},
            match=_runs(),
            match_related=_tagged(),
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[
            SendNotification(
                block_document_id=block,
                subject="Tiercel: {{ flow_run.name }} {{ flow_run.state.name }}",
                body=(
                    "{{ flow.name }}: {{ flow_run.name }} ended as {{ flow_run.state.name }}.\n"
                    "{{ flow_run.state.message }}\n"
                    "{{ flow_run|ui_url }}"
                ),
            )
        ],
    )


def _ends_soon(block: UUID) -> AutomationCore:
    return AutomationCore(
        name="tiercel: notify of environments that end soon",
        description="Tells somebody an hour before the reaper destroys an environment on demand.",
        trigger=EventTrigger(
            expect={ENDS_SOON_EVENT},
            match=ResourceSpecification.model_validate(
                {"prefect.resource.id": "tiercel.environment.*"}
            ),
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[
            SendNotification(
                block_document_id=block,
                subject="Tiercel: an environment ends within the hour",
                body="{{ event.payload.text }}",
            )
        ],
    )


def _notice(kind: NoticeKind, block: UUID) -> AutomationCore:
    name, what = _NOTICES[kind]
    return AutomationCore(
        name=f"tiercel: notify of {name}",
        description=f"Tells somebody of {what}, with a link and what to do.",
        trigger=EventTrigger(
            expect={kind.event},
            match=ResourceSpecification.model_validate(
                {"prefect.resource.id": f"tiercel.notice.{kind}"}
            ),
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[
            SendNotification(
                block_document_id=block,
                subject="Tiercel: {{ event.payload.subject }}",
                body=(
                    "{{ event.payload.text }}\n"
                    "What to do: {{ event.payload.remedy }}\n"
                    "{{ event.payload.link }}"
                ),
            )
        ],
    )


def _absence(after: set[str], expect: set[str], within: timedelta) -> EventTrigger:
    """Return the trigger that fires for a run when nothing expected follows in time."""
    return EventTrigger(
        after=after,
        expect=expect,
        for_each={"prefect.resource.id"},
        match=_runs(),
        match_related=_tagged(),
        posture=Posture.Proactive,
        threshold=1,
        within=within,
    )


def _crashed(message: str) -> ChangeFlowRunState:
    return ChangeFlowRunState(state=StateType.CRASHED, name="Crashed", message=message)


def _runs() -> ResourceSpecification:
    return ResourceSpecification.model_validate({"prefect.resource.id": "prefect.flow-run.*"})


def _tagged() -> ResourceSpecification:
    return ResourceSpecification.model_validate(
        {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}
    )
