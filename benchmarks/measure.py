"""Times things in turn and tells what came out: medians, spread, ratios, JSON."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sample:
    """One measurement in seconds: by the clock, and of processor time.

    The processor time is that of this process and of the children that it waited for, not
    that of the servers of the sandbox.
    """

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Spread:
    """Median, range and the distance between the quartiles of some numbers."""

    median: float
    least: float
    most: float
    quartiles: float

    @classmethod
    def of(cls, numbers: Iterable[float]) -> Spread:
        """Return the spread of one number or more."""
        known = sorted(numbers)
        if len(known) == 1:
            return cls(known[0], known[0], known[0], 0.0)
        first, median, third = statistics.quantiles(known, n=4, method="inclusive")
        return cls(median, known[0], known[-1], third - first)

    def document(self) -> dict[str, float]:
        """Return the numbers for JSON."""
        return {name: round(value, 4) for name, value in vars(self).items()}


@dataclass
class Series:
    """The measurements of one thing, round by round."""

    name: str
    samples: list[Sample] = field(default_factory=list)

    @property
    def seconds(self) -> Spread:
        """The spread by the clock."""
        return Spread.of(sample.seconds for sample in self.samples)

    @property
    def cpu_seconds(self) -> Spread:
        """The spread of processor time."""
        return Spread.of(sample.cpu_seconds for sample in self.samples)

    def document(self) -> dict[str, object]:
        """Return the series for JSON."""
        return {
            "rounds": len(self.samples),
            "seconds": self.seconds.document(),
            "cpu_seconds": self.cpu_seconds.document(),
            "samples": [[round(s.seconds, 4), round(s.cpu_seconds, 4)] for s in self.samples],
        }


def timed(action: Callable[[], object]) -> Sample:
    """Run an action once and return what it took."""
    clock, cpu = time.perf_counter(), _cpu_seconds()
    action()
    return Sample(time.perf_counter() - clock, _cpu_seconds() - cpu)


def in_turn(rounds: int, actions: Mapping[str, Callable[[], object]]) -> dict[str, Series]:
    """Run the actions one after the other, A B A B, and return a series for each.

    Every second round runs in the opposite order, so that none is always the first.
    """
    series = {name: Series(name) for name in actions}
    for number in range(rounds):
        order = list(actions)[:: 1 if number % 2 == 0 else -1]
        for name in order:
            series[name].samples.append(timed(actions[name]))
    return series


def ratio(above: Iterable[float], below: Iterable[float]) -> Spread:
    """Return the spread of the ratios of two rows of numbers, pair by pair.

    What disturbs a machine for a while disturbs both numbers of a pair.
    """
    return Spread.of(a / b for a, b in zip(above, below, strict=True))


def ratio_of(above: Series, below: Series) -> Spread:
    """Return the ratio of two series by the clock, round by round."""
    return ratio((s.seconds for s in above.samples), (s.seconds for s in below.samples))


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
