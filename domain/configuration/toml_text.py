"""The text of a tiercel.toml as tables, whatever a repository sends."""

from __future__ import annotations

import re
import tomllib
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
