"""Findings that name a file and a line, as they are marked beside the code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from tiercel.domain.base.text import printable
from tiercel.domain.base.values import Frozen

MOST_ANNOTATIONS = 10
"""GitHub shows so many errors of a step."""
_LONGEST_MESSAGE = 400
_FINDING = re.compile(r"(?:why: )?([^\s:,][^:]{0,250}\.[A-Za-z]{2,8}):([1-9][0-9]{0,5}): (\S.*)")


class Annotation(Frozen):
    """What is wrong at a line, from 1, of a file of the repository."""

    file: str
    line: int
    message: str


def annotations_in(lines: Iterable[str], most: int = MOST_ANNOTATIONS) -> tuple[Annotation, ...]:
    """Return the findings among lines that a verification has said, each once, the first ones.

    They are those that `template_faults` and the linter write: file, line, and what is wrong; the
    first of them stands behind the `why:` of the failure. What names no file inside the repository
    is none.
    """
    found = dict.fromkeys(_findings(lines))
    return tuple(found)[:most]


def _findings(lines: Iterable[str]) -> Iterator[Annotation]:
    for line in lines:
        match = _FINDING.fullmatch(line.strip())
        path = PurePosixPath(match[1]) if match else None
        if match and path and not path.is_absolute() and ".." not in path.parts:
            yield Annotation(
                file=printable(match[1], 255),
                line=int(match[2]),
                message=printable(match[3], _LONGEST_MESSAGE),
            )
