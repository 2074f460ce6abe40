"""From the text of tiercel.toml to a Topology, or to errors that name key and line."""

from __future__ import annotations

import graphlib
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from domain.errors import ConfigurationError
from domain.topology import (
    REQUIRED_ENVIRONMENTS,
    Environment,
    Service,
    Topology,
    deployment_order,
)

Finding = tuple[tuple[str, ...], str]
"""The path of a key and what is wrong with it."""

_REMEDY = "correct the file, then run `tiercel config check`; tiercel.toml explains every key"


def parse_topology(text: str, source: str = "tiercel.toml") -> Topology:
    """Return what the whole file says.

    Raises ConfigurationError that lists every finding as `file:line: key: reason`.
    """
    data = _parse_toml(text, source)
    topology = _validated(_named(data), text, source)
    _raise(list(_contradictions(topology)), text, source)
    return topology


def parse_services(text: str, topology: Topology, source: str = "tiercel.toml") -> Topology:
    """Return the topology with the services that a commit's own file describes.

    Whatever else the commit's file says is not read: accounts come from the worker's copy.
    Raises ConfigurationError as `parse_topology` does.
    """
    data = _parse_toml(text, source)
    merged = topology.model_dump(exclude={"services"}) | {"services": data.get("services", {})}
    described = _validated(_named(merged), text, source)
    _raise(list(_contradictions(described)), text, source)
    return described


def _parse_toml(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            "the configuration is not TOML", where=source, why=str(error), remedy=_REMEDY
        ) from error


def _named(data: dict[str, Any]) -> dict[str, Any]:
    """Give every environment and service the name that its table has."""

    def with_names(table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        return {
            name: {**value, "name": name} if isinstance(value, dict) else value
            for name, value in table.items()
        }

    return data | {
        key: with_names(data[key]) for key in ("environments", "services") if key in data
    }


def _validated(data: dict[str, Any], text: str, source: str) -> Topology:
    try:
        return Topology.model_validate(data)
    except ValidationError as error:
        _raise([_finding(details) for details in error.errors()], text, source)
        raise


def _finding(details: Any) -> Finding:
    path = tuple(str(part) for part in details["loc"] if part != "[key]")
    reasons = {
        "extra_forbidden": "unknown key",
        "missing": "missing",
        "string_type": "must be a string in quotes",
        "string_pattern_mismatch": "has the wrong form: it must match "
        + str(details.get("ctx", {}).get("pattern", "")),
    }
    message = str(details["msg"]).removeprefix("Value error, ")
    return path, reasons.get(details["type"], message)


def _contradictions(topology: Topology) -> Iterator[Finding]:
    yield from _missing_environments(topology)
    yield from _shared_branches(topology.environments)
    yield from _shared_accounts(topology.environments)
    for service in topology.services.values():
        yield from _dangling_names(service, topology)
    yield from _cycles(topology.services)


def _missing_environments(topology: Topology) -> Iterator[Finding]:
    for name in REQUIRED_ENVIRONMENTS:
        if name not in topology.environments:
            yield ("environments", name), "missing: both preprod and prod must be described"


def _shared_branches(environments: dict[str, Environment]) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for name, environment in environments.items():
        owner = owners.setdefault(environment.branch, name)
        if owner != name:
            reason = f"`{environment.branch}` already feeds environments.{owner}"
            yield ("environments", name, "branch"), reason


def _shared_accounts(environments: dict[str, Environment]) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for name, environment in environments.items():
        for role in ("infrastructure_account", "runtime_account"):
            account = getattr(environment, role)
            place = f"environments.{name}.{role}"
            owner = owners.setdefault(account, place)
            if owner != place:
                yield ("environments", name, role), f"{account} is already {owner}"


def _dangling_names(service: Service, topology: Topology) -> Iterator[Finding]:
    for name in service.depends_on:
        if name not in topology.services:
            yield ("services", service.name, "depends_on"), f"there is no service `{name}`"
    for name in service.environments:
        if name not in topology.environments:
            yield (
                ("services", service.name, "environments", name),
                f"there is no environment `{name}`",
            )


def _cycles(services: dict[str, Service]) -> Iterator[Finding]:
    known = {
        name: service
        for name, service in services.items()
        if all(other in services for other in service.depends_on)
    }
    try:
        deployment_order(known)
    except KeyError:
        return  # a service that depends on an unknown one is reported by its own key
    except graphlib.CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        yield ("services", error.args[1][0], "depends_on"), f"services wait in a circle: {circle}"


def _raise(findings: list[Finding], text: str, source: str) -> None:
    if not findings:
        return
    lines = [
        f"{source}:{line_of(text, path)}: {'.'.join(path)}: {reason}" for path, reason in findings
    ]
    raise ConfigurationError(
        f"the configuration has {len(lines)} error{'s' if len(lines) > 1 else ''}; "
        "nothing was called",
        where=source,
        why="\n       ".join(lines),
        remedy=_REMEDY,
    )


def line_of(text: str, path: tuple[str, ...]) -> int:
    """Return the line, from 1, where a key stands, or that of its nearest table.

    tomllib keeps no positions, so this reads headers and keys line by line; inside
    a multi-line string it may name a line too early, never one that does not exist.
    """
    table: tuple[str, ...] = ()
    best_line, best_depth = 1, 0
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]+\s*(#.*)?$", line)
        assignment = re.match(r"\s*([A-Za-z0-9_.\"'-]+)\s*=", line)
        if header:
            table = here = _split_key(header[1])
        elif assignment:
            here = table + _split_key(assignment[1])
        else:
            continue
        if len(here) > best_depth and here == path[: len(here)]:
            best_line, best_depth = number, len(here)
    return best_line


def _split_key(text: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in text.split("."))
