"""The CodeBuild projects of an environment, as Terraform makes them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from tiercel.domain.artifact.buildspec import X86
from tiercel.domain.organization.names import Names, Role
from tiercel.domain.organization.topology import BuildNetwork

_LOG_DAYS = 90
_MINUTES = 60
_NOTHING = {
    "version": 0.2,
    "phases": {"build": {"commands": ["echo 'start this build through Tiercel'", "exit 1"]}},
}


def ensure_build_projects(codebuild: Any, logs: Any, names: Names, key_arn: str) -> None:
    """Create the projects and their log groups, where they are missing."""
    for role in (Role.BUILDER, Role.VERIFIER):
        name = names.role(role)
        if codebuild.batch_get_projects(names=[name])["projects"]:
            continue
        group = f"/aws/codebuild/{name}"
        # Whoever was killed in between has made the group, and no project yet.
        with suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=group)
        logs.put_retention_policy(logGroupName=group, retentionInDays=_LOG_DAYS)
        codebuild.create_project(
            name=name,
            description="Started by Tiercel, which names the source of every build",
            serviceRole=names.role_arn(role),
            encryptionKey=key_arn,
            timeoutInMinutes=_MINUTES,
            artifacts={"type": "NO_ARTIFACTS"},
            environment={
                "computeType": "BUILD_GENERAL1_MEDIUM",
                "image": X86.image,
                "type": X86.type,
            },
            logsConfig={"cloudWatchLogs": {"status": "ENABLED", "groupName": group}},
            source={"type": "NO_SOURCE", "buildspec": json.dumps(_NOTHING)},
            **_place_in(names.environment.build_network),
        )


def _place_in(network: BuildNetwork) -> dict[str, Any]:
    """Return the project's VPC, if it has one; the sandbox has no networks, and only keeps it."""
    if not network.vpc:
        return {}
    groups = list(network.security_groups)
    vpc = {"vpcId": network.vpc, "subnets": list(network.subnets), "securityGroupIds": groups}
    return {"vpcConfig": vpc}
