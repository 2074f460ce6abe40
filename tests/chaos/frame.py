"""What every row of the scoreboard is: cases that are tried one after the other and counted."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.chaos.world import World
from tiercel.domain.base.errors import TiercelError


@dataclass(frozen=True)
class Case:
    """Something that is done to the product; `check` raises if the product does not hold."""

    name: str
    check: Callable[[], None]


@dataclass(frozen=True)
class Size:
    """How much of a row is run: all of it, or a sample that a seed chooses."""

    full: bool
    seed: int

    def few(self, cases: list[Case], count: int) -> list[Case]:
        """All cases of a full run, else as many as `count`, in their order."""
        if self.full or len(cases) <= count:
            return cases
        chosen = sorted(random.Random(self.seed).sample(range(len(cases)), count))  # noqa: S311
        return [cases[index] for index in chosen]

    def number(self, full: int, sample: int) -> int:
        return full if self.full else sample


@dataclass(frozen=True)
class Row:
    """One row: what is done, the share that has to hold, and what is not shown by it.

    `cases` may find out what to try while it tries: the next case is asked for when the one
    before has ended. Rows that are not `sampled` have tests of their own.
    """

    key: str
    title: str
    target: str
    measured: str
    not_shown: str
    cases: Callable[[World, Size], Iterable[Case]]
    least_share: float = 1.0
    sampled: bool = True


@dataclass
class Score:
    """How many cases of a row held, and what went wrong in the others."""

    row: Row
    held: int = 0
    asked: int = 0
    unexplained: int = 0
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def met(self) -> bool:
        """Where some may fail they fail with an error that explains itself."""
        enough = self.held >= self.row.least_share * self.asked
        return self.asked > 0 and enough and not self.unexplained

    def document(self) -> dict[str, object]:
        return {
            "row": self.row.key,
            "title": self.row.title,
            "target": self.row.target,
            "held": self.held,
            "asked": self.asked,
            "met": self.met,
            "seconds": round(self.seconds, 1),
            "faults": self.faults,
        }


Tell = Callable[[str], None]


def run(row: Row, world: World, size: Size, tell: Tell) -> Score:
    """Try every case; one that raises whatever it may be has not held."""
    score, began = Score(row), time.monotonic()
    try:
        for case in row.cases(world, size):
            score.asked += 1
            try:
                case.check()
            except Exception as error:  # noqa: BLE001 - whatever it is, the case did not hold
                score.unexplained += not isinstance(error, TiercelError)
                score.faults.append(f"{case.name}: {_told(error)}")
                tell(f"  {row.key}: {case.name}: {_told(error)}")
            else:
                score.held += 1
    except Exception:  # noqa: BLE001 - the other rows are still to come
        score.asked += 1
        score.unexplained += 1
        score.faults.append(f"the row could not go on: {traceback.format_exc()}")
        tell(score.faults[-1])
    score.seconds = time.monotonic() - began
    return score


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:2000]
