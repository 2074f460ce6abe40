"""What it means that traffic went back, in words: who took it, what is so now, what to do."""

from __future__ import annotations

from collections.abc import Sequence

from tiercel.domain.base.errors import DeployFailedError
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.traffic.shifts import AlarmSeen, Shift, TakenBackBy

_MEND_VERSION = (
    "see what the new version does that the old one does not, correct it and release again; if "
    "the alarm is wrong, correct its threshold"
)
_MEND_HOOK = (
    "see in the hook's log what it found, correct the function or the hook and release again"
)
_MEND_SILENCE = (
    "let the hook call PutLifecycleEventHookExecutionStatus within an hour, also when it fails: "
    "its role needs the permission; then release again"
)
_MEND_ANSWER = (
    "read the function's log, correct it or what the smoke test expects, and release again"
)
_ASK = (
    "ask who stopped it, then release again; where a smoke test asks at the first step, it may "
    "have been that, in a run that died before it could say so: its log has the answer"
)
_MEND_WHAT_IS_NAMED = "correct what CodeDeploy names, then release again"
_SETTLED = frozenset({StackStatus.UPDATE_ROLLBACK_COMPLETE})


def traffic_failure(
    stopped: Shift,
    where: str,
    status: StackStatus,
    alarms: Sequence[AlarmSeen] = (),
    log: Sequence[str] = (),
) -> DeployFailedError:
    """Return the error of a release whose traffic went back.

    `alarms` are those that CodeDeploy names, `log` are the last lines of the hook that failed.
    """
    why = "\n".join(_reasons(stopped, alarms, log))
    return _error(stopped.taken_back_by, stopped.what, why).but(
        where=f"{where}, deployment {stopped.deployment}", state=_state(stopped, status)
    )


def _error(who: TakenBackBy | None, what: str, why: str) -> DeployFailedError:
    match who:
        case TakenBackBy.ALARM:
            return DeployFailedError(
                "traffic.alarm",
                f"an alarm took the traffic back: {what}",
                why=why,
                remedy=_MEND_VERSION,
            )
        case TakenBackBy.HOOK:
            return DeployFailedError(
                "traffic.hook",
                f"a hook refused the new version: {what}",
                why=why,
                remedy=_MEND_HOOK,
            )
        case TakenBackBy.SMOKE_TEST:
            return DeployFailedError(
                "traffic.smoke_test",
                f"the new version failed the smoke test at its first step: {what}",
                why=why,
                remedy=_MEND_ANSWER,
            )
        case TakenBackBy.PERSON:
            return DeployFailedError(
                "traffic.stopped",
                f"the shift of traffic was stopped: {what}",
                why=why,
                remedy=_ASK,
            )
        case TakenBackBy.TIME:
            return DeployFailedError(
                "traffic.timed_out",
                f"a hook did not report in time: {what}",
                why=why,
                remedy=_MEND_SILENCE,
            )
    return DeployFailedError(
        "traffic.failed",
        f"CodeDeploy could not shift the traffic: {what}",
        why=why,
        remedy=_MEND_WHAT_IS_NAMED,
    )


def _reasons(stopped: Shift, alarms: Sequence[AlarmSeen], log: Sequence[str]) -> list[str]:
    if stopped.refused:
        return [stopped.refused]
    hook = stopped.failed_hook
    told = [one.line() for one in alarms]
    if hook:
        name = stopped.hooks.get(hook.name, "")
        told.append(f"hook {hook.name} {name} {hook.status}".replace("  ", " "))
    said = f"{stopped.code}: {stopped.message}" if stopped.code else stopped.message
    told.append(said or "CodeDeploy gives no reason")
    return [*told, *(f"  log: {line}" for line in log)]


def _state(stopped: Shift, status: StackStatus) -> str:
    had = f"version {stopped.new_version} had {stopped.percent:g} % of the traffic"
    if stopped.rollback:
        now = f"version {stopped.old_version} has all of it again ({stopped.rollback})"
    elif stopped.percent:
        now = "the alias may still share it between two versions: see it in Lambda's console"
    else:
        now = f"version {stopped.old_version} has all of it"
    stack = (
        "the stack runs the previous version again"
        if status in _SETTLED
        else f"the stack is {status}"
    )
    return f"{had}; {now}; {stack}"
