"""What a pull request's comment says of stacks: what a merge would change, and in permissions.

No value is shown, neither of a parameter nor of a property: everybody who reads the repository
reads this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tiercel.domain.pages.changed_resources import action_words, deletes_data, is_made_anew
from tiercel.domain.pages.markdown import bounded_table, code, escaped, fitting
from tiercel.domain.review.templates.template_changes import changes_permissions
from tiercel.domain.review.verdicts import Reviewed, ServiceVerdict
from tiercel.domain.stack.plan import Change

_ROOM_FOR_PLANNED = 7_000
_ROOM_FOR_PERMISSIONS = 8_000
_ROOM_FOR_READ = 6_000
_ROOM_FOR_NOTES = 3_000
_ROOM_FOR_LATER = 4_000
_HEADER = ("service", "action", "resource", "type", "properties")
_FROM_TEXT = "From the templates' text, which does not say what is replaced."


@dataclass(frozen=True)
class _Row:
    """One change of one service's stack, and whether it may allow more than before."""

    service: str
    change: Change
    widens: bool

    @property
    def cells(self) -> tuple[str, ...]:
        change = self.change
        return (
            escaped(self.service),
            action_words(change) + (", **may allow more**" if self.widens else ""),
            code(change.path),
            escaped(change.resource_type),
            escaped(", ".join(change.properties)),
        )


def plan_sections(review: Reviewed) -> list[str]:
    """Return the sections: CloudFormation's own plan, what the text says, permissions, later."""
    built = [one for one in review.services if one.plan or one.changes]
    planned = [one for one in built if one.plan and not one.plan.reason]
    read = [one for one in built if one not in planned]
    where = f" in {escaped(review.environment)}" if review.environment else ""
    rows = [*_planned(planned), *_read(read)]
    return [
        *_of_planned(planned, where),
        *_of_read(read, where),
        *_of_permissions([row for row in rows if _is_permission(row)], where),
        *_of_later(planned, review.later),
    ]


def _of_planned(verdicts: Sequence[ServiceVerdict], where: str) -> Iterator[str]:
    if not verdicts:
        return
    yield f"#### What a merge would change{where}"
    rows = [row for row in _planned(verdicts) if not _is_permission(row)]
    if rows:
        yield _table(rows, _ROOM_FOR_PLANNED)
    yield from _notes([note for one in verdicts for note in _notes_of(one)])
    yield (
        "CloudFormation's own plan: a change set that was deleted again, and that nobody could "
        "have executed."
    )


def _of_read(verdicts: Sequence[ServiceVerdict], where: str) -> Iterator[str]:
    rows = [row for row in _read(verdicts) if not _is_permission(row)]
    reasons = [
        f"- {code(one.service)}: {escaped(one.plan.reason)}."
        for one in verdicts
        if one.plan and one.plan.reason
    ]
    if not rows and not reasons and not any(one.changes for one in verdicts):
        return
    yield f"#### What a merge would change{where}, from the text"
    if rows:
        yield _table(rows, _ROOM_FOR_READ)
    nothing = [f"- {code(one.service)}: no change." for one in verdicts if not one.changes]
    yield from _notes(nothing)
    if reasons:
        yield "CloudFormation was not asked:"
        yield from _notes(reasons)
    yield _FROM_TEXT


def _of_permissions(rows: Sequence[_Row], where: str) -> Iterator[str]:
    if rows:
        yield f"#### Permissions that it would change{where}"
        yield _table(rows, _ROOM_FOR_PERMISSIONS)


def _of_later(verdicts: Sequence[ServiceVerdict], later: Sequence[str]) -> Iterator[str]:
    rows = _read(verdicts)
    if rows and later:
        yield f"#### What a promotion to {escaped(', '.join(later))} would bring with it"
        yield _table(rows, _ROOM_FOR_LATER)
        yield f"{_FROM_TEXT} The stacks there were not looked at."


def _notes_of(verdict: ServiceVerdict) -> Iterator[str]:
    plan, name = verdict.plan, code(verdict.service)
    if plan is None:
        return
    if not plan.changes:
        said = "no resource changes, outputs only" if plan.outputs_only else "no change"
        yield f"- {name}: {said}."
    if plan.unseen:
        yield f"- {name}: CloudFormation cannot look into its nested stacks."
    anew = [one for one in plan.changes if is_made_anew(one)]
    if anew:
        told = "what is replaced is made anew, and loses what it holds"
        yield f"- ⚠️ {name}: {told}: {_first_of(anew)}."
    deleted = [one for one in plan.changes if deletes_data(one)]
    if deleted:
        yield f"- ⚠️ {name}: what is deleted loses what it holds: {_first_of(deleted)}."


def _first_of(changes: Sequence[Change]) -> str:
    shown = ", ".join(code(one.path) for one in changes[:5])
    return shown + (f" and {len(changes) - 5} more" if len(changes) > 5 else "")


def _notes(lines: Sequence[str]) -> Iterator[str]:
    shown = fitting(lines, _ROOM_FOR_NOTES // 2, len)
    left = len(lines) - len(shown)
    if lines:
        yield "\n".join([*shown, *([f"- and {left} more"] if left else [])])


def _planned(verdicts: Sequence[ServiceVerdict]) -> list[_Row]:
    return [
        _Row(one.service, change, _is_widened(change, one.widens))
        for one in verdicts
        for change in (one.plan.changes if one.plan else ())
    ]


def _read(verdicts: Sequence[ServiceVerdict]) -> list[_Row]:
    return [
        _Row(one.service, change, change.path in one.widens)
        for one in verdicts
        for change in one.changes
    ]


def _is_widened(change: Change, widened: Sequence[str]) -> bool:
    """Tell whether a change is of what widens, or of what SAM made of it: `Function`'s role."""
    return changes_permissions(change) and any(change.path.startswith(path) for path in widened)


def _is_permission(row: _Row) -> bool:
    return row.widens or changes_permissions(row.change)


def _table(rows: Sequence[_Row], room: int) -> str:
    return bounded_table(room, _HEADER, (row.cells for row in rows), len(rows))
