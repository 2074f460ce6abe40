"""Why traffic went back: the alarms that CodeDeploy names, or the last words of a hook."""

from __future__ import annotations

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.access import Access
from tiercel.domain.traffic.answers import alarm_seen
from tiercel.domain.traffic.shifts import AlarmSeen, Shift, TakenBackBy, activated_alarms
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import translated
from tiercel.tasks.engine.task import run_logger, world_task
from tiercel.tasks.stack.function_logs import log_of

_MOST_ALARMS = 10
_KINDS = ("MetricAlarms", "CompositeAlarms")


@world_task("explain shift", "explain shift {shift.deployment}")
def explain_shift(access: Access, shift: Shift) -> tuple[list[AlarmSeen], tuple[str, ...]]:
    """Return the alarms that took the traffic back, and what the hook wrote that refused it.

    What cannot be read is left out, with a warning: who took the traffic back is known.
    """
    names = activated_alarms(shift.message) if shift.taken_back_by is TakenBackBy.ALARM else []
    hook = shift.failed_hook
    function = shift.hooks.get(hook.name, "") if hook else ""
    log = log_of(access, function, hook.ended) if hook and function else ()
    return _alarms(access, names[:_MOST_ALARMS]), log


def _alarms(access: Access, names: list[str]) -> list[AlarmSeen]:
    if not names:
        return []
    try:
        with translated("describe alarms", f"account {access.account}, region {access.region}"):
            told = client("cloudwatch", access).describe_alarms(
                AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            )
    except TiercelError as error:
        run_logger().warning("the alarms are not read: %s", error)
        return [AlarmSeen(name=name) for name in names]
    found = {one["AlarmName"]: one for kind in _KINDS for one in told.get(kind, ())}
    return [alarm_seen(name, found.get(name, {})) for name in names]
