"""CodeDeploy's operations on applications, groups and configurations, by name.

https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping

from tiercel.domain.traffic.routing import PREDEFINED, RoutingKind, predefined
from tiercel.sandbox.aws.codedeploy.alarms import check_alarms
from tiercel.sandbox.aws.codedeploy.deploying import routing_of
from tiercel.sandbox.aws.codedeploy.records import (
    CodeDeployError,
    CodeDeployObject,
    application,
    arn,
    group,
    records,
)

_STYLE = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
_DEFAULT_CONFIG = "CodeDeployDefault.LambdaAllAtOnce"
_KEPT = (
    *("serviceRoleArn", "deploymentConfigName", "deploymentStyle", "triggerConfigurations"),
    *("alarmConfiguration", "autoRollbackConfiguration"),
)
_MOST_PERCENT, _LONGEST_MINUTES = 99, 2880


def make_application(request: CodeDeployObject) -> CodeDeployObject:
    """Make an application; of the platforms the stand-in has Lambda alone."""
    name = request["applicationName"]
    if name in records.applications:
        message = f"Application already exists: {name}"
        raise CodeDeployError("ApplicationAlreadyExistsException", message)
    if request.get("computePlatform") != "Lambda":
        raise CodeDeployError(
            "InvalidComputePlatformException", "The sandbox deploys Lambda functions alone"
        )
    made = {
        "applicationId": str(uuid.uuid4()),
        "applicationName": name,
        "createTime": time.time(),
        "linkedToGitHub": False,
        "computePlatform": "Lambda",
    }
    records.applications[name] = made
    records.tags[arn("application", name)] = list(request.get("tags", ()))
    return {"applicationId": made["applicationId"]}


def delete_application(request: CodeDeployObject) -> CodeDeployObject:
    """Delete an application with its groups; deleting none is no error."""
    name = request["applicationName"]
    records.applications.pop(name, None)
    for one in [key for key in records.groups if key[0] == name]:
        records.groups.pop(one)
    return {}


def create_deployment_config(request: CodeDeployObject) -> CodeDeployObject:
    """Make a configuration of the account's own.

    https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations-create.html
    """
    name = request["deploymentConfigName"]
    if name in records.configurations or predefined(name):
        message = f"Deployment configuration already exists: {name}"
        raise CodeDeployError("DeploymentConfigAlreadyExistsException", message)
    routing = request.get("trafficRoutingConfig")
    if request.get("computePlatform") != "Lambda" or not routing:
        raise CodeDeployError(
            "InvalidComputePlatformException", "The sandbox deploys Lambda functions alone"
        )
    _check_routing(routing)
    made = {
        "deploymentConfigId": str(uuid.uuid4()),
        "deploymentConfigName": name,
        "createTime": time.time(),
        "computePlatform": "Lambda",
        "trafficRoutingConfig": routing,
    }
    records.configurations[name] = made
    return {"deploymentConfigId": made["deploymentConfigId"]}


def _check_routing(routing: CodeDeployObject) -> None:
    kind = RoutingKind(routing["type"])
    step = {
        RoutingKind.CANARY: ("timeBasedCanary", "canaryPercentage", "canaryInterval"),
        RoutingKind.LINEAR: ("timeBasedLinear", "linearPercentage", "linearInterval"),
    }.get(kind)
    if step is None:
        return
    told = routing.get(step[0]) or {}
    percent, minutes = told.get(step[1], 0), told.get(step[2], 0)
    if not (0 < percent <= _MOST_PERCENT and 0 < minutes <= _LONGEST_MINUTES):
        raise CodeDeployError(
            "InvalidTrafficRoutingConfigurationException",
            f"{step[0]} needs {step[1]} from 1 to {_MOST_PERCENT} and {step[2]} from 1 to "
            f"{_LONGEST_MINUTES} minutes",
        )


def get_deployment_config(request: CodeDeployObject) -> CodeDeployObject:
    """Tell what a configuration does, AWS's own or one of the account's."""
    name = request["deploymentConfigName"]
    routing = routing_of(name)
    told: CodeDeployObject = records.configurations.get(name) or {
        "deploymentConfigName": name,
        "computePlatform": "Lambda",
        "trafficRoutingConfig": {"type": str(routing.kind)},
    }
    if routing.kind is RoutingKind.CANARY:
        step = {"canaryPercentage": routing.percent, "canaryInterval": routing.minutes}
        told["trafficRoutingConfig"]["timeBasedCanary"] = step
    elif routing.kind is RoutingKind.LINEAR:
        step = {"linearPercentage": routing.percent, "linearInterval": routing.minutes}
        told["trafficRoutingConfig"]["timeBasedLinear"] = step
    return {"deploymentConfigInfo": told}


def delete_deployment_config(request: CodeDeployObject) -> CodeDeployObject:
    """Delete a configuration that no group uses."""
    name = request["deploymentConfigName"]
    if predefined(name):
        raise CodeDeployError("InvalidOperationException", f"{name} is AWS's own")
    if any(one["deploymentConfigName"] == name for one in records.groups.values()):
        message = f"Deployment config is in use: {name}"
        raise CodeDeployError("DeploymentConfigInUseException", message)
    records.configurations.pop(name, None)
    return {}


def create_deployment_group(request: CodeDeployObject) -> CodeDeployObject:
    """Make a deployment group of an application."""
    of, name = request["applicationName"], request["deploymentGroupName"]
    application(of)
    if (of, name) in records.groups:
        message = f"Deployment group already exists: {name}"
        raise CodeDeployError("DeploymentGroupAlreadyExistsException", message)
    made = {
        "applicationName": of,
        "deploymentGroupId": str(uuid.uuid4()),
        "deploymentGroupName": name,
        "computePlatform": "Lambda",
        "deploymentConfigName": _DEFAULT_CONFIG,
        "deploymentStyle": _STYLE,
        "triggerConfigurations": [],
    }
    _set(made, request)
    records.groups[of, name] = made
    records.tags[arn("deploymentgroup", f"{of}/{name}")] = list(request.get("tags", ()))
    return {"deploymentGroupId": made["deploymentGroupId"]}


def update_deployment_group(request: CodeDeployObject) -> CodeDeployObject:
    """Change a group; deployments that run go on as they began."""
    of = request["applicationName"]
    found = group(of, request["currentDeploymentGroupName"])
    _set(found, request)
    if new := request.get("newDeploymentGroupName"):
        records.groups.pop((of, found["deploymentGroupName"]))
        found["deploymentGroupName"] = new
        records.groups[of, new] = found
    return {}


def _set(found: CodeDeployObject, request: CodeDeployObject) -> None:
    if "deploymentConfigName" in request:
        routing_of(request["deploymentConfigName"])
    style = request.get("deploymentStyle", _STYLE)
    if style != _STYLE:
        raise CodeDeployError(
            "InvalidDeploymentStyleException",
            "For Lambda, only the BLUE_GREEN deployment type WITH_TRAFFIC_CONTROL is supported",
        )
    check_alarms(request.get("alarmConfiguration") or {})
    found |= {name: request[name] for name in _KEPT if name in request}


def delete_deployment_group(request: CodeDeployObject) -> CodeDeployObject:
    """Delete a group; deleting none is no error."""
    key = request["applicationName"], request["deploymentGroupName"]
    records.groups.pop(key, None)
    return {"hooksNotCleanedUp": []}


def tag_resource(request: CodeDeployObject) -> CodeDeployObject:
    """Add tags to an application or a group, or change their values."""
    new = {one.get("Key"): one for one in request["Tags"]}
    kept = [one for one in records.tags.get(request["ResourceArn"], ()) if one["Key"] not in new]
    records.tags[request["ResourceArn"]] = [*kept, *new.values()]
    return {}


def untag_resource(request: CodeDeployObject) -> CodeDeployObject:
    """Remove tags."""
    kept = records.tags.get(request["ResourceArn"], ())
    records.tags[request["ResourceArn"]] = [
        one for one in kept if one["Key"] not in request["TagKeys"]
    ]
    return {}


def _groups(of: str) -> list[CodeDeployObject]:
    application(of)
    return [one for key, one in records.groups.items() if key[0] == of]


ON_RESOURCES: Mapping[str, Callable[[CodeDeployObject], CodeDeployObject]] = {
    "CreateApplication": make_application,
    "GetApplication": lambda asked: {"application": application(asked["applicationName"])},
    "BatchGetApplications": lambda asked: {
        "applicationsInfo": [application(one) for one in asked["applicationNames"]]
    },
    "ListApplications": lambda _: {"applications": list(records.applications)},
    "DeleteApplication": delete_application,
    "CreateDeploymentConfig": create_deployment_config,
    "GetDeploymentConfig": get_deployment_config,
    "ListDeploymentConfigs": lambda _: {
        "deploymentConfigsList": [*PREDEFINED, *records.configurations]
    },
    "DeleteDeploymentConfig": delete_deployment_config,
    "CreateDeploymentGroup": create_deployment_group,
    "UpdateDeploymentGroup": update_deployment_group,
    "GetDeploymentGroup": lambda asked: {
        "deploymentGroupInfo": group(asked["applicationName"], asked["deploymentGroupName"])
    },
    "BatchGetDeploymentGroups": lambda asked: {
        "deploymentGroupsInfo": [
            group(asked["applicationName"], one) for one in asked["deploymentGroupNames"]
        ]
    },
    "ListDeploymentGroups": lambda asked: {
        "applicationName": asked["applicationName"],
        "deploymentGroups": [
            one["deploymentGroupName"] for one in _groups(asked["applicationName"])
        ],
    },
    "DeleteDeploymentGroup": delete_deployment_group,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": lambda asked: {"Tags": records.tags.get(asked["ResourceArn"], [])},
}
