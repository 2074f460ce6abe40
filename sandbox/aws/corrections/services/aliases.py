"""Aliases of functions that send a part of their traffic to a second version."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import random
from contextvars import ContextVar
from typing import Any

from ministack.services import lambda_svc

_called: ContextVar[tuple[str, str]] = ContextVar("called", default=("", ""))


def called_as(name: str) -> str:
    """Return the version or alias that the invocation under way of a function named, if any."""
    function, qualifier = _called.get()
    return qualifier if function == name else ""


def split_the_traffic_of_aliases() -> None:
    """A weighted alias sends that share of its invocations to the second version.

    The emulator keeps the weights, and invokes the first version always. Invocations by name
    and those of APIs, topics, rules and state machines are split; mappings of event sources
    are not.
    https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
    """
    original_invoke, original_record = lambda_svc._invoke, lambda_svc._get_func_record_for_ref

    async def invoke(
        name: str, event: Any, headers: Any, path_qualifier: str | None = None, query: Any = None
    ) -> Any:
        asked = path_qualifier or lambda_svc._qp_first(query or {}, "Qualifier")
        _called.set((name, asked or ""))
        version = _second_version(lambda_svc._functions.get(name), asked)
        return await original_invoke(name, event, headers, version or path_qualifier, query)

    def record(reference: str) -> Any:
        found = original_record(reference)
        name, qualifier = found[2], reference.rpartition(":")[2]
        _called.set((name, "" if qualifier == name else qualifier))
        function = lambda_svc._functions.get(name)
        version = _second_version(function, qualifier)
        if found[0] is None or not version:
            return found
        return original_record(reference.removesuffix(qualifier) + version)

    lambda_svc._invoke = invoke
    lambda_svc._get_func_record_for_ref = record


def _second_version(function: Any, qualifier: str | None) -> str:
    """Return the version beside the alias's own if the dice choose it, else an empty text."""
    alias = (function or {}).get("aliases", {}).get(qualifier or "", {})
    weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights") or {}
    dice = random.random()  # noqa: S311 - traffic is no secret
    for version, weight in weights.items():
        if dice < float(weight):
            return str(version)
        dice -= float(weight)
    return ""
