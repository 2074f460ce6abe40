"""A TiercelError read back from the text in which Prefect keeps how a run ended."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tiercel.domain.base.errors import TiercelError

_NAMED = re.compile(r"\b(\w+Error): (.*)", re.DOTALL)
_LABELS = {"where": "where", "why": "why", "now": "state", "do": "remedy"}
_PART = re.compile(rf"\n  ({'|'.join(_LABELS)}): ")


def failure_in(message: str) -> TiercelError | None:
    """Return the error that the message of a failed run tells of, with all its parts.

    None if the run failed with another exception: then nobody foresaw it.
    """
    kinds = {kind.__name__: kind for kind in _kinds(TiercelError)}
    for named in _NAMED.finditer(message):
        if named[1] in kinds:
            what, *rest = _PART.split(named[2].rstrip())
            parts = {_LABELS[name]: text for name, text in zip(rest[::2], rest[1::2], strict=True)}
            return kinds[named[1]](what, **parts)
    return None


def _kinds(kind: type[TiercelError]) -> Iterator[type[TiercelError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)
