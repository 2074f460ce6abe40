"""The AppSpec of a Lambda deployment: which alias goes from which version to which, and hooks.

https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import yaml

from tiercel.sandbox.aws.codedeploy.records import CodeDeployError, CodeDeployObject

BEFORE, SHIFT, AFTER = "BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"
LIFECYCLE = (BEFORE, SHIFT, AFTER)


@dataclass(frozen=True)
class Revision:
    """What a deployment does to one alias; hooks by the name of their lifecycle event."""

    function: str
    alias: str
    current: str
    target: str
    hooks: dict[str, str]

    @property
    def back(self) -> Revision:
        """The way back, which runs no hooks."""
        return Revision(self.function, self.alias, self.target, self.current, {})

    def location(self) -> CodeDeployObject:
        """Return the revision as a deployment of CodeDeploy tells it."""
        names = {"Name": self.function, "Alias": self.alias}
        versions = {"CurrentVersion": self.current, "TargetVersion": self.target}
        what = {"Type": "AWS::Lambda::Function", "Properties": names | versions}
        content: CodeDeployObject = {"version": 0.0, "Resources": [{self.function: what}]}
        if self.hooks:
            content["Hooks"] = [{event: hook} for event, hook in self.hooks.items()]
        return {
            "revisionType": "AppSpecContent",
            "appSpecContent": {"content": json.dumps(content)},
        }


def parse_revision(location: CodeDeployObject) -> Revision:
    """Return what a revision asks for, or refuse."""
    told = location.get("appSpecContent") or location.get("string") or {}
    if not told.get("content"):
        raise CodeDeployError(
            "InvalidRevisionException",
            "For AWS Lambda deployments, the sandbox takes the content of an AppSpec file",
        )
    try:
        content = yaml.safe_load(told["content"])
        what = next(iter(content["Resources"][0].values()))["Properties"]
        hooks = {
            event: function_name(hook)
            for one in content.get("Hooks") or ()
            for event, hook in one.items()
        }
        revision = Revision(
            function_name(what["Name"]),
            str(what["Alias"]),
            str(what["CurrentVersion"]),
            str(what["TargetVersion"]),
            hooks,
        )
    except (AttributeError, LookupError, StopIteration, TypeError, yaml.YAMLError) as error:
        raise _invalid("The AppSpec file is missing or has an invalid configuration") from error
    if unknown := set(hooks) - {BEFORE, AFTER}:
        raise _invalid(f"Lambda deployments have no hook {', '.join(sorted(unknown))}")
    return revision


def function_name(reference: Any) -> str:
    """Return a function's name; hooks and functions may be given by ARN."""
    name = str(reference)
    name = name.rpartition(":function:")[2] if ":function:" in name else name
    return name.partition(":")[0]


def _invalid(message: str) -> CodeDeployError:
    return CodeDeployError("InvalidRevisionException", message)
