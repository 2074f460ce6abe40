"""Whether an answer is the one that a smoke test expects."""

from __future__ import annotations

import json
from typing import Any

MAX_SHOWN = 500
"""Characters of an answer that are shown to a person."""


def mismatch(expected: Any, actual: Any, path: str = "answer") -> str:
    """Return where the answer differs from what is expected, or an empty string.

    A mapping may have more keys than expected; everything else must be equal, where 1
    equals 1.0 and no boolean. A text that holds JSON is compared as JSON when a mapping
    or list is expected, because Lambda proxies carry their bodies as text.
    """
    if isinstance(expected, dict | list) and isinstance(actual, str):
        actual = parsed(actual)
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key, value in expected.items():
            if key not in actual:
                return f"{path}.{key} is missing"
            found = mismatch(value, actual[key], f"{path}.{key}")
            if found:
                return found
        return ""
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        differences = (mismatch(wanted, given, f"{path}[{at}]") for at, (wanted, given) in pairs)
        return next(filter(None, differences), "")
    if isinstance(expected, bool) is isinstance(actual, bool) and expected == actual:
        return ""
    return f"{path} is {shown(actual)}, expected {shown(expected)}"


def parsed(text: str) -> Any:
    """Return the JSON value of a text, or the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def shown(value: Any) -> str:
    """Return a value as one short line."""
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + " ..."
