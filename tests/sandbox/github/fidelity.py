"""Holds what the stand-in said against GitHub's own description of its API and its webhooks.

The description says which shape an answer has, not what it ought to say.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from openapi_schema_validator import (
    OAS30ReadValidator,
    OAS30WriteValidator,
    OAS31Validator,
    oas30_format_checker,
    oas31_format_checker,
)
from referencing import Registry, Specification

from tiercel.sandbox.github.http.journal import ApiExchange
from tiercel.sandbox.github.memory.urls import API_PREFIX

Json = dict[str, Any]

_ADDRESS = "urn:github"
# What GitHub describes for every operation at once, outside of the description:
# https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
_EVERYWHERE = {400, 401, 403, 404, 422}
# Addresses that GitHub describes under another template only.
_OLD_STATUSES = "/repos/{owner}/{repo}/statuses/{ref}"
_SAME = {"/contents": "/contents/{path}", "/matching-refs": "/matching-refs/{ref}"}
# Where PyGithub 2.10 differs from the description, and GitHub takes what it sends.
_PROTECTION = "PUT /repos/{owner}/{repo}/branches/{branch}/protection"
_LABELS = {
    "POST /repos/{owner}/{repo}/issues/{issue_number}/labels",
    "PUT /repos/{owner}/{repo}/issues/{issue_number}/labels",
}
_RULES = frozenset(
    {
        "allow_deletions",
        "allow_fork_syncing",
        "block_creations",
        "lock_branch",
        "required_conversation_resolution",
        "required_linear_history",
    }
)


def pointer(*parts: str) -> str:
    escaped = (part.replace("~", "~0").replace("/", "~1") for part in parts)
    return f"{_ADDRESS}#/" + "/".join(escaped)


@dataclass
class Verdict:
    """What was held against the description, and what did not fit."""

    operations: set[str] = field(default_factory=set)
    responses: int = 0
    requests: int = 0
    violations: list[str] = field(default_factory=list)


class ApiChecker:
    """Checks exchanges; the same body is looked at once."""

    def __init__(self, document: Json) -> None:
        self._document = document
        resource = Specification.OPAQUE.create_resource(document)
        self._registry: Registry[Any] = Registry().with_resource(_ADDRESS, resource)
        self._known: dict[tuple[str, ...], list[str]] = {}
        self.verdict = Verdict()

    def check(self, exchange: ApiExchange) -> None:
        """Check an exchange of the API that no fault was played on."""
        if not exchange.path.startswith(f"{API_PREFIX}/") or exchange.fault:
            return
        if not exchange.operation:
            self._response(exchange, [f"#{exchange.status}"], None)
            return
        template = _template(exchange.operation)
        method = "get" if exchange.method == "HEAD" else exchange.method.lower()
        found = self._document["paths"].get(template, {}).get(method)
        name = f"{exchange.method} {template}"
        if found is None:
            self.verdict.violations.append(f"{name}: GitHub has no such operation")
            return
        self.verdict.operations.add(name)
        self._response(exchange, ["paths", template, method], found)
        if 200 <= exchange.status < 300:
            self._request(exchange, ["paths", template, method], found)

    def _response(self, exchange: ApiExchange, place: list[str], operation: Json | None) -> None:
        self.verdict.responses += 1
        if exchange.status == 304 or exchange.method == "HEAD":
            return
        where = f"{exchange.method} {exchange.operation or exchange.path} -> {exchange.status}"
        documented = operation["responses"].get(str(exchange.status)) if operation else None
        if documented is not None:
            where_to = [*place, "responses", str(exchange.status)]
            if "$ref" in documented:
                where_to = documented["$ref"].removeprefix("#/").split("/")
                documented = self._document["components"]["responses"][where_to[-1]]
            content = documented.get("content", {})
            kind = next((name for name in content if "json" in name), None)
            schema = None
            if kind is not None:
                schema = pointer(*where_to, "content", kind, "schema")
            elif exchange.status >= 400 and exchange.response_body:
                # The description leaves out what these errors say.
                schema = pointer("components", "schemas", _error_schema(exchange))
        elif exchange.status in _EVERYWHERE:
            schema = pointer("components", "schemas", _error_schema(exchange))
        else:
            self.verdict.violations.append(f"{where}: GitHub documents no such status")
            return
        self._hold(where, schema, exchange.response_body, OAS30ReadValidator)

    def _request(self, exchange: ApiExchange, place: list[str], operation: Json) -> None:
        where = f"{exchange.method} {exchange.operation} request"
        self._query(exchange, where, operation)
        wanted = operation.get("requestBody")
        if wanted is None:
            return
        self.verdict.requests += 1
        if not exchange.request_body:
            if wanted.get("required"):
                self.verdict.violations.append(f"{where}: accepted without a body")
            return
        schema = pointer(*place, "requestBody", "content", "application/json", "schema")
        raw = _as_described(f"{exchange.method} {exchange.operation}", exchange.request_body)
        self._hold(where, schema, raw, OAS30WriteValidator)

    def _query(self, exchange: ApiExchange, where: str, operation: Json) -> None:
        sent = dict(parse_qsl(exchange.query.decode(), keep_blank_values=True))
        for parameter in operation.get("parameters", []):
            if "$ref" in parameter:
                name = parameter["$ref"].rpartition("/")[2]
                parameter = self._document["components"]["parameters"][name]  # noqa: PLW2901
            schema = parameter["schema"]
            value = sent.get(parameter["name"])
            if parameter["in"] != "query" or value is None:
                continue
            if "enum" in schema and value not in schema["enum"]:
                self.verdict.violations.append(f"{where}: ?{parameter['name']}={value}")

    def _hold(self, where: str, schema: str | None, raw: bytes, kind: Any) -> None:
        if kind is OAS30ReadValidator and schema is None:
            if raw:
                self.verdict.violations.append(f"{where}: GitHub sends no body")
            return
        key = (where, schema or "", hashlib.sha256(raw).hexdigest())
        if key not in self._known:
            validator = kind(
                {"$ref": schema}, registry=self._registry, format_checker=oas30_format_checker
            )
            self._known[key] = [
                f"{where}: {error.json_path}: {error.message[:200]}"
                for error in validator.iter_errors(json.loads(raw))
            ]
        self.verdict.violations += self._known[key]


class WebhookChecker:
    """Checks what webhooks were sent."""

    def __init__(self, document: Json) -> None:
        self._document = document
        resource = Specification.OPAQUE.create_resource(document)
        self._registry: Registry[Any] = Registry().with_resource(_ADDRESS, resource)
        self.verdict = Verdict()

    def check(self, event: str, headers: Mapping[str, str], payload: Json) -> None:
        """Check one delivery: its headers are there and its payload has GitHub's shape."""
        action = payload.get("action") if event not in {"create", "delete", "push"} else None
        name = f"{event}-{action}" if action else event
        name = name.replace("_", "-")
        found = self._document["webhooks"].get(name)
        if found is None:
            self.verdict.violations.append(f"{name}: GitHub has no such webhook")
            return
        self.verdict.operations.add(name)
        self.verdict.responses += 1
        operation = found["post"]
        for parameter in operation["parameters"]:
            header = parameter["name"].lower()
            # The signature is there if the webhook has a secret; other tests check it.
            if header not in headers and header != "x-hub-signature-256":
                self.verdict.violations.append(f"{name}: header {parameter['name']} is missing")
        schema = pointer(
            "webhooks", name, "post", "requestBody", "content", "application/json", "schema"
        )
        validator = OAS31Validator(
            {"$ref": schema}, registry=self._registry, format_checker=oas31_format_checker
        )
        self.verdict.violations += [
            f"{name}: {error.json_path}: {error.message[:200]}"
            for error in validator.iter_errors(payload)
        ]


def check_all(checker: ApiChecker, exchanges: Iterable[ApiExchange]) -> Verdict:
    for exchange in exchanges:
        checker.check(exchange)
    return checker.verdict


def _as_described(operation: str, raw: bytes) -> bytes:
    """Return a request without the deviations of PyGithub's that are known."""
    sent = json.loads(raw)
    if operation == _PROTECTION:
        sent = {name: v for name, v in sent.items() if v is not None or name not in _RULES}
        if sent.get("required_status_checks"):
            sent["required_status_checks"].setdefault("contexts", [])
    if operation in _LABELS and isinstance(sent, list):
        sent = {"labels": sent}
    return json.dumps(sent).encode()


def _template(operation: str) -> str:
    trimmed = operation.rstrip("/")
    if trimmed == _OLD_STATUSES:
        return "/repos/{owner}/{repo}/commits/{ref}/statuses"
    for ending, template in _SAME.items():
        if trimmed.endswith(ending):
            return trimmed.removesuffix(ending) + template
    return trimmed


def _error_schema(exchange: ApiExchange) -> str:
    """Return the schema of an error: one with words only, or with a list of them."""
    errors = json.loads(exchange.response_body).get("errors")
    if not errors:
        return "basic-error"
    return "validation-error-simple" if isinstance(errors[0], str) else "validation-error"
