"""What people are told of by a notification: events that automations of Prefect pass on."""

from __future__ import annotations

from enum import StrEnum

from tiercel.domain.base.text import printable
from tiercel.domain.base.values import Frozen

_LONGEST_SUBJECT = 150
_LONGEST_TEXT = 1_500


class NoticeKind(StrEnum):
    """What happened; each kind has an automation of its own, which can be switched off."""

    WAITING = "waiting"
    ROLLED_BACK = "rolled-back"
    DRIFTED = "drifted"
    DRILL_MISSED = "drill-missed"

    @property
    def event(self) -> str:
        """The name of the event by which Prefect's automations hear of it."""
        return f"tiercel.notice.{self.value}"


class Notice(Frozen):
    """What somebody is told: what happened, what to do about it, and where to look.

    Whoever reads it may be outside of the organization's accounts: it has no value of a
    parameter and no property of a resource.
    """

    kind: NoticeKind
    subject: str
    text: str
    remedy: str
    link: str = ""

    def payload(self) -> dict[str, str]:
        """Return the texts as the event has them: in lines, without what could hide anything."""
        return {
            "subject": printable(self.subject, _LONGEST_SUBJECT),
            "text": printable(self.text, _LONGEST_TEXT),
            "remedy": printable(self.remedy, _LONGEST_TEXT),
            "link": printable(self.link, _LONGEST_TEXT),
        }
