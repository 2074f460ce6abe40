"""CodeDeploy's operations on deployments, by name.

https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tiercel.sandbox.aws.codedeploy.deploying import deploy
from tiercel.sandbox.aws.codedeploy.records import (
    CodeDeployError,
    CodeDeployObject,
    arn,
    deployment_record,
    group,
    records,
)
from tiercel.sandbox.aws.codedeploy.revisions import LIFECYCLE, parse_revision

_ENDED = ("Succeeded", "Failed", "Stopped")
_TARGET_STATUS = {"Stopped": "Failed"}


def create_deployment(request: CodeDeployObject) -> CodeDeployObject:
    """Start a deployment."""
    of = group(request["applicationName"], request.get("deploymentGroupName", ""))
    revision = parse_revision(request.get("revision") or {})
    return {"deploymentId": deploy(of, revision, request)}


def get_deployment(request: CodeDeployObject) -> CodeDeployObject:
    """Tell what is known of a deployment."""
    with records.lock:
        return {"deploymentInfo": dict(deployment_record(request["deploymentId"])["info"])}


def list_deployments(request: CodeDeployObject) -> CodeDeployObject:
    """Return the ids of deployments, the newest first; a group needs its application."""
    names = request.get("applicationName"), request.get("deploymentGroupName")
    if bool(names[0]) != bool(names[1]):
        missing = "DeploymentGroup" if names[0] else "Application"
        raise CodeDeployError(
            f"{missing}NameRequiredException", "Application and group are given both, or none"
        )
    if all(names):
        group(str(names[0]), str(names[1]))
    with records.lock:
        found = [one["info"] for one in records.deployments.values()]
    found = [one for one in found if _is_asked_for(one, request)]
    found.sort(key=lambda one: one["createTime"], reverse=True)
    return {"deployments": [one["deploymentId"] for one in found]}


def _is_asked_for(info: CodeDeployObject, request: CodeDeployObject) -> bool:
    names = request.get("applicationName"), request.get("deploymentGroupName")
    mine = not all(names) or names == (info["applicationName"], info["deploymentGroupName"])
    statuses = request.get("includeOnlyStatuses")
    time = request.get("createTimeRange") or {}
    begins, ends = time.get("start", 0), time.get("end", float("inf"))
    in_time = begins <= info["createTime"] <= ends
    no_stack = "externalId" not in request  # no deployment here belongs to one
    return mine and in_time and no_stack and (not statuses or info["status"] in statuses)


def stop_deployment(request: CodeDeployObject) -> CodeDeployObject:
    """Ask a deployment to stop; whether it shifts back, its group or the request says."""
    with records.lock:
        record = deployment_record(request["deploymentId"])
        if record["info"]["status"] in _ENDED:
            raise CodeDeployError(
                "DeploymentAlreadyCompletedException",
                f"The deployment {request['deploymentId']} is already completed",
            )
        record["stopped_with_rollback"] = bool(request.get("autoRollbackEnabled"))
        record["stopped"] = True
    return {"status": "Pending", "statusMessage": "Deployment is being stopped"}


def put_lifecycle_event_hook_execution_status(request: CodeDeployObject) -> CodeDeployObject:
    """Take what a hook says about itself, once.

    https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_PutLifecycleEventHookExecutionStatus.html
    """
    with records.lock:
        record = deployment_record(request.get("deploymentId", ""))
        asked = request.get("lifecycleEventHookExecutionId")
        found = [one for one in record["hooks"].items() if one[1]["id"] == asked]
        if not found:
            raise CodeDeployError(
                "InvalidLifecycleEventHookExecutionIdException",
                "The lifecycle event hook execution id is not valid",
            )
        name, hook = found[0]
        if request.get("status") not in ("Succeeded", "Failed"):
            raise CodeDeployError(
                "InvalidLifecycleEventHookExecutionStatusException",
                "Only Succeeded and Failed can be passed",
            )
        if "status" in hook or record["events"][name]["status"] != "InProgress":
            raise CodeDeployError(
                "LifecycleEventAlreadyCompletedException",
                f"The lifecycle event {name} is already completed",
            )
        hook["status"] = request["status"]
    return {"lifecycleEventHookExecutionId": asked}


def list_deployment_targets(request: CodeDeployObject) -> CodeDeployObject:
    """Return the id of the one target that a Lambda deployment has."""
    return {"targetIds": [_target_id(deployment_record(request["deploymentId"]))]}


def get_deployment_target(request: CodeDeployObject) -> CodeDeployObject:
    """Tell of a deployment's alias: its versions, weight and lifecycle events."""
    record = deployment_record(request["deploymentId"])
    if request["targetId"] != _target_id(record):
        raise CodeDeployError(
            "DeploymentTargetDoesNotExistException", f"There is no target {request['targetId']}"
        )
    return {"deploymentTarget": _target(record)}


def batch_get_deployment_targets(request: CodeDeployObject) -> CodeDeployObject:
    """Tell of several targets, which are one at most."""
    told = {"deploymentId": request["deploymentId"]}
    return {
        "deploymentTargets": [
            get_deployment_target(told | {"targetId": one})["deploymentTarget"]
            for one in request["targetIds"]
        ]
    }


def _target_id(record: CodeDeployObject) -> str:
    revision = record["revision"]
    return f"{revision['function']}:{revision['alias']}"


def _target(record: CodeDeployObject) -> CodeDeployObject:
    with records.lock:
        info, revision = record["info"], record["revision"]
        name = f"{info['applicationName']}/{info['deploymentGroupName']}"
        events = [dict(record["events"][event]) for event in LIFECYCLE]
        target = {
            "deploymentId": info["deploymentId"],
            "targetId": _target_id(record),
            "targetArn": arn("deploymentgroup", name),
            "status": _TARGET_STATUS.get(info["status"], info["status"]),
            "lastUpdatedAt": max(one.get("endTime", info["createTime"]) for one in events),
            "lifecycleEvents": events,
            "lambdaFunctionInfo": {
                "functionName": revision["function"],
                "functionAlias": revision["alias"],
                "currentVersion": revision["current"],
                "targetVersion": revision["target"],
                "targetVersionWeight": record["weight"],
            },
        }
    return {"deploymentTargetType": "LambdaTarget", "lambdaTarget": target}


ON_DEPLOYMENTS: Mapping[str, Callable[[CodeDeployObject], CodeDeployObject]] = {
    "CreateDeployment": create_deployment,
    "GetDeployment": get_deployment,
    "BatchGetDeployments": lambda asked: {
        "deploymentsInfo": [
            get_deployment({"deploymentId": one})["deploymentInfo"]
            for one in asked["deploymentIds"]
        ]
    },
    "ListDeployments": list_deployments,
    "StopDeployment": stop_deployment,
    "PutLifecycleEventHookExecutionStatus": put_lifecycle_event_hook_execution_status,
    "ListDeploymentTargets": list_deployment_targets,
    "GetDeploymentTarget": get_deployment_target,
    "BatchGetDeploymentTargets": batch_get_deployment_targets,
}
