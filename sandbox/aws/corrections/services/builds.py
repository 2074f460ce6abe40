"""CodeBuild builds: they run, with phases and logs as AWS shows them, and can be stopped."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import contextvars
import copy
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ministack.core import iam_actions, responses
from ministack.services import codebuild

from tiercel.sandbox.aws.build_machine import (
    BadBuildspecError,
    BuildMachine,
    PhaseEnd,
    as_variables,
    commands_of,
)

_Json = dict[str, Any]

_TOKEN_SECONDS = 300
_MINUTE = 60
_LONGEST_COMMAND = 200
_IN_PROGRESS, _SUCCEEDED, _FAILED = "IN_PROGRESS", "SUCCEEDED", "FAILED"
_STOPPED, _TIMED_OUT = "STOPPED", "TIMED_OUT"
_SHELL_ENDED = {"statusCode": "COMMAND_EXECUTION_ERROR", "message": "the shell was ended"}
_OVERRIDES = {
    "imageOverride": "image",
    "environmentTypeOverride": "type",
    "computeTypeOverride": "computeType",
    "privilegedModeOverride": "privilegedMode",
}


@dataclass(frozen=True)
class _Started:
    """A build that was started with an idempotency token, and with what."""

    when: float
    build: str
    request: _Json


@dataclass
class _Memory:
    """What is known of builds beside their records: by ARN of the build, or by token."""

    machines: dict[str, BuildMachine] = field(default_factory=dict)
    tokens: dict[tuple[str, str, str], _Started] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)


_memory = _Memory()


def run_builds() -> None:
    """StartBuild runs the buildspec, StopBuild ends it; BatchGetBuilds tells the phases.

    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html
    """
    codebuild._start_build = _start
    codebuild._stop_build = _stop


def authorize_the_project_of_a_build() -> None:
    """A call that names builds is authorized on their project; the emulator asks about everything.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodebuild.html
    """
    original = iam_actions.extract_resource_arn

    def extract(
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: _Json,
        *place: str,
    ) -> Any:
        arn = original(service, method, path, headers, body, query, *place)
        if service != "codebuild" or arn != "*":
            return arn
        projects = {one.partition(":")[0] for one in _builds_in(body)}
        return codebuild._project_arn(projects.pop()) if len(projects) == 1 else arn

    iam_actions.extract_resource_arn = extract


def _builds_in(body: bytes) -> list[str]:
    """Return the builds that StopBuild or BatchGetBuilds name, by id or ARN."""
    try:
        told = json.loads(body)
    except ValueError:
        return []
    named = [told["id"]] if "id" in told else told.get("ids", [])
    return [str(one).rpartition(":build/")[2] for one in named]


def _start(data: _Json) -> Any:
    name = codebuild._project_name_from_identifier(data.get("projectName", ""))
    project = codebuild._projects.get(name) if name else None
    if project is None:
        message = f"Project cannot be found: {data.get('projectName', '')}"
        return responses.error_response_json("ResourceNotFoundException", message, 400)
    with _memory.lock:
        known = _known(data)
        if known and known.request != data:
            message = "Parameters of a request with this idempotency token have changed"
            return responses.error_response_json("InvalidInputException", message, 400)
        if known:
            return _answer(known.build)
        build = _record(project, data)
        codebuild._builds[build["id"]] = build
        if token := data.get("idempotencyToken"):
            started = _Started(time.time(), build["id"], copy.deepcopy(data))
            _memory.tokens[responses.get_account_id(), responses.get_region(), token] = started
    # The records belong to the account and region of this request.
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(_run, build), daemon=True).start()
    return _answer(build["id"])


def _known(data: _Json) -> _Started | None:
    """Return the build of a token, which AWS keeps for five minutes."""
    key = (responses.get_account_id(), responses.get_region(), data.get("idempotencyToken", ""))
    known = _memory.tokens.get(key)
    return known if known and time.time() - known.when < _TOKEN_SECONDS else None


def _answer(identifier: str) -> Any:
    with _memory.lock:
        return responses.json_response({"build": copy.deepcopy(codebuild._builds[identifier])})


def _record(project: _Json, data: _Json) -> _Json:
    """Return the record of a build that begins, with what the request overrides."""
    identifier = codebuild._build_id(project["name"])
    shown = codebuild._project_shape(project)
    environment = dict(shown.get("environment") or {})
    environment |= {key: data[name] for name, key in _OVERRIDES.items() if name in data}
    variables = [
        *(environment.get("environmentVariables") or ()),
        *data.get("environmentVariablesOverride", ()),
    ]
    source = dict(shown.get("source") or {})
    source |= {"buildspec": data["buildspecOverride"]} if "buildspecOverride" in data else {}
    source |= {"type": data["sourceTypeOverride"]} if "sourceTypeOverride" in data else {}
    group = ((shown.get("logsConfig") or {}).get("cloudWatchLogs") or {}).get("groupName")
    number = sum(one["projectName"] == project["name"] for one in codebuild._builds.values()) + 1
    build: _Json = codebuild._make_build_record(project, identifier) | {
        "buildNumber": number,
        "startTime": time.time(),
        "currentPhase": "SUBMITTED",
        "buildStatus": _IN_PROGRESS,
        "buildComplete": False,
        "phases": [],
        "source": source,
        "cache": {"type": "NO_CACHE"},
        "environment": environment | {"environmentVariables": variables},
        "serviceRole": shown.get("serviceRole", ""),
        "logs": _logs(group or f"/aws/codebuild/{project['name']}", identifier.partition(":")[2]),
        "timeoutInMinutes": data.get("timeoutInMinutesOverride", shown["timeoutInMinutes"]),
        "queuedTimeoutInMinutes": shown["queuedTimeoutInMinutes"],
    }
    for absent in ("endTime", "sourceVersion"):
        build.pop(absent, None)
    return build


def _logs(group: str, stream: str) -> _Json:
    place = f"{responses.get_region()}:{responses.get_account_id()}"
    return {
        "groupName": group,
        "streamName": stream,
        "cloudWatchLogsArn": f"arn:aws:logs:{place}:log-group:{group}:log-stream:{stream}",
        "cloudWatchLogs": {"status": "ENABLED", "groupName": group},
    }


def _run(build: _Json) -> None:
    for phase in ("SUBMITTED", "QUEUED", "PROVISIONING"):
        _enter(build, phase)
        _leave(build, PhaseEnd(phase, 0))
    _enter(build, "DOWNLOAD_SOURCE")
    tell = codebuild._log_sink(build)
    try:
        commands = commands_of(build["source"].get("buildspec") or "")
    except BadBuildspecError as error:
        code, _, message = str(error).partition(": ")
        _end_phase(build, _FAILED, {"statusCode": code, "message": message})
        _finish(build, _FAILED)
        return
    _leave(build, PhaseEnd("DOWNLOAD_SOURCE", 0))
    machine = BuildMachine(
        commands,
        _variables(build),
        tell,
        enter=lambda name: _enter(build, name),
        leave=lambda end: _leave(build, end),
    )
    with _memory.lock:
        if build["buildComplete"]:
            return
        _memory.machines[build["arn"]] = machine
    in_time = machine.run(build["timeoutInMinutes"] * _MINUTE)
    with _memory.lock:
        _memory.machines.pop(build["arn"], None)
        if build["buildComplete"]:
            return  # somebody has stopped it
        if not in_time:
            _end_phase(build, _TIMED_OUT)
            _finish(build, _TIMED_OUT)
            return
        _end_phase(build, _FAILED, _SHELL_ENDED)  # unless it has ended well
        failed = any(phase.get("phaseStatus") == _FAILED for phase in build["phases"])
        _finish(build, _FAILED if failed else _SUCCEEDED)


def _variables(build: _Json) -> dict[str, str]:
    """https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html."""
    own = {
        "AWS_DEFAULT_REGION": responses.get_region(),
        "AWS_REGION": responses.get_region(),
        "CODEBUILD_BUILD_ARN": build["arn"],
        "CODEBUILD_BUILD_ID": build["id"],
        "CODEBUILD_BUILD_IMAGE": build["environment"].get("image", ""),
        "CODEBUILD_BUILD_NUMBER": str(build["buildNumber"]),
    }
    return own | as_variables(build["environment"]["environmentVariables"])


def _enter(build: _Json, phase: str) -> None:
    with _memory.lock:
        if not build["buildComplete"]:
            build["currentPhase"] = phase
            build["phases"].append({"phaseType": phase, "startTime": time.time()})


def _leave(build: _Json, end: PhaseEnd) -> None:
    if end.status == 0:
        _end_phase(build, _SUCCEEDED, {"statusCode": "", "message": ""})
        return
    command = end.command[:_LONGEST_COMMAND]
    message = f"Error while executing command: {command}. Reason: exit status {end.status}"
    _end_phase(build, _FAILED, {"statusCode": "COMMAND_EXECUTION_ERROR", "message": message})


def _end_phase(build: _Json, status: str, context: _Json | None = None) -> None:
    with _memory.lock:
        phase = build["phases"][-1]
        if build["buildComplete"] or "endTime" in phase:
            return
        now = time.time()
        phase |= {
            "phaseStatus": status,
            "endTime": now,
            "durationInSeconds": int(now - phase["startTime"]),
            "contexts": [context] if context else [],
        }


def _finish(build: _Json, status: str) -> None:
    with _memory.lock:
        for phase in ("UPLOAD_ARTIFACTS", "FINALIZING") if status != _STOPPED else ():
            _enter(build, phase)
            _leave(build, PhaseEnd(phase, 0))
        _enter(build, "COMPLETED")
        build |= {"buildStatus": status, "buildComplete": True, "endTime": time.time()}


def _stop(data: _Json) -> Any:
    with _memory.lock:
        build = codebuild._builds.get(data.get("id", ""))
        if build is None:
            message = f"Build cannot be found: {data.get('id', '')}"
            return responses.error_response_json("ResourceNotFoundException", message, 400)
        machine = _memory.machines.pop(build["arn"], None)
        if not build["buildComplete"]:
            if build["phases"]:
                _end_phase(build, _STOPPED)
            _finish(build, _STOPPED)
    if machine:
        machine.stop()
    return _answer(build["id"])
