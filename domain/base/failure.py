"""A failure as a value: what is recorded, sent and laid out wherever it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

_MOST_TOLD = 3
_INDENT = "    "
_UNDER = "\n       "
"""A second line begins under the first one's text: none looks like a part of its own."""


class FailurePart(NamedTuple):
    """One thing that is told of a failure: its label in lines, its title on a page."""

    name: str
    label: str
    title: str


WHERE = FailurePart("where", "where", "Where")
WHY = FailurePart("why", "why", "Why")
STATE = FailurePart("state", "now", "How things stand")
REMEDY = FailurePart("remedy", "do", "What to do")


@dataclass(frozen=True)
class Failure:
    """What failed, by a code that is stable, and all that a person needs to act on it.

    `causes` are the failures that it consists of. `kind` and `exit_code` are those of the
    error that it was raised as.
    """

    code: str
    what: str
    where: str = ""
    why: str = ""
    state: str = ""
    remedy: str = ""
    causes: tuple[Failure, ...] = ()
    kind: str = "TiercelError"
    exit_code: int = 1

    def document(self) -> dict[str, Any]:
        """Return the failure as JSON data, from which `Failure` can be validated again."""
        return asdict(self)

    def parts(self) -> dict[FailurePart, str]:
        """Return what is told below `what`, without empty texts, in reading order.

        Of a failure that is the same in several places, the places and reasons of all.
        """
        told = {
            WHERE: self._of_all(self.where, (one.where for one in self._places), ", "),
            WHY: self._of_all(self.why, (one.why for one in self._places), "\n"),
            STATE: self._of_all(self.state, (one.state for one in self._places), "\n"),
            REMEDY: self.remedy,
        }
        return {part: text for part, text in told.items() if text}

    @property
    def details(self) -> tuple[Failure, ...]:
        """The causes that have to be told one by one."""
        return () if self._places else self.causes

    def lines(self) -> Iterator[str]:
        """Lay the failure out as lines of text, for a log or an e-mail."""
        parts = self.parts()
        remedy = parts.pop(REMEDY, "")
        yield self.what.replace("\n", _UNDER)
        for part, text in parts.items():
            yield f"  {part.label}: {text}".replace("\n", _UNDER)
        for cause in self.details:
            yield from (_INDENT + line for line in "\n".join(cause.lines()).split("\n"))
        if remedy:
            yield f"  {REMEDY.label}: {remedy}".replace("\n", _UNDER)

    @property
    def _places(self) -> tuple[Failure, ...]:
        """The causes, if all of them are this same failure, each in another place."""
        own = (self.code, self.what, ())
        same = all((one.code, one.what, one.causes) == own for one in self.causes)
        return self.causes if same else ()

    @staticmethod
    def _of_all(own: str, others: Iterable[str], between: str) -> str:
        """Return the texts that differ, but for a few."""
        found = list(dict.fromkeys(text for text in (own, *others) if text))
        more = len(found) - _MOST_TOLD
        return between.join(found[:_MOST_TOLD] + ([f"and {more} more"] if more > 0 else []))
