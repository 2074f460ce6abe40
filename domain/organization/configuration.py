"""From the text of tiercel.toml to a Topology, or to errors that name key and line."""

from __future__ import annotations

import graphlib
import re
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.base.git_names import is_legal_branch
from tiercel.domain.base.text import printable
from tiercel.domain.base.values import Frozen
from tiercel.domain.organization.fragments import Fragment
from tiercel.domain.organization.on_demand import EPHEMERAL
from tiercel.domain.organization.parts import ServiceName
from tiercel.domain.organization.promotions import ConfigurationFault, promotion_findings
from tiercel.domain.organization.renames import rename_findings
from tiercel.domain.organization.services import Service, deployment_order
from tiercel.domain.organization.toml_text import (
    BYTE_ORDER_MARK,
    CORRECT_FILE,
    LONGEST_FINDING,
    parse_toml,
)
from tiercel.domain.organization.topology import PREPROD, PROD, Environment, Topology

M = TypeVar("M", bound=BaseModel)

_MOST_FINDINGS = 20
# A value of one of these keys may stand only once in all environments.
_UNIQUE_KEYS = (("branch",), ("external_id",), ("infrastructure_account", "runtime_account"))


class _OfCommit(Frozen):
    """A commit's own file, of which only the services are read."""

    organization: Any = None
    repositories: Any = None
    builds: Any = None
    leases: Any = None
    drills: Any = None
    environments: Any = None
    ephemeral: Any = None
    services: dict[ServiceName, Service] = Field(default_factory=dict)


def parse_topology(
    text: str, source: str = "tiercel.toml", fragments: Iterable[Fragment] = ()
) -> Topology:
    """Return what the whole file says, with the team's own services that it lists.

    Raises ConfigurationError that lists every finding as `file:line: key: reason`.
    """
    data = parse_toml(text, source)
    written = [*_written_names(data, "environments", "services"), *_written_fragments(data)]
    _raise(written, text, source)
    topology = _validated(Topology, _with_fragments(_named(data), fragments), text, source)
    _raise(list(_contradictions(topology)), text, source)
    return topology


def parse_services(text: str, topology: Topology, source: str = "tiercel.toml") -> Topology:
    """Return the topology with the services that a commit's own file describes.

    What the commit's file says of accounts and builds is not read: that comes from the
    worker's copy. A table that nobody knows is an error here too, or a misspelt
    [services] would be a commit without services.
    Raises ConfigurationError as `parse_topology` does.
    """
    data = parse_toml(text, source)
    _raise(list(_written_names(data, "services")), text, source)
    described = topology.with_services(_validated(_OfCommit, _named(data), text, source).services)
    _raise(list(_contradictions(described)), text, source)
    return described


def _written_names(data: dict[str, Any], *tables: str) -> Iterator[ConfigurationFault]:
    """Find names given twice: a table's own name is the name."""
    for table in tables:
        entries = data.get(table)
        for name, value in entries.items() if isinstance(entries, dict) else ():
            if isinstance(value, dict) and "name" in value:
                yield (table, name, "name"), "unknown key: the table's own name is the name"


def _written_fragments(data: dict[str, Any]) -> Iterator[ConfigurationFault]:
    for name, rules in _stack_rules(data):
        if "fragments" in rules:
            yield ("environments", name, "stacks", "fragments"), "unknown key"


def _with_fragments(data: dict[str, Any], fragments: Iterable[Fragment]) -> dict[str, Any]:
    """Give every environment the own services that it lists."""
    found = {one.name: one for one in fragments}
    for _, rules in _stack_rules(data):
        services = rules.get("services")
        listed = services if isinstance(services, list) else []
        used = [found[name] for name in listed if isinstance(name, str) and name in found]
        rules["fragments"] = tuple(used)
    return data


def _stack_rules(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    environments = data.get("environments")
    for name, environment in environments.items() if isinstance(environments, dict) else ():
        rules = environment.get("stacks") if isinstance(environment, dict) else None
        if isinstance(rules, dict):
            yield name, rules


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


def _validated(model: type[M], data: dict[str, Any], text: str, source: str) -> M:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        findings = [_finding(details) for details in error.errors(include_input=False)]
        _raise([finding for finding in findings if not _is_given_name(*finding)], text, source)
        raise


def _is_given_name(path: tuple[str, ...], _: str) -> bool:
    """A table's bad name is found twice: as its key, and as the name that `_named` gave."""
    return len(path) == 3 and path[2] == "name" and path[0] in {"environments", "services"}


def _finding(details: Any) -> ConfigurationFault:
    path = tuple(str(part) for part in details["loc"] if part != "[key]")
    reasons = {
        "extra_forbidden": "unknown key",
        "missing": "missing",
        "string_type": "must be a string in quotes",
        "tuple_type": "must be a list in square brackets",
        "dict_type": "must be a table",
        "int_type": "must be a whole number, without quotes",
        "model_type": "must be a table",
        "string_pattern_mismatch": "has the wrong form: it must match "
        + str(details.get("ctx", {}).get("pattern", "")),
    }
    message = str(details["msg"]).removeprefix("Value error, ")
    return path, reasons.get(details["type"], message)


def _contradictions(topology: Topology) -> Iterator[ConfigurationFault]:
    yield from _missing_environments(topology)
    if EPHEMERAL in topology.environments:
        reason = "stands for environments on demand: give this one another name"
        yield ("environments", EPHEMERAL), reason
    for name, environment in topology.environments.items():
        if not is_legal_branch(environment.branch):
            yield ("environments", name, "branch"), "git allows no branch of this name"
    yield from promotion_findings(topology)
    yield from rename_findings(topology)
    for keys in _UNIQUE_KEYS:
        yield from _shared(topology.environments, keys)
    for service in topology.services.values():
        yield from _dangling_names(service, topology)
        yield from _unread_by_invoke(service)
    yield from _cycles(topology.services)


def _missing_environments(topology: Topology) -> Iterator[ConfigurationFault]:
    for name in (PREPROD, PROD):
        if name not in topology.environments:
            yield ("environments", name), "missing: both preprod and prod must be described"


def _shared(
    environments: dict[str, Environment], keys: tuple[str, ...]
) -> Iterator[ConfigurationFault]:
    owners: dict[str, str] = {}
    for name, environment in environments.items():
        for key in keys:
            value = getattr(environment, key)
            place = f"environments.{name}.{key}"
            owner = owners.setdefault(value, place)
            if owner != place:
                yield ("environments", name, key), f"`{value}` is already {owner}"


def _dangling_names(service: Service, topology: Topology) -> Iterator[ConfigurationFault]:
    for name in service.depends_on:
        if name not in topology.services:
            yield ("services", service.name, "depends_on"), f"there is no service `{name}`"
    for name in service.environments:
        if name not in topology.environments and name != EPHEMERAL:
            yield (
                ("services", service.name, "environments", name),
                f"there is no environment `{name}`",
            )


def _unread_by_invoke(service: Service) -> Iterator[ConfigurationFault]:
    """Find what a smoke test says of an address while it invokes a function.

    Looked for in what is written and not by SmokeTest itself: a release in the ledger has
    every key, with its default.
    """
    test = service.smoke_test
    if test is None or test.invoke is None:
        return
    instead = {
        "path": "say it in `payload`",
        "method": "say it in `payload`",
        "expect_status": f"use `expect = {{ statusCode = {test.expect_status} }}`",
    }
    for key, advice in instead.items():
        if key in test.model_fields_set:
            reason = f"only for `http`; with `invoke` {advice}"
            yield ("services", service.name, "smoke_test", key), reason


def _cycles(services: dict[str, Service]) -> Iterator[ConfigurationFault]:
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


def _raise(findings: list[ConfigurationFault], text: str, source: str) -> None:
    if not findings:
        return
    lines = [
        printable(f"{source}:{line_of(text, path)}: {'.'.join(path)}: {reason}", LONGEST_FINDING)
        for path, reason in findings[:_MOST_FINDINGS]
    ]
    if len(findings) > _MOST_FINDINGS:
        lines.append(f"and {len(findings) - _MOST_FINDINGS} more")
    raise ConfigurationError(
        "configuration.invalid",
        f"the configuration has {len(findings)} error{'s' if len(findings) > 1 else ''}; "
        "nothing was called",
        where=source,
        why="\n".join(lines),
        remedy=CORRECT_FILE,
    )


def line_of(text: str, path: tuple[str, ...]) -> int:
    """Return the line, from 1, where a key stands, or that of its nearest table.

    tomllib keeps no positions, so this reads headers and keys line by line; inside
    a string or array of many lines it may name a line too early, never one that does not exist.
    """
    table: tuple[str, ...] = ()
    best_line, best_depth = 1, 0
    for number, line in enumerate(text.removeprefix(BYTE_ORDER_MARK).split("\n"), start=1):
        content = line.strip()
        assignment = re.match(r"([A-Za-z0-9_.\"'-]+)\s*=", content)
        if content.startswith("["):
            table = here = _split_key(content.partition("#")[0].strip("[] \t"))
        elif assignment:
            here = table + _split_key(assignment[1])
        else:
            continue
        depth = _shared_parts(here, path)
        if depth > best_depth:
            best_line, best_depth = number, depth
    return best_line


def _shared_parts(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _split_key(text: str) -> tuple[str, ...]:
    parts = re.findall(r"\"[^\"]*\"|'[^']*'|[^.\s\"']+", text)
    return tuple(part.strip("\"'") for part in parts)
