"""Deployments from their creation to their end, with the rollback that may follow."""

from __future__ import annotations

import contextvars
import secrets
import threading
import time
from typing import Any

from tiercel.domain.traffic.routing import Routing, RoutingKind, predefined
from tiercel.sandbox.aws.codedeploy.endings import (
    DeploymentEndedError,
    rollback_message,
    rolls_back,
)
from tiercel.sandbox.aws.codedeploy.records import (
    CodeDeployError,
    CodeDeployObject,
    deployment_record,
    group,
    new_deployment_id,
    records,
)
from tiercel.sandbox.aws.codedeploy.revisions import LIFECYCLE, Revision
from tiercel.sandbox.aws.codedeploy.shifting import RunningShift

_OVERVIEW = ("Pending", "InProgress", "Succeeded", "Failed", "Skipped", "Ready")


def routing_of(name: str) -> Routing:
    """Return what a configuration does, AWS's own or one of the account's; or refuse."""
    if found := predefined(name):
        return found
    own = records.configurations.get(name)
    if own is None:
        raise CodeDeployError(
            "DeploymentConfigDoesNotExistException",
            f"No Deployment Configuration found for name: {name}",
        )
    told = own["trafficRoutingConfig"]
    kind = RoutingKind(told["type"])
    if kind is RoutingKind.ALL_AT_ONCE:
        return Routing(kind=kind)
    if kind is RoutingKind.CANARY:
        step = told["timeBasedCanary"]
        return Routing(kind=kind, percent=step["canaryPercentage"], minutes=step["canaryInterval"])
    step = told["timeBasedLinear"]
    return Routing(kind=kind, percent=step["linearPercentage"], minutes=step["linearInterval"])


def deploy(of: CodeDeployObject, revision: Revision, asked: CodeDeployObject) -> str:
    """Start a deployment of a group and return its id; one at a time.

    https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_CreateDeployment.html
    """
    config = asked.get("deploymentConfigName") or of["deploymentConfigName"]
    routing = routing_of(config)
    with records.lock:
        if active := _active(of):
            raise CodeDeployError(
                "DeploymentLimitExceededException",
                f"The Deployment Group '{of['deploymentGroupName']}' already has an active "
                f"Deployment '{active}'",
            )
        record = _record(of, revision, config, "user")
        record["info"] |= {name: asked[name] for name in ("description",) if name in asked}
        if "autoRollbackConfiguration" in asked:
            record["info"]["autoRollbackConfiguration"] = asked["autoRollbackConfiguration"]
    alarms = asked.get("overrideAlarmConfiguration")
    watched = of | {"alarmConfiguration": alarms} if alarms else of
    shift = RunningShift(record, revision, routing, watched)
    _start(_run, record, shift, revision, dict(of))
    return str(record["info"]["deploymentId"])


def wait_for(identifier: str) -> CodeDeployObject:
    """Return the info of a deployment once it and its rollback have ended."""
    while True:
        with records.lock:
            info: CodeDeployObject = dict(deployment_record(identifier)["info"])
        back = info.get("rollbackInfo", {}).get("rollbackDeploymentId")
        if info["status"] != "InProgress":
            if back:
                wait_for(back)
            return info
        time.sleep(0.02)


def _active(of: CodeDeployObject) -> str:
    for one in records.deployments.values():
        info = one["info"]
        names = (info["applicationName"], info["deploymentGroupName"])
        mine = names == (of["applicationName"], of["deploymentGroupName"])
        if mine and info["status"] == "InProgress":
            return str(info["deploymentId"])
    return ""


def _record(
    of: CodeDeployObject, revision: Revision, config: str, creator: str
) -> CodeDeployObject:
    """Return the record of a deployment that begins, which is remembered from now on."""
    identifier, now = new_deployment_id(), time.time()
    rollback = of.get("autoRollbackConfiguration") or {"enabled": False, "events": []}
    record: CodeDeployObject = {
        "info": {
            "applicationName": of["applicationName"],
            "deploymentGroupName": of["deploymentGroupName"],
            "deploymentConfigName": config,
            "deploymentId": identifier,
            "revision": revision.location(),
            "status": "InProgress",
            "createTime": now,
            "startTime": now,
            "creator": creator,
            "ignoreApplicationStopFailures": False,
            "autoRollbackConfiguration": rollback,
            "updateOutdatedInstancesOnly": False,
            "deploymentStyle": of["deploymentStyle"],
            "instanceTerminationWaitTimeStarted": False,
            "fileExistsBehavior": "DISALLOW",
            "deploymentStatusMessages": [],
            "computePlatform": "Lambda",
        },
        "revision": vars(revision),
        "weight": 0.0,
        "events": {name: {"lifecycleEventName": name, "status": "Pending"} for name in LIFECYCLE},
        "hooks": {name: {"id": secrets.token_urlsafe(48)} for name in revision.hooks},
    }
    records.deployments[identifier] = record
    _attempted(of, record, "lastAttemptedDeployment")
    return record


def _start(run: Any, *arguments: Any) -> None:
    """Run in a thread; the records belong to the account and region of this request."""
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run, *arguments), daemon=True).start()


def _run(
    record: CodeDeployObject, shift: RunningShift, revision: Revision, of: CodeDeployObject
) -> None:
    try:
        shift.run()
    except DeploymentEndedError as error:
        _fail(record, error, revision, of)
        return
    _end(record, of, "Succeeded")


def _fail(
    record: CodeDeployObject, error: DeploymentEndedError, revision: Revision, of: CodeDeployObject
) -> None:
    """End the deployment, and shift back what it has shifted if that is wanted."""
    wanted = record["info"]["autoRollbackConfiguration"]
    back = None
    with records.lock:
        record["info"]["errorInformation"] = {"code": error.ending.code, "message": error.message}
        if rolls_back(
            error.ending,
            enabled=wanted.get("enabled", False),
            events=wanted.get("events", ()),
            stopped_with=bool(record.get("stopped_with_rollback")),
        ):
            back = _record(
                of, revision.back, record["info"]["deploymentConfigName"], "codeDeployRollback"
            )
            _tell_of_rollback(record["info"], back["info"])
        _end(record, of, error.ending.status)
    if back:
        routing = Routing(kind=RoutingKind.ALL_AT_ONCE)
        try:
            RunningShift(back, revision.back, routing, of).take_back()
        except DeploymentEndedError as worse:
            back["info"]["errorInformation"] = {
                "code": worse.ending.code, "message": worse.message,
            }  # fmt: skip
            _end(back, of, "Failed")
            return
        _end(back, of, "Succeeded")


def _tell_of_rollback(stopped: CodeDeployObject, back: CodeDeployObject) -> None:
    message = rollback_message(stopped["deploymentId"], back["deploymentId"])
    stopped["rollbackInfo"] = {
        "rollbackDeploymentId": back["deploymentId"],
        "rollbackMessage": message,
    }
    back["rollbackInfo"] = {
        "rollbackTriggeringDeploymentId": stopped["deploymentId"],
        "rollbackMessage": message,
    }


def _end(record: CodeDeployObject, of: CodeDeployObject, status: str) -> None:
    with records.lock:
        for event in record["events"].values():
            if event["status"] == "Pending":
                event["status"] = "Skipped"
        record["info"] |= {
            "status": status,
            "completeTime": time.time(),
            "deploymentOverview": dict.fromkeys(_OVERVIEW, 0)
            | {"Succeeded" if status == "Succeeded" else "Failed": 1},
        }
        _attempted(of, record, "lastAttemptedDeployment")
        if status == "Succeeded":
            _attempted(of, record, "lastSuccessfulDeployment")


def _attempted(of: CodeDeployObject, record: CodeDeployObject, which: str) -> None:
    info = record["info"]
    found = records.groups.get((of["applicationName"], of["deploymentGroupName"]))
    if found is None:
        return  # the group went while its deployment ran
    told = {"deploymentId": info["deploymentId"], "status": info["status"]}
    told |= {"createTime": info["createTime"]}
    told |= {"endTime": info["completeTime"]} if "completeTime" in info else {}
    found[which] = told


def group_of(record: CodeDeployObject) -> CodeDeployObject:
    """Return the group of a deployment's record."""
    info = record["info"]
    return group(info["applicationName"], info["deploymentGroupName"])
