"""What people are told when something drifted that had not when somebody looked before."""

from __future__ import annotations

from tiercel.domain.base.notices import Notice, NoticeKind
from tiercel.domain.drift.report import DriftReport

_MOST_NAMED = 10


def drift_notice(report: DriftReport) -> Notice:
    """Return what is told of a look: what differs, without any property or value of it."""
    named = [f"{one.where}: {one.what}: {one.kind}" for one in report.drifted[:_MOST_NAMED]]
    more = len(report.drifted) + report.left_out - len(named)
    remedies = dict.fromkeys(one.remedy for one in report.drifted[:_MOST_NAMED])
    return Notice(
        kind=NoticeKind.DRIFTED,
        subject=f"{report.environment} has drifted",
        text="; ".join(named) + (f"; and {more} more" if more > 0 else ""),
        remedy="; ".join(remedies),
        link=report.url,
    )
