"""What the code says, as values that documents can be compared with."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

from pydantic import BaseModel

from tests.support.failures_page import reasons_in

ROOT = Path(__file__).parents[2]
PRODUCT = ("cli", "deployments", "domain", "flows", "sandbox", "tasks")

Command = Any
"""A command or group of Typer, which brings a click of its own in some versions."""


def commands_of(command: Command, path: str) -> Iterator[tuple[str, Command]]:
    """Every command that is no group, with all its words."""
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name, child in children.items():
        yield from commands_of(child, f"{path} {name}")


def options_of(command: Command) -> set[str]:
    """The names of a command's options, in all spellings."""
    return {
        name
        for parameter in command.params
        if parameter.param_type_name == "option"
        for name in (*parameter.opts, *parameter.secondary_opts)
    }


def misuse(command: Command, words: list[str]) -> str:
    """What is wrong with a shown use of a command, or an empty text."""
    for word in until_the_end(words):
        children = getattr(command, "commands", None)
        if word.startswith("-"):
            if word.partition("=")[0] not in options_of(command) | {"--help"}:
                return f"{command.name} has no option {word}"
        elif children is not None and word != "COMMAND":
            if word not in children:
                return f"{command.name} has no command {word}"
            command = children[word]
    return ""


def until_the_end(words: list[str]) -> Iterator[str]:
    """The words of the first command of a line of shell."""
    for word in words:
        if word in {"&&", "||", "|", ">", ";"}:
            return
        yield word.rstrip(";")
        if word.endswith(";"):
            return


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of a configuration with its field; NAME stands for a table's own name.

    What is excluded is read elsewhere and no key.
    """
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        inner = _models_in(field.annotation)
        named = getattr(field.annotation, "__origin__", None) is dict
        if inner:
            yield from keys_of(inner[0], f"{prefix}{name}." + ("NAME." if named else ""))
        elif not (name == "name" and prefix.endswith("NAME.")):
            yield prefix + name, field


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in getattr(annotation, "__args__", ()) for found in _models_in(part)]


def default_of(field: Any) -> str:
    """A field's default as the documents write it."""
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    return "none" if default is None else json.dumps(default)


def toml(value: Any) -> str:
    """A value as TOML, in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {toml(item)}' for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return json.dumps(value, default=str).strip() if _is_json(value) else str(value)


def _is_json(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)


def flows_in(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The flows of a module, as Prefect names them, with their parameters."""
    for _, mark, parameters in _decorated(path, "lifecycle_flow"):
        yield ast.literal_eval(mark.args[0]), parameters


def modules_behind(*entries: Path) -> list[Path]:
    """These modules and those of our own that they import, directly or not."""
    waiting, found = list(entries), set[Path]()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imported_by(path)
    return sorted(found)


def _imported_by(path: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            package, _, module = node.module.partition(".")
            target = ROOT / f"{module.replace('.', '/')}.py"
            if package == "tiercel" and target.exists():
                yield target


def failures_in(path: Path) -> Iterator[str]:
    """What each TiercelError of a module says first; `…` stands for what varies."""
    yield from (reason.what for reason in reasons_in(path) if reason.what != "…")


def task_runs_in(path: Path) -> Iterator[tuple[str, str]]:
    """Each task of a module, and how the names of its runs begin in the Prefect UI."""
    for name, mark, _ in _decorated(path, "world_task"):
        for text in _texts(mark.args[-1]):
            yield name, text.partition("{")[0].strip()


def unknown_in_task_runs(path: Path) -> Iterator[tuple[str, str]]:
    """Each task of a module whose runs are named after something that it is not given."""
    for name, mark, parameters in _decorated(path, "world_task"):
        for text in _texts(mark.args[-1]):
            fields = (field for _, field, _, _ in Formatter().parse(text) if field)
            yield from ((name, one) for one in fields if one.partition(".")[0] not in parameters)


def names_imported_by(path: Path) -> Iterator[str]:
    """The names that a module imports from others."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)


def variables_in(path: Path) -> Iterator[str]:
    """The environment variables of Tiercel's own that a module names."""
    yield from re.findall(r"\bTIERCEL_[A-Z_]+\b", path.read_text())


def _decorated(path: Path, decorator: str) -> Iterator[tuple[str, ast.Call, list[str]]]:
    """Each function that is decorated so: its name, the decoration and its parameters."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == decorator:
                    yield node.name, mark, [argument.arg for argument in node.args.args]


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values
        )
