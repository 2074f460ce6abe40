"""Which API operation an HTTP request is, told from botocore's own service models."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.loaders import Loader

from tiercel.sandbox.aws import emulator

_MODELS = {"s3": ("s3",), "lambda": ("lambda",)}


@dataclass(frozen=True)
class AwsRoute:
    """How one operation of a REST service is recognized."""

    operation: str
    method: str
    path: re.Pattern[str]
    literals: int
    query: tuple[tuple[str, str], ...]
    required: frozenset[str]

    def matches(
        self, method: str, path: str, query: Mapping[str, list[str]], given: set[str]
    ) -> bool:
        """Whether a request has this method and path, and all that the operation requires."""
        return (
            method == self.method
            and self.required <= given
            and all(_has(query, name, value) for name, value in self.query)
            and self.path.fullmatch(path) is not None
        )

    @property
    def precision(self) -> tuple[int, int]:
        """Of two routes that match, the one that demands more is meant."""
        return len(self.query) + len(self.required), self.literals


def rest_operation(
    service: str, method: str, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str]
) -> str:
    """Return the operation's name, or an empty text when no model knows the request.

    `path` is still percent-encoded: a slash inside a label is `%2F` there.
    """
    given = {name.lower() for name in (*query, *headers)}
    normal = path.rstrip("/") or "/"
    found = [route for route in _routes(service) if route.matches(method, normal, query, given)]
    return max(found, key=lambda route: route.precision).operation if found else ""


def _has(query: Mapping[str, list[str]], name: str, value: str) -> bool:
    return name in query and (not value or value in query[name])


@functools.cache
def _routes(service: str) -> tuple[AwsRoute, ...]:
    names = _MODELS.get(service) or emulator.botocore_models(service)
    models = [Loader().load_service_model(name, "service-2") for name in names]
    return tuple(
        _route(name, operation, model["shapes"])
        for model in models
        for name, operation in model["operations"].items()
        if "requestUri" in operation.get("http", {})
    )


def _route(name: str, operation: dict[str, Any], shapes: dict[str, Any]) -> AwsRoute:
    path, _, query = operation["http"]["requestUri"].partition("?")
    segments = (path.rstrip("/") or "/").split("/")
    pairs = (part.partition("=") for part in query.split("&") if part)
    return AwsRoute(
        operation=name,
        method=operation["http"]["method"],
        path=re.compile("/".join(_segment(segment) for segment in segments) or "/"),
        literals=sum(bool(segment) and not segment.startswith("{") for segment in segments),
        query=tuple((key, value) for key, _, value in pairs if not value.startswith("{")),
        required=_required(operation, shapes),
    )


def _segment(segment: str) -> str:
    if segment.startswith("{"):
        return ".+" if segment.endswith("+}") else "[^/]+"
    return re.escape(segment)


def _required(operation: dict[str, Any], shapes: dict[str, Any]) -> frozenset[str]:
    shape = shapes.get(operation.get("input", {}).get("shape", ""), {})
    members = (shape["members"][name] for name in shape.get("required", ()))
    return frozenset(
        member["locationName"].lower()
        for member in members
        if member.get("location") in ("querystring", "header")
    )
