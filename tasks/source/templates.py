"""CloudFormation templates: YAML or JSON in, JSON out."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Any

import yaml

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.limits import (
    MAX_TEMPLATE_LEVELS,
    MAX_TEMPLATE_NODES,
    at_most,
    not_a_mapping,
    require_template_file_size,
    require_template_limits,
    require_template_size,
    too_complex,
)
from tiercel.domain.base.text import printable
from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.template.expansion.includes import included_paths, with_parts
from tiercel.domain.template.expansion.loops import unrolled
from tiercel.domain.template.expansion.schemas import schema_paths, with_schemas
from tiercel.domain.template.local_files import repository_path

ReadFile = Callable[[PurePosixPath], bytes | None]
"""Returns what a file of the repository holds, given its path there."""
_MOST_PARTS = 100
"""Files that one template takes into itself."""
_TEXT = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
_PLAIN_KEYS = {f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "int", "timestamp")}


class _Loader(yaml.CSafeLoader):
    """YAML as CloudFormation reads it: short functions, and dates and keys stay text."""

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self._flat: set[int] = set()
        self._pairs = 0

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Write out merge keys, and bound them: aliases in them multiply while they are read."""
        if id(node) not in self._flat:
            self._flat.add(id(node))
            _check_repetition(node)
            super().flatten_mapping(node)
        self._pairs += len(node.value)
        if self._pairs > MAX_TEMPLATE_NODES:
            raise yaml.constructor.ConstructorError(
                None, None, f"more than {MAX_TEMPLATE_NODES:,} keys", node.start_mark
            )


def _check_repetition(node: yaml.MappingNode) -> None:
    """Keep keys as they are written, and refuse one that hides another of the same name."""
    seen = set()
    for index, (key, value) in enumerate(node.value):
        if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
            continue
        if key.value in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key.value!r} is there twice", key.start_mark
            )
        seen.add(key.value)
        if key.tag in _PLAIN_KEYS:
            node.value[index] = (yaml.ScalarNode(_TEXT, key.value), value)


def _function(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    return {name: _argument(loader, suffix, node)}


def _argument(loader: _Loader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    value = loader.construct_scalar(node)  # type: ignore[arg-type]
    return value.split(".", 1) if suffix == "GetAtt" else value


def _text(loader: _Loader, node: yaml.Node) -> str:
    return str(loader.construct_scalar(node))  # type: ignore[arg-type]


def _integer(loader: _Loader, node: yaml.Node) -> int | str:
    """Keep text that a number would change: telephone numbers, times, account ids, versions.

    `+15551234567`, `12:30`, `0123456789012` and `0x1F` are numbers to YAML 1.1 alone.
    """
    text = str(loader.construct_scalar(node))  # type: ignore[arg-type]
    number = int(loader.construct_yaml_int(node))  # type: ignore[arg-type]
    return number if str(number) == text else text


def _decimal(loader: _Loader, node: yaml.Node) -> float | str:
    """Keep text that a number would change, such as `13.10`; nobody writes one with a power."""
    text = str(loader.construct_scalar(node))  # type: ignore[arg-type]
    number = float(loader.construct_yaml_float(node))  # type: ignore[arg-type]
    is_number = str(number) == text or "e" in text.lower() or not math.isfinite(number)
    return number if is_number else text


_Loader.add_multi_constructor("!", _function)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text)
_Loader.add_constructor("tag:yaml.org,2002:value", _text)
_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _decimal)


def complete_template(read: ReadFile, path: PurePosixPath) -> TemplateDocument:
    """Return a template with all that it says in short written out.

    `read` returns what a file of the repository holds, None if it is not there. Raises
    RefusedInputError if the file is no template, if what it includes is not there or no part of
    a template, and if that is more than CloudFormation takes.
    """
    shown = str(path)
    template = parse_template(_present(read, path), shown)
    parts = {}
    for named in _few(included_paths(template, shown), shown):
        part = repository_path(path, named, "AWS::Include")
        parts[named] = parse_template(_present(read, part), str(part))
    template = unrolled(with_parts(template, parts, shown), shown)
    texts = {}
    for named in _few(schema_paths(template), shown):
        schema = repository_path(path, named, "SchemaUri")
        texts[named] = _text_of(_present(read, schema), schema)
    template = with_schemas(template, texts)
    require_template_limits(template, shown)
    return template


def parse_template(body: bytes, shown: str) -> TemplateDocument:
    """Return a template as plain values, short functions such as `!Ref` written out.

    Raises RefusedInputError if a text is no template, or longer or deeper than is read, YAML's
    aliases counted as often as they are used.
    """
    require_template_file_size(len(body), shown)
    template = _parse(body, shown)
    if not isinstance(template, dict):
        raise not_a_mapping("the template", shown)
    _check_nodes(template, shown)
    return template


def line_in_template(body: bytes, path: Sequence[str]) -> int:
    """Return the line, from 1, where a key of a template stands, or the nearest above it."""
    try:
        node = yaml.compose(body, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return 1
    line = 1
    for step in path:
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        found = [(key, value) for key, value in pairs if key.value == step]
        if not found:
            break
        line, node = found[0][0].start_mark.line + 1, found[0][1]
    return line


def _few(names: Sequence[str], shown: str) -> Sequence[str]:
    at_most(len(names), _MOST_PARTS, "files in a template", shown)
    return names


def _text_of(body: bytes, path: PurePosixPath) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise RefusedInputError(
            "template.schema_not_text",
            "a schema is not UTF-8 text",
            where=str(path),
            why=str(error),
            state="nothing was built",
            remedy="save it as UTF-8",
        ) from error


def _present(read: ReadFile, path: PurePosixPath) -> bytes:
    body = read(path)
    if body is None:
        raise RefusedInputError(
            "template.missing",
            "there is no such template",
            where=str(path),
            state="nothing was built",
            remedy="correct `template` of the service in tiercel.toml, or the path that names it",
        )
    return body


def dump_template(template: dict[str, Any], shown: str) -> bytes:
    """Return the template as JSON in the order of its source; RefusedInputError if too long."""
    text = json.dumps(template, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    body = text.encode()
    require_template_size(len(body), shown)
    return body


def _parse(body: bytes, shown: str) -> Any:
    try:
        return json.loads(body, object_pairs_hook=_unique, parse_constant=float)
    except (ValueError, RecursionError):
        pass  # YAML, or JSON that YAML's reader finds the fault of
    try:
        _check_depth(body)
        return yaml.load(body, Loader=_Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, LookupError, ValueError, RecursionError) as error:
        raise RefusedInputError(
            "template.not_parsed",
            "the template is neither YAML nor JSON",
            where=shown,
            why=printable(str(error), 500) or "it is nested too deeply",
            state="nothing was built",
            remedy="correct the template",
        ) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key is there twice")
    return result


def _check_depth(body: bytes) -> None:
    """libyaml composes nodes by recursion in C, which ends the process when it is too deep."""
    depth = 0
    for event in yaml.parse(body, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_TEMPLATE_LEVELS:
            raise ValueError(f"it has more than {MAX_TEMPLATE_LEVELS} levels")


def _check_nodes(template: Any, shown: str) -> None:
    """Count what aliases expand to before anything walks over it."""
    stack, count = [(template, 0)], 0
    while stack:
        node, depth = stack.pop()
        count += 1
        if count > MAX_TEMPLATE_NODES or depth > MAX_TEMPLATE_LEVELS:
            raise too_complex(shown)
        children: list[Any] = []
        if isinstance(node, dict):
            _check_keys(node, shown)
            children = list(node.values())
        elif isinstance(node, list):
            children = node
        else:
            _check_value(node, shown)
        stack += [(child, depth + 1) for child in children]


def _check_keys(node: dict[Any, Any], shown: str) -> None:
    for key in node:
        if not isinstance(key, str):
            name = printable(repr(key), 80)
            raise RefusedInputError(
                "template.key_not_text", f"a key of the template is not text: {name}", where=shown
            )
        _check_value(key, shown)


def _check_value(value: Any, shown: str) -> None:
    """Refuse what JSON cannot express: bytes, sets, infinity and halves of characters."""
    if isinstance(value, str):
        is_json = not re.search("[\ud800-\udfff]", value)
    elif isinstance(value, float):
        is_json = math.isfinite(value)
    else:
        is_json = value is None or isinstance(value, int)
    if not is_json:
        raise RefusedInputError(
            "template.value_not_json",
            f"a value of the template is neither text nor a number: {printable(repr(value), 80)}",
            where=shown,
            state="nothing was built",
            remedy="write it as text in quotes",
        )
