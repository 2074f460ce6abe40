"""From the text of tiercel.toml to a Topology, or to errors that name key and line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.base.text import printable
from tiercel.domain.base.values import Frozen
from tiercel.domain.configuration.contradictions import contradictions
from tiercel.domain.configuration.near_keys import hint_for
from tiercel.domain.configuration.promotions import ConfigurationFault
from tiercel.domain.configuration.toml_text import (
    BYTE_ORDER_MARK,
    CORRECT_FILE,
    LONGEST_FINDING,
    parse_toml,
)
from tiercel.domain.organization.fragments import Fragment
from tiercel.domain.organization.parts import ServiceName
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Topology

M = TypeVar("M", bound=BaseModel)

_MOST_FINDINGS = 20


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


def _known_by(model: type[BaseModel]) -> type[BaseModel]:
    """Return the model whose keys are those that may be meant: a commit's file may have all."""
    return Topology if model is _OfCommit else model


def parse_topology(
    text: str, source: str = "tiercel.toml", fragments: Iterable[Fragment] = ()
) -> Topology:
    """Return what the whole file says, with the team's own services that it lists.

    Raises ConfigurationError that lists every finding as `file:line: key: reason`.
    """
    data = parse_toml(text, source)
    written = [*_written_names(data, "environments", "services"), *_written_fragments(data)]
    topology, faults = _read(Topology, _with_fragments(_named(data), fragments))
    found = [] if topology is None else _contradictions(topology, faults)
    _raise([*written, *faults, *found], text, source)
    return _whole(topology)


def parse_services(text: str, topology: Topology, source: str = "tiercel.toml") -> Topology:
    """Return the topology with the services that a commit's own file describes.

    What the commit's file says of accounts and builds is not read: that comes from the
    worker's copy. A table that nobody knows is an error here too, or a misspelt
    [services] would be a commit without services.
    Raises ConfigurationError as `parse_topology` does.
    """
    data = parse_toml(text, source)
    written = list(_written_names(data, "services"))
    read, faults = _read(_OfCommit, _named(data))
    described = None if read is None else topology.with_services(read.services)
    found = [] if described is None else _contradictions(described, faults)
    _raise([*written, *faults, *found], text, source)
    return _whole(described)


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


def _read(model: type[M], data: dict[str, Any]) -> tuple[M | None, list[ConfigurationFault]]:
    """Return what the tables say, and what is wrong with single keys of them.

    What is wrong is left out, so that all else that is wrong is found with it; None if nothing
    can be made of the rest.
    """
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        details = error.errors(include_input=False)
    found = [_finding(model, one) for one in details]
    faults = [one for one in found if not _is_given_name(*one)]
    try:
        return model.model_validate(_without(data, [one["loc"] for one in details])), faults
    except ValidationError:
        return None, faults


def _contradictions(
    topology: Topology, faults: Iterable[ConfigurationFault]
) -> list[ConfigurationFault]:
    return list(contradictions(topology, {path for path, _ in faults}))


def _without(data: Any, places: Collection[Sequence[int | str]]) -> Any:
    """Return tables and lists without what stands at some places."""
    if not places or not isinstance(data, dict | list):
        return data
    gone = {place[0] for place in places if len(place) == 1}
    pairs = data.items() if isinstance(data, dict) else enumerate(data)
    kept = {
        key: _without(value, [place[1:] for place in places if place[:1] == (key,)])
        for key, value in pairs
        if key not in gone
    }
    return kept if isinstance(data, dict) else list(kept.values())


def _whole(read: M | None) -> M:
    """Return what was read; where it is None something was wrong with it, and was told."""
    assert read is not None  # noqa: S101 - it would have been raised
    return read


def _is_given_name(path: tuple[str, ...], _: str) -> bool:
    """A table's bad name is found twice: as its key, and as the name that `_named` gave."""
    return len(path) == 3 and path[2] == "name" and path[0] in {"environments", "services"}


def _finding(model: type[BaseModel], details: Any) -> ConfigurationFault:
    path = tuple(str(part) for part in details["loc"] if part != "[key]")
    reasons = {
        "extra_forbidden": f"unknown key{hint_for(_known_by(model), path)}",
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


def _raise(findings: list[ConfigurationFault], text: str, source: str) -> None:
    if not findings:
        return
    told = findings[:_MOST_FINDINGS]
    placed = sorted(((line_of(text, path), path, reason) for path, reason in told), key=_line)
    lines = [
        printable(f"{source}:{line}: {'.'.join(path)}: {reason}", LONGEST_FINDING)
        for line, path, reason in placed
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


def _line(placed: tuple[int, object, object]) -> int:
    return placed[0]


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
