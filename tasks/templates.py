"""CloudFormation templates: YAML or JSON in, JSON out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from domain.errors import RefusedInputError
from domain.limits import MAX_TEMPLATE_NODES, check_template, check_template_size

_MAX_DEPTH = 60


class _Loader(yaml.CSafeLoader):
    """YAML as CloudFormation reads it: short functions, and dates stay text."""


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
    """Keep `0123456789012` as text: it is an account id and no octal number."""
    text = str(loader.construct_scalar(node))  # type: ignore[arg-type]
    if text.lstrip("+-").startswith("0") and text.lstrip("+-") != "0":
        return text
    return int(loader.construct_yaml_int(node))  # type: ignore[arg-type]


_Loader.add_multi_constructor("!", _function)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text)
_Loader.add_constructor("tag:yaml.org,2002:int", _integer)


def load_template(path: Path, shown: str) -> dict[str, Any]:
    """Return a template as plain values, short functions such as `!Ref` written out.

    Raises RefusedInputError if the file is no template, or larger or deeper than any
    that CloudFormation takes, YAML's aliases counted as often as they are used.
    """
    if not path.is_file():
        raise RefusedInputError(
            "there is no such template",
            where=shown,
            state="nothing was built",
            remedy="correct `template` of the service in tiercel.toml, or the path that names it",
        )
    check_template_size(path.stat().st_size, shown)
    template = _parse(path, shown)
    if not isinstance(template, dict):
        raise RefusedInputError("the template is not a mapping", where=shown)
    _check_nodes(template, shown)
    check_template(template, shown)
    return template


def dump_template(template: dict[str, Any], shown: str) -> bytes:
    """Return the template as JSON in the order of its source; RefusedInputError if too long."""
    text = json.dumps(template, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    body = text.encode()
    check_template_size(len(body), shown)
    return body


def _parse(path: Path, shown: str) -> Any:
    try:
        return yaml.load(path.read_bytes(), Loader=_Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RefusedInputError(
            "the template is neither YAML nor JSON",
            where=shown,
            why=" ".join(str(error).split())[:500] or "it is nested too deeply",
            state="nothing was built",
            remedy="correct the template",
        ) from error


def _check_nodes(template: Any, shown: str) -> None:
    """Count what aliases expand to before anything walks over it."""
    stack, count = [(template, 0)], 0
    while stack:
        node, depth = stack.pop()
        count += 1
        if count > MAX_TEMPLATE_NODES or depth > _MAX_DEPTH:
            raise RefusedInputError(
                f"the template has more than {MAX_TEMPLATE_NODES:,} values "
                f"or more than {_MAX_DEPTH} levels",
                where=shown,
                state="nothing was built",
                remedy="make it smaller, or split it into nested stacks",
            )
        children: list[Any] = []
        if isinstance(node, dict):
            _check_keys(node, shown)
            children = list(node.values())
        elif isinstance(node, list):
            children = node
        stack += [(child, depth + 1) for child in children]


def _check_keys(node: dict[Any, Any], shown: str) -> None:
    for key in node:
        if not isinstance(key, str | int | float | bool):
            raise RefusedInputError(f"a key of the template is not text: {key!r}", where=shown)
