"""Files whose content lies elsewhere: git has a pointer, or what only a filter turns into it.

Sources: https://git-scm.com/docs/gitattributes and
https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.path_patterns import path_expression
from tiercel.domain.base.text import printable

POINTER_BYTES = 1024
"""No pointer of Git LFS is longer, and every encrypted file says so before."""
ATTRIBUTES = ".gitattributes"
_BEGINNINGS = {b"version https://git-lfs.github.com/spec/": "lfs", b"\0GITCRYPT\0": "git-crypt"}
_FINISHED = {"lfs", "git-crypt", "nbstripout"}
"""Filters whose files are whole unless they begin as above."""
_CONVERTING = ("[attr]", "crlf", "filter", "ident", "working-tree-encoding")
"""Words without which no attribute changes what a checkout writes."""
_SHOWN = 5


def filter_by_content(beginning: bytes) -> str:
    """Return the filter that would make a file of this content, empty if it is one already."""
    return next((name for start, name in _BEGINNINGS.items() if beginning.startswith(start)), "")


def filter_by_attributes(path: str, attributes: Mapping[str, str]) -> str:
    """Return the filter that attributes name for a file, empty for none that makes content.

    `attributes` are the texts of the files `.gitattributes` by their folder, `` for the root. The
    last line that fits counts, of the deepest folder that has one.
    """
    found = ""
    for folder in sorted(attributes, key=lambda name: (name.count("/"), bool(name))):
        if folder and not path.startswith(f"{folder}/"):
            continue
        within = path[len(folder) + 1 :] if folder else path
        for pattern, value in _lines(attributes[folder]):
            if pattern.fullmatch(within):
                found = value
    return "" if found in _FINISHED else found


def may_convert(attributes: str) -> bool:
    """Tell whether a text of attributes may let a checkout write something else than git has.

    `text` and `eol=lf` do not where lines end with a line feed, as on every worker.
    """
    return any(word in attributes for word in _CONVERTING)


def require_finished(filtered: Mapping[str, str]) -> None:
    """Raise RefusedInputError if there are files, by path with their filter, without content."""
    if not filtered:
        return
    names = sorted(filtered)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    raise RefusedInputError(
        "source.filtered",
        "a service's source has files whose content git does not have",
        where=printable(", ".join(names[:_SHOWN]), 500) + more,
        why=f"the filter {', '.join(sorted(set(filtered.values())))} would make them",
        state="nothing was built",
        remedy="put the files themselves into the repository, fetch them in a `build` command, or "
        "leave them out of the service's path and include",
    )


@lru_cache(maxsize=64)
def _lines(text: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(_parsed(text.splitlines()))


def _parsed(lines: Iterable[str]) -> Iterable[tuple[re.Pattern[str], str]]:
    for line in lines:
        pattern, *words = line.split() or ("",)
        values = [word for word in words if word.lstrip("-!").partition("=")[0] == "filter"]
        if values and pattern[0] not in "#[":
            yield path_expression(pattern.strip('"')), values[-1].partition("=")[2]
