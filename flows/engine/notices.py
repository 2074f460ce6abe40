"""Telling people: an event for the automations that `tiercel up --notify` made."""

from __future__ import annotations

from prefect.events import emit_event
from prefect.runtime import flow_run

from tiercel.domain.base.notices import Notice

_RESOURCE = "tiercel.notice"


def tell(notice: Notice) -> None:
    """Send the event of a notice; its link is the flow run that this is, unless it has one.

    Where the message goes is known to Prefect's server alone, in a block: no run sees an address.
    """
    link = notice.link or str(flow_run.ui_url or "")
    emit_event(
        event=notice.kind.event,
        resource={"prefect.resource.id": f"{_RESOURCE}.{notice.kind}"},
        payload=notice.model_copy(update={"link": link}).payload(),
    )
