"""What is measured of functions, and which measurements an alarm looks at."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import time
from collections.abc import Iterator
from types import FunctionType
from typing import Any

from ministack.services import cloudwatch, lambda_svc

from tiercel.sandbox.aws.corrections.services.aliases import called_as


def let_alarms_see_their_own_metric() -> None:
    """An alarm looks at the one metric that has its namespace, name and exactly its dimensions.

    The emulator takes every metric of the name together, of whichever function, and looks when
    metrics are put and not when it is asked for the alarms.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Dimension
    """
    original, original_describe = cloudwatch._evaluate_alarm, cloudwatch._describe_alarms

    def evaluate(alarm: Any) -> None:
        wanted = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions") or []))
        seen = {key: one for key, one in list(cloudwatch._metrics.items()) if key[2] == wanted}
        # The original reads the module's metrics by name, and writes to none of them.
        judge = FunctionType(original.__code__, vars(cloudwatch) | {"_metrics": seen})
        judge(alarm)

    def describe(*arguments: Any) -> Any:
        cloudwatch._evaluate_all_alarms()
        return original_describe(*arguments)

    cloudwatch._evaluate_alarm = evaluate
    cloudwatch._describe_alarms = describe


def measure_every_invocation() -> None:
    """Whoever invokes a function, it is measured: as such, and as the alias or version called.

    The emulator measures calls of Invoke alone, and tells no versions apart.
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    original_dispatch, original_emit = (
        lambda_svc._execute_function_dispatch,
        lambda_svc._emit_lambda_metrics,
    )

    def dispatch(func: Any, config: Any, event: Any, request_id: str, started: float) -> Any:
        result = original_dispatch(func, config, event, request_id, started)
        error = isinstance(result, dict) and bool(result.get("error"))
        milliseconds = (time.time() - started) * 1000
        for dimensions in _dimensions(config):
            _record(dimensions, error=error, milliseconds=milliseconds)
        return result

    def emit(name: str, duration_ms: float, *, error: bool, throttle: bool) -> None:
        if throttle:  # which never comes to the dispatch
            original_emit(name, duration_ms, error, throttle)

    lambda_svc._execute_function_dispatch = dispatch
    lambda_svc._emit_lambda_metrics = emit


def _dimensions(config: Any) -> Iterator[dict[str, str]]:
    """Yield the dimensions of one invocation, from all functions together to one version's share.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html
    """
    name = str(config["FunctionName"])
    qualifier = called_as(name)
    resource = {"FunctionName": name, "Resource": f"{name}:{qualifier}" if qualifier else name}
    yield {}
    yield {"FunctionName": name}
    yield resource
    if qualifier and not qualifier.isdigit():
        yield resource | {"ExecutedVersion": str(config.get("Version", ""))}


def _record(dimensions: dict[str, str], *, error: bool, milliseconds: float) -> None:
    counted = {"Invocations": 1, "Errors": int(error), "Throttles": 0}
    for name, value in counted.items():
        cloudwatch.record_metric("AWS/Lambda", name, value, "Count", dimensions)
    cloudwatch.record_metric("AWS/Lambda", "Duration", milliseconds, "Milliseconds", dimensions)
