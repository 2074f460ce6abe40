"""The page of a failure: what failed, where, why, how things stand, what to do."""

from __future__ import annotations

from collections.abc import Iterator

from tiercel.domain.base.failure import REMEDY, WHY, Failure, FailurePart
from tiercel.domain.pages.frame import page
from tiercel.domain.pages.markdown import code, code_block, escaped

_LONGEST_TEXT = 4_000


def failure_page(failure: Failure) -> str:
    """Return what failed, where, why, how things stand and what to do; causes in between."""
    return page(escaped(failure.what), *_sections(failure, "##"), f"Reason {code(failure.code)}")


def _sections(failure: Failure, level: str) -> Iterator[str]:
    parts = failure.parts()
    remedy = parts.pop(REMEDY, "")
    for part, text in parts.items():
        yield _section(part, text, level)
    for cause in failure.details:
        yield f"{level} {escaped(cause.what)}"
        yield from _sections(cause, level + "#")
    if remedy:
        yield _section(REMEDY, remedy, level)


def _section(part: FailurePart, text: str, level: str) -> str:
    shown = code_block(text) if part is WHY else escaped(text, _LONGEST_TEXT)
    return f"{level} {part.title}\n\n{shown}"
