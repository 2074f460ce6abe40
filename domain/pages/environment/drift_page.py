"""The artifact of a look for drift: everything that differs, with its remedy."""

from __future__ import annotations

from tiercel.domain.drift.report import DriftKind, DriftReport
from tiercel.domain.pages.frame import page
from tiercel.domain.pages.markdown import bounded_table, escaped

_ROOM = 30_000
_LONGEST = 600
_HEADER = ("where", "what", "because", "what to do")


def drift_page(report: DriftReport) -> str:
    """Return the report as Markdown; names come from templates and AWS and are made harmless."""
    parts = [f"{report.summary()}.", f"Looked at {report.at:%Y-%m-%d %H:%M} UTC."]
    for kind in DriftKind:
        rows = [
            (
                escaped(one.where),
                escaped(one.what, _LONGEST),
                escaped(one.why, _LONGEST),
                escaped(one.remedy, _LONGEST),
            )
            for one in report.findings
            if one.kind is kind
        ]
        if rows:
            title = f"## {kind.value.capitalize()}"
            parts += [title, bounded_table(_ROOM, _HEADER, rows, len(rows))]
    if report.left_out:
        parts.append(f"{report.left_out} more were found and are not recorded.")
    return page(f"Drift of {escaped(report.environment)}", *parts)
