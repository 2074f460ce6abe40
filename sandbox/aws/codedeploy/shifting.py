"""A deployment that runs: its hooks, its alias's weights, its alarms, and its end.

https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-steps-lambda.html
"""
# ruff: noqa: SLF001 - the emulator has only private names for it

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from ministack import app
from ministack.core import responses
from ministack.services import cloudwatch, lambda_svc

from tiercel.domain.traffic.routing import Routing
from tiercel.sandbox.aws.codedeploy.authority import authority
from tiercel.sandbox.aws.codedeploy.endings import HOOK_MINUTES, DeploymentEndedError, Trouble
from tiercel.sandbox.aws.codedeploy.records import CodeDeployObject, records
from tiercel.sandbox.aws.codedeploy.revisions import AFTER, BEFORE, SHIFT, Revision

SCALE = 60
"""How many times faster than AWS's own the clock of the stand-in runs."""
_MINUTE = 60 / SCALE
_TICK = 0.02


class RunningShift:
    """The run of one deployment, in a thread that belongs to its account and region."""

    def __init__(
        self,
        record: CodeDeployObject,
        revision: Revision,
        routing: Routing,
        group: CodeDeployObject,
    ) -> None:
        """Prepare to shift; nothing is asked for yet."""
        self._record = record
        self._revision = revision
        self._routing = routing
        self._role = str(group.get("serviceRoleArn", ""))
        told = group.get("alarmConfiguration") or {}
        self._alarms = (
            [str(one["name"]) for one in told.get("alarms", ())] if told.get("enabled") else []
        )

    def run(self) -> None:
        """Run to the end; raises DeploymentEndedError where it ends before its time."""
        if self._alarms:
            self._require("cloudwatch:DescribeAlarms", "*")
        self._check_alias()
        self._watch()
        self._hook(BEFORE)
        with self._event(SHIFT):
            self._shift()
        self._hook(AFTER)

    def take_back(self) -> None:
        """Give all traffic to the version that had it, at once and without hooks."""
        for name in (BEFORE, AFTER):
            with self._event(name):
                pass
        with self._event(SHIFT):
            self._weigh(100)

    def _check_alias(self) -> None:
        """An alias that two versions share already, or that another version has, is refused.

        https://docs.aws.amazon.com/codedeploy/latest/userguide/troubleshooting-deployments-lambda.html
        """
        revision = self._revision
        self._require("lambda:GetAlias", self._function(revision.function))
        function = lambda_svc._functions.get(revision.function) or {}
        alias = function.get("aliases", {}).get(revision.alias)
        if alias is None or revision.target not in function.get("versions", {}):
            raise DeploymentEndedError(
                Trouble.CONFIGURATION, "The Lambda function, alias or version does not exist"
            )
        if alias["FunctionVersion"] != revision.current or "RoutingConfig" in alias:
            raise DeploymentEndedError(
                Trouble.CONFIGURATION,
                "The Lambda function alias version does not match the current version in AppSpec "
                "file.",
            )

    def _shift(self) -> None:
        passed = 0
        for share in self._routing.shares:
            self._wait((share.minute - passed) * _MINUTE)
            passed = share.minute
            self._weigh(share.percent)

    def _weigh(self, percent: int) -> None:
        revision = self._revision
        self._require("lambda:UpdateAlias", self._function(revision.function))
        if percent == 100:
            asked: CodeDeployObject = {"FunctionVersion": revision.target, "RoutingConfig": {}}
        else:
            weights = {revision.target: percent / 100}
            asked = {"RoutingConfig": {"AdditionalVersionWeights": weights}}
        status, _, body = lambda_svc._update_alias(revision.function, revision.alias, asked)
        if status >= 400:
            raise DeploymentEndedError(Trouble.CONFIGURATION, body.decode())
        with records.lock:
            self._record["weight"] = percent / 100

    def _hook(self, name: str) -> None:
        hook = self._revision.hooks.get(name)
        with self._event(name):
            if not hook:
                return
            self._invoke(name, hook)
            said = self._said(name)
            if said is None:
                raise DeploymentEndedError(Trouble.SILENCE, f"{name}: {hook}")
            if said != "Succeeded":
                raise DeploymentEndedError(Trouble.HOOK, f"{name}: {hook}")

    def _invoke(self, name: str, hook: str) -> None:
        """Start the hook; whatever it does, it has to report the result itself."""
        self._require("lambda:InvokeFunction", self._function(hook))
        if hook not in lambda_svc._functions:
            raise DeploymentEndedError(Trouble.HOOK, f"{name}: there is no function {hook}")
        asked = {
            "DeploymentId": self._record["info"]["deploymentId"],
            "LifecycleEventHookExecutionId": self._record["hooks"][name]["id"],
        }
        status, _, body = app.call_service_handler_sync(
            app.SERVICE_HANDLERS["lambda"],
            "POST",
            f"/2015-03-31/functions/{hook}/invocations",
            {"x-amz-invocation-type": "Event", "content-type": "application/json"},
            json.dumps(asked).encode(),
            {},
        )
        if status >= 400:
            raise DeploymentEndedError(Trouble.HOOK, f"{name}: {body.decode()}")

    def _said(self, name: str) -> str | None:
        for _ in self._ticks(HOOK_MINUTES * _MINUTE):
            if said := self._record["hooks"][name].get("status"):
                return str(said)
        return None

    def _wait(self, seconds: float) -> None:
        for _ in self._ticks(seconds):
            pass

    def _ticks(self, seconds: float) -> Iterator[None]:
        """Yield until so much time has passed, and look each time whether something ends it."""
        until = time.monotonic() + seconds
        while True:
            self._watch()
            yield
            if time.monotonic() >= until:
                return
            time.sleep(_TICK)

    def _watch(self) -> None:
        if self._record.get("stopped"):
            raise DeploymentEndedError(Trouble.STOPPED)
        if not self._alarms:
            return
        loud = self._loud()
        if not loud:
            cloudwatch._evaluate_all_alarms()  # which ends a state that somebody has set
            loud = self._loud()
        if loud:
            raise DeploymentEndedError(Trouble.ALARM, " ".join(f"<{one}>" for one in loud))

    def _loud(self) -> list[str]:
        return [one for one in self._alarms if _state(one) == "ALARM"]

    def _event(self, name: str) -> _Event:
        return _Event(self._record["events"][name])

    def _function(self, name: str) -> str:
        place = f"{responses.get_region()}:{responses.get_account_id()}"
        return f"arn:aws:lambda:{place}:function:{name}"

    def _require(self, action: str, resource: str) -> None:
        """Ask the group's service role, whose boundary counts as well."""
        try:
            authority.require(self._role, action, resource)
        except ValueError as error:
            raise DeploymentEndedError(Trouble.PERMISSIONS, str(error)) from error


class _Event:
    """A lifecycle event while it runs: it has failed if what is inside raises."""

    def __init__(self, event: CodeDeployObject) -> None:
        self._event = event

    def __enter__(self) -> None:
        with records.lock:
            self._event |= {"status": "InProgress", "startTime": time.time()}

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        with records.lock:
            self._event |= {"status": "Failed" if error else "Succeeded", "endTime": time.time()}
            if isinstance(error, DeploymentEndedError):
                self._event["diagnostics"] = {"errorCode": "UnknownError", "message": error.message}


def _state(alarm: str) -> str:
    found: Any = cloudwatch._alarms.get(alarm) or cloudwatch._composite_alarms.get(alarm) or {}
    return str(found.get("StateValue", ""))
