"""What CodeDeploy takes as the alarms of a deployment group.

https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_CreateDeploymentGroup.html has the
causes of InvalidAlarmConfigException. A template comes to a nameless alarm by an element of its
list that is `AWS::NoValue` in some environment.
"""

from __future__ import annotations

from tiercel.sandbox.aws.codedeploy.records import CodeDeployError, CodeDeployObject

_LONGEST_NAME = 255


def check_alarms(told: CodeDeployObject) -> None:
    """Refuse alarms without a name, with too long a one or one twice, and a list without any."""
    names = [str(one.get("name", "")) for one in told.get("alarms", ())]
    if any(not 0 < len(name) <= _LONGEST_NAME for name in names):
        fault = f"each alarm needs a name of at most {_LONGEST_NAME} characters"
    elif len(set(names)) < len(names):
        fault = "two alarms with the same name have been specified"
    elif told.get("enabled") and not names:
        fault = "the alarm configuration is enabled, but the alarm list is empty"
    else:
        return
    raise CodeDeployError(
        "InvalidAlarmConfigException", f"The format of the alarm configuration is invalid: {fault}"
    )
