"""What CodeDeploy and CloudWatch answer, as values.

https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_DeploymentInfo.html
https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_LambdaTarget.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tiercel.domain.traffic.shifts import AlarmSeen, Shift, ShiftEvent


def shift_of(info: Any, target: Any) -> Shift:
    """Return a shift from what GetDeployment and BatchGetDeploymentTargets tell."""
    function, error = target.get("lambdaFunctionInfo", {}), info.get("errorInformation", {})
    back = info.get("rollbackInfo", {})
    return Shift(
        deployment=info["deploymentId"],
        application=info.get("applicationName", ""),
        group=info.get("deploymentGroupName", ""),
        configuration=info.get("deploymentConfigName", ""),
        status=info.get("status", ""),
        function=function.get("functionName", ""),
        alias=function.get("functionAlias", ""),
        old_version=function.get("currentVersion", ""),
        new_version=function.get("targetVersion", ""),
        percent=round(100 * float(function.get("targetVersionWeight", 0.0)), 2),
        code=error.get("code", ""),
        message=error.get("message", ""),
        rollback=back.get("rollbackDeploymentId", ""),
        took_back=back.get("rollbackTriggeringDeploymentId", ""),
        hooks=dict(_hooks(info)),
        events=tuple(_event(one) for one in target.get("lifecycleEvents", ())),
        began=info.get("startTime") or info.get("createTime"),
        ended=info.get("completeTime"),
    )


def _event(event: Any) -> ShiftEvent:
    return ShiftEvent(
        name=event.get("lifecycleEventName", ""),
        status=event.get("status", ""),
        message=event.get("diagnostics", {}).get("message", ""),
        began=event.get("startTime"),
        ended=event.get("endTime"),
    )


def _hooks(info: Any) -> Iterator[tuple[str, str]]:
    """Yield the hooks that the revision names, where it is JSON, as CloudFormation's are."""
    revision = info.get("revision", {})
    told = revision.get("appSpecContent") or revision.get("string") or {}
    try:
        hooks = json.loads(told.get("content", "")).get("Hooks", ())
        for one in hooks:
            yield from ((str(event), str(name)) for event, name in one.items())
    except (AttributeError, TypeError, ValueError):
        return


def alarm_seen(name: str, told: Any) -> AlarmSeen:
    """Return an alarm from what DescribeAlarms tells; a composite one has no metric."""
    metric = f"{told['Namespace']} {told['MetricName']}" if "MetricName" in told else ""
    limit = f"{told['Threshold']:g}" if "Threshold" in told else ""
    compared = told.get("ComparisonOperator", "")
    return AlarmSeen(
        name=name,
        state=told.get("StateValue", ""),
        metric=metric,
        threshold=f"{compared} {limit}".strip(),
        reason=told.get("StateReason", ""),
    )
