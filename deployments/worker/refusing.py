"""A run that a worker refuses: it ends as failed, and says why as a flow would."""

from __future__ import annotations

import json

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import Abort
from prefect.logging.loggers import flow_run_logger
from prefect.states import Failed
from prefect.utilities.engine import propose_state

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.base.failure_document import KEY, failure_document
from tiercel.domain.pages.failure_page import failure_page
from tiercel.domain.pages.markdown import escaped


async def refuse_run(client: PrefectClient, flow_run: FlowRun, error: TiercelError) -> None:
    """Let a run end as failed without having been loaded, with the reason as data and as a page."""
    flow_run_logger(flow_run).error("%s", error)
    document = failure_document(error.failure, flow_run.run_count)
    for key, kind, description, data in (
        (KEY, "json", error.code, json.dumps(document)),
        ("failure-refused-run", "markdown", escaped(error.what), failure_page(error.failure)),
    ):
        await client.create_artifact(
            ArtifactCreate(
                key=key, type=kind, description=description, data=data, flow_run_id=flow_run.id
            )
        )
    try:
        message = f"{type(error).__name__}: {error}"
        await propose_state(client, Failed(message=message), flow_run_id=flow_run.id)
    except Abort:
        pass  # somebody has ended it already
