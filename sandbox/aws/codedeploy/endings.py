"""How a deployment ends: which trouble gives which status and error, and what is rolled back.

| trouble | status | error | rolled back if the group's events name |
|---|---|---|---|
| an alarm of the group is in ALARM | Stopped | ALARM_ACTIVE | DEPLOYMENT_STOP_ON_ALARM |
| StopDeployment | Stopped | MANUAL_STOP | DEPLOYMENT_STOP_ON_REQUEST |
| a hook says Failed, or fails | Failed | HOOK_EXECUTION_FAILURE | DEPLOYMENT_FAILURE |
| a hook says nothing for an hour | Failed | TIMEOUT | DEPLOYMENT_FAILURE |
| the alias is not as told | Failed | INVALID_LAMBDA_CONFIGURATION | DEPLOYMENT_FAILURE |
| the service role is refused a call | Failed | IAM_ROLE_PERMISSIONS | DEPLOYMENT_FAILURE |

https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_ErrorInformation.html
https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_StopDeployment.html
https://docs.aws.amazon.com/codedeploy/latest/userguide/deployments-rollback-and-redeploy.html
https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-groups-configure-advanced-options.html

The words of ALARM_ACTIVE and of a rollback are those that AWS was seen to use; those of the
others, and which of the two codes a hook gives, were not compared with AWS.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

HOOK_MINUTES = 60
"""How long a hook's result is waited for.

https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html
"""


class Trouble(StrEnum):
    """What ends a deployment before its time."""

    ALARM = "alarm"
    STOPPED = "stopped"
    HOOK = "hook"
    SILENCE = "silence"
    CONFIGURATION = "configuration"
    PERMISSIONS = "permissions"


@dataclass(frozen=True)
class DeploymentEnding:
    """How a deployment ends: `event` is what an automatic rollback has to be configured for."""

    status: str
    code: str
    event: str
    message: str


_FAILURE = "DEPLOYMENT_FAILURE"
ENDINGS = {
    Trouble.ALARM: DeploymentEnding(
        "Stopped",
        "ALARM_ACTIVE",
        "DEPLOYMENT_STOP_ON_ALARM",
        "One or more alarms have been activated according to the Amazon CloudWatch metrics you "
        "selected, and the affected deployments have been stopped. Activated alarms: {what}",
    ),
    Trouble.STOPPED: DeploymentEnding(
        "Stopped", "MANUAL_STOP", "DEPLOYMENT_STOP_ON_REQUEST", "The deployment was stopped. {what}"
    ),
    Trouble.HOOK: DeploymentEnding(
        "Failed",
        "HOOK_EXECUTION_FAILURE",
        _FAILURE,
        "The deployment failed because a lifecycle event hook failed: {what}",
    ),
    Trouble.SILENCE: DeploymentEnding(
        "Failed",
        "TIMEOUT",
        _FAILURE,
        "The deployment failed because a lifecycle event hook did not report in time: {what}",
    ),
    Trouble.CONFIGURATION: DeploymentEnding(
        "Failed",
        "INVALID_LAMBDA_CONFIGURATION",
        _FAILURE,
        "The deployment failed because the AppSpec file that specifies the AWS Lambda deployment "
        "configuration is missing or has an invalid configuration. {what}",
    ),
    Trouble.PERMISSIONS: DeploymentEnding(
        "Failed",
        "IAM_ROLE_PERMISSIONS",
        _FAILURE,
        "The deployment failed because the service role does not have the permissions: {what}",
    ),
}


class DeploymentEndedError(Exception):
    """A deployment cannot go on."""

    def __init__(self, trouble: Trouble, what: str = "") -> None:
        """Keep what happened, and to what."""
        super().__init__(trouble, what)
        self.trouble, self.what = trouble, what

    @property
    def ending(self) -> DeploymentEnding:
        """How the deployment ends."""
        return ENDINGS[self.trouble]

    @property
    def message(self) -> str:
        """What the deployment's error information says."""
        return self.ending.message.format(what=self.what).strip()


def rolls_back(
    ending: DeploymentEnding, *, enabled: bool, events: Iterable[str], stopped_with: bool
) -> bool:
    """Tell whether CodeDeploy shifts back by itself.

    StopDeployment may ask for it whatever the group says (`stopped_with`).
    """
    wanted = enabled and ending.event in set(events)
    return wanted or (ending.code == "MANUAL_STOP" and stopped_with)


def rollback_message(stopped: str, rollback: str) -> str:
    """Return what AWS says of a rollback that began."""
    return (
        f"Deployment {stopped} terminated. Automatic rollback is triggered with a DeploymentId "
        f"{rollback}."
    )
