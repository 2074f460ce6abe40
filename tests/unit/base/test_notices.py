from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.support.releases import release
from tiercel.domain.base.notices import Notice, NoticeKind
from tiercel.domain.drift.notices import drift_notice
from tiercel.domain.drift.report import DriftFinding, DriftKind, DriftReport
from tiercel.domain.release.rollback import rolled_back_notice

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_a_notice_is_told_in_lines_that_hide_nothing(kind: NoticeKind) -> None:
    hostile = "a\u202eb\r\nFrom: nobody" + "x" * 5_000
    told = Notice(kind=kind, subject=hostile, text=hostile, remedy=hostile, link=hostile).payload()
    for text in told.values():
        assert "\u202e" not in text
        assert "\n" not in text
        assert len(text) <= 1_500
    assert len(told["subject"]) <= 150


def test_drift_is_told_by_what_differs_and_never_by_property() -> None:
    found = DriftFinding(
        kind=DriftKind.MODIFIED,
        where="acme-prod-orders",
        what="Queue (AWS::SQS::Queue)",
        why="/DelaySeconds",
        remedy="mend it",
    )
    unseen = found.model_copy(update={"kind": DriftKind.UNSEEN, "remedy": "look again"})
    report = DriftReport(
        environment="prod", at=NOON, flow_run="r", url="http://here", stacks=1,
        findings=(*[found] * 12, unseen),
    )  # fmt: skip
    told = drift_notice(report)
    assert told.text.count("changed resource") == 10
    assert told.text.endswith("and 2 more")
    assert "DelaySeconds" not in told.text
    assert (told.remedy, told.link) == ("mend it", "http://here")


def test_a_rollback_is_told_with_what_to_do_about_the_release_that_it_left() -> None:
    back = release(number=9, restores=7)
    told = rolled_back_notice(back, "its smoke test failed")
    assert told.subject == "acme-preprod-orders is back at release 7"
    assert "as release 9: its smoke test failed" in told.text
    assert "tiercel reject acme-preprod-orders" in told.remedy
