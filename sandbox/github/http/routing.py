"""Finds the operation of a request by GitHub's own path templates.

Paths are matched before they are decoded, so that `%2F` is part of a name and `/` is not,
except where GitHub takes names with slashes as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, unquote_to_bytes

from tiercel.sandbox.github.operations.calls import Route
from tiercel.sandbox.github.rules.errors import not_found

_MANY_SEGMENTS = frozenset({"basehead", "branch", "path", "ref", "sha", "tag", "tree_sha"})
_FIELD = re.compile(r"\{(\w+)\}")


class Router:
    """The operations, the most specific template first."""

    def __init__(self, routes: Iterable[Route]) -> None:
        ordered = sorted(routes, key=lambda route: _rank(route.template))
        self._routes = [(route, _pattern(route.template)) for route in ordered]

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]]:
        """Return the operation and the decoded names in the path; ApiError 404 without one."""
        for route, pattern in self._routes:
            match = pattern.fullmatch(raw_path) if route.method == method else None
            if match:
                names = {name: _decoded(text) for name, text in match.groupdict().items()}
                if "\0" in "".join(names.values()):
                    raise not_found()
                return route, names
        raise not_found()

    def routes(self) -> list[Route]:
        """Return all operations."""
        return [route for route, _ in self._routes]


def parse_query(raw: bytes) -> Mapping[str, str]:
    """Return the query's fields, the last of each name."""
    pairs = parse_qsl(raw.decode("ascii", "replace"), keep_blank_values=True, errors="replace")
    return {name: value for name, value in pairs if "\0" not in value}


def _pattern(template: str) -> re.Pattern[str]:
    parts = _FIELD.split(template)
    text = ""
    for position, part in enumerate(parts):
        if position % 2:
            text += f"(?P<{part}>{'.+?' if part in _MANY_SEGMENTS else '[^/]+'})"
        else:
            text += re.escape(part)
    return re.compile(text)


def _rank(template: str) -> tuple[int, int]:
    segments = template.split("/")
    fields = [segment for segment in segments if segment.startswith("{")]
    return len(fields) - len(segments), len(fields)


def _decoded(text: str) -> str:
    return unquote_to_bytes(text).decode(errors="replace")
