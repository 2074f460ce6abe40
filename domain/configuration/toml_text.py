"""The text of a tiercel.toml as tables, whatever a repository sends."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.base.text import printable

CORRECT_FILE = "correct the file, then run `tiercel config check`; tiercel.toml explains every key"
LONGEST_FINDING = 400
BYTE_ORDER_MARK = "\ufeff"
"""Some editors begin a UTF-8 file with it; TOML knows none."""
_LARGEST_FILE = 256_000
_MOST_DOTS = 100


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Return the tables of a text; whatever it is, it ends in a ConfigurationError at worst."""
    text = text.removeprefix(BYTE_ORDER_MARK)
    if len(text) > _LARGEST_FILE:
        raise _not_toml(source, f"it is longer than {_LARGEST_FILE} characters")
    for number, line in enumerate(text.split("\n"), start=1):
        # tomllib's time and memory grow with the square of a dotted key's parts.
        if line.count(".") > _MOST_DOTS:
            raise _not_toml(source, f"line {number} has more than {_MOST_DOTS} dots")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise _not_toml(source, "tables or arrays are nested too deeply") from error
    except ValueError as error:
        why = printable(str(error), LONGEST_FINDING) + _missing_quotes(str(error), text)
        raise _not_toml(source, why) from error


def toml_string(text: str) -> str:
    """Return a text as a basic string of TOML."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_key(name: str) -> str:
    """Return a name as a key of TOML; that of a template's parameter may be anything."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml_string(name)


def text_of_tables(tables: Mapping[str, Any]) -> str:
    """Return tables as a text that `parse_toml` reads as these, without anybody's comments."""
    return "\n".join(_lines_of(tables, ())) + "\n"


def _lines_of(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Yield a table's own values, then the tables in it: what follows a header belongs to it."""
    if path:
        yield f"[{'.'.join(map(toml_key, path))}]"
    inner = {name: value for name, value in table.items() if isinstance(value, dict)}
    for name, value in table.items():
        if name not in inner:
            yield f"{toml_key(name)} = {_value(value)}"
    for name, value in inner.items():
        yield from _lines_of(value, (*path, name))


def _value(value: Any) -> str:
    match value:
        case str():
            return toml_string(value)
        case list():
            # Each on a line of its own: a line may not have too many dots.
            return "[" + "".join(f"\n{_value(one)}," for one in value) + "\n]"
        case dict():
            pairs = (f"{toml_key(name)} = {_value(one)}" for name, one in value.items())
            return f"{{{', '.join(pairs)}}}"
        case _:
            return json.dumps(value)


def _missing_quotes(error: str, text: str) -> str:
    """Return a hint if the line that tomllib names has an account id as a number.

    TOML has no numbers that begin with zero; tomllib only says that a statement should end.
    """
    line = re.search(r"\(at line ([0-9]+), column [0-9]+\)$", error)
    number = line and re.search(
        r"_account\s*=\s*([0-9]{1,12})\b", text.split("\n")[int(line[1]) - 1]
    )
    return f'; an account id is a string in quotes: "{number[1]}"' if number else ""


def _not_toml(source: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        "configuration.not_toml",
        "the configuration cannot be read",
        where=source,
        why=why,
        remedy=CORRECT_FILE,
    )
