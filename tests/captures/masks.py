"""Makes two captures of the same thing equal: times, ids and ports go, widths stay."""

from __future__ import annotations

import re
from pathlib import Path

_CLOCKLESS = "   0.0 s  "
_CLOCK = re.compile(r"^ {0,5}\d+\.\d s  ")
_SAME_WIDTH = (
    re.compile(r"(?<=/)work(?=/source/)"),  # where the place of a build has it
    re.compile(r"(?<=127\.0\.0\.1:)\d{5}\b"),
    re.compile(r"(?<=localhost:)\d{5}\b"),
    re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,64}\b"),
    # Ids may have digits alone, or letters alone; numbers of accounts are one digit, repeated.
    re.compile(r"\b(\d{7}|[a-f]{7}|(?!(\d)\2{11})\d{12})\b"),
    re.compile(r"(?<=https://)[0-9a-f]{8}(?=\.execute-api\.)"),
    re.compile(r"(?<=\bd-)[A-Z0-9]{9}\b"),
    re.compile(r"(?<=-)[0-9A-F]{12,13}\b"),
    re.compile(r"(?<=\bSum )\d\.\d\b"),  # so many requests had failed by then
    re.compile(r"\b\d{4}-\d{2}-\d{2}\b"),
    re.compile(r"\b\d{2}:\d{2}(:\d{2})?\b"),
    re.compile(r"\b\d{2} [A-Z][a-z]{2} \d{2}:\d{2}\b"),
)
_COUNTED = (
    # A shift and its stack are looked at side by side: whose end is said last is chance.
    (re.compile(r"^([a-z-]+: )(d-0{9}: Stopped|UPDATE_ROLLBACK_IN_PROGRESS)\b.*"), r"\1goes back"),
    (re.compile(r"^(✓ )\d+( customers had their answer meanwhile, )\d+"), r"\1N\2N"),
    (re.compile(r"^(✓ done in )\d+ s"), r"\1N s"),
    (re.compile(r"\b\d+(\.\d+)? s\b"), "N s"),
    (re.compile(r"\b\d+\.\d+s\b"), "0.000s"),
)
_TIMELINE, _BAR = re.compile(r"^ flow, service +seconds"), "━"


def masked(screen: str, folder: Path) -> str:
    """Return a capture without what differs from run to run; `folder` is where it was made.

    Lines with a clock that follow one another are sorted: services go on side by side. Of the
    timeline the flows alone are left, by name.
    """
    lines = [line.rstrip() for line in screen.replace(str(folder), "~").splitlines()]
    return "".join(f"{line}\n" for line in _sorted(_without_bars([_masked(one) for one in lines])))


def broken(screen: str, width: int) -> str:
    """Return a capture with its lines broken where a terminal of this width breaks them."""
    starts = [(line, range(0, max(1, len(line)), width)) for line in screen.splitlines()]
    return "".join(f"{line[at : at + width]}\n" for line, every in starts for at in every)


def _masked(line: str) -> str:
    line, clocks = _CLOCK.subn("", line)
    for one in _SAME_WIDTH:
        line = one.sub(lambda found: re.sub(r"[0-9A-Za-z]", "0", found[0]), line)
    for one, instead in _COUNTED:
        line = one.sub(instead, line)
    return _CLOCKLESS + line if clocks else line


def _without_bars(lines: list[str]) -> list[str]:
    """Leave the names of flows of a timeline, as services beside them come and go with time."""
    kept: list[str] = []
    flows: list[str] = []
    for line in lines:
        if _TIMELINE.match(line) or (_BAR in line and line.startswith("   ")):
            continue
        if _BAR in line:
            flows.append(" " + line.split()[0])
            continue
        kept += sorted(flows)
        flows = []
        kept.append(line)
    return kept + sorted(flows)


def _sorted(lines: list[str]) -> list[str]:
    done: list[str] = []
    together: list[list[str]] = []
    for line in [*lines, ""]:
        if line.startswith(_CLOCKLESS):
            together.append([line])
        elif together and line.startswith(" " * len(_CLOCKLESS)):
            together[-1].append(line)
        else:
            done += [one for group in sorted(together) for one in group]
            together = []
            done.append(line)
    return done[:-1]
