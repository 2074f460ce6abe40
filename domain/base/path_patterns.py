"""Patterns of paths as git has them, and the tools that took them over."""

from __future__ import annotations

import re


def path_expression(pattern: str) -> re.Pattern[str]:
    """Return a pattern of git as a regular expression; without a slash it fits at any depth.

    https://git-scm.com/docs/gitignore#_pattern_format
    """
    anchored = "/" in pattern.rstrip("/")
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.lstrip("/"))
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    body = "".join(known.get(part, re.escape(part)) for part in parts)
    return re.compile(body if anchored else f"(?:.*/)?{body}")
