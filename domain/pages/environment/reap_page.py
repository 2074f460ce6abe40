"""The artifact of the reaper: what went, what waits, what somebody has to look at, and why."""

from __future__ import annotations

from collections.abc import Iterable

from tiercel.domain.base.failure import Failure
from tiercel.domain.ephemeral.lifetimes import LifeDecision, LifeStep
from tiercel.domain.pages.frame import page
from tiercel.domain.pages.markdown import bounded_table, escaped, table
from tiercel.domain.teardown.leftovers import Fate, Judgement
from tiercel.domain.teardown.reaper import ReapReport

_ROOM = 20_000
"""Characters of one table: Prefect shows pages, no lists of ten thousand objects."""
_TITLES = {
    Fate.DELETE: "Leftovers",
    Fate.BY_HAND: "For somebody to look at",
    Fate.LATER: "Not yet",
}


def reap_page(report: ReapReport) -> str:
    """Return the report as Markdown; names of things come from templates and are made harmless."""
    parts = [f"{report.summary()}."]
    ends = [one for one in report.lives if one.step is not LifeStep.NOTHING]
    if ends:
        parts += ["## Environments on demand", _lives(ends, report)]
    if report.candidates:
        parts += ["## Candidates that killed runs left", _candidates(report)]
    for fate, title in _TITLES.items():
        found = report.of(fate)
        if found:
            parts += [f"## {title}", _things(found, report)]
    if report.failures:
        parts += ["## Failed", _failures(report.failures)]
    if report.unread:
        parts += ["## Not looked at", _failures(report.unread)]
    if report.kept:
        rows = [(escaped(what), str(number)) for what, number in report.kept.items()]
        parts += ["## Kept", table(("what", "number"), rows)]
    return page(f"Reaper of {escaped(report.environment)}", *parts)


def _lives(ends: list[LifeDecision], report: ReapReport) -> str:
    rows = [
        (
            escaped(one.name),
            escaped(one.reason),
            f"{one.expires:%d %B %H:%M} UTC" if one.expires else "",
            _outcome(is_done=one.name in report.done, step=str(one.step), report=report),
        )
        for one in ends
    ]
    return table(("environment", "because", "ends", "this run"), rows)


def _candidates(report: ReapReport) -> str:
    rows = [
        (
            escaped(one.stack),
            str(one.number),
            "put back" if one.stack in report.put_back else "stays",
        )
        for one in report.candidates
    ]
    return table(("stack", "release", "this run"), rows)


def _things(found: list[Judgement], report: ReapReport) -> str:
    rows = [
        (
            str(one.kind),
            escaped(one.name),
            escaped(one.reason),
            f"{one.size:,}" if one.size else "",
            _outcome(is_done=one.key in report.done, step=str(one.fate), report=report),
        )
        for one in found
    ]
    return bounded_table(_ROOM, ("kind", "name", "because", "bytes", "this run"), rows, len(rows))


def _outcome(*, is_done: bool, step: str, report: ReapReport) -> str:
    if is_done:
        return "done"
    chosen = step in (LifeStep.DESTROY, Fate.DELETE)
    return step if report.dry_run or report.drill or not chosen else "failed"


def _failures(failures: Iterable[Failure]) -> str:
    return "\n".join(
        f"- {escaped(one.what)}: {escaped(one.where)}: {escaped(one.why)}" for one in failures
    )
