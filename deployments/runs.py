"""Runs of deployments: started, followed, and what they left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    LogFilter,
    LogFilterFlowRunId,
    LogFilterTimestamp,
    WorkerFilter,
    WorkerFilterStatus,
)
from prefect.client.schemas.objects import FlowRun, Log
from prefect.client.schemas.sorting import ArtifactSort, LogSort
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import get_current_settings
from prefect.states import Cancelling

from tiercel.domain.base.errors import RefusedInputError, UnreachableError

_POLL_SECONDS = 0.5
_PAGE = 200
_UNORDERED = timedelta(seconds=5)
"""Lines of a run arrive in batches, from several threads: late ones are older than this never."""
_QUIET_SECONDS = 2.5
"""Prefect sends a run's lines every two seconds: after this, none is under way any more."""
_WORKER_SECONDS = 10.0
_CONFLICT = 409
_CANCELLED = "the job that asked for it was cancelled"

Tell = Callable[[float, str, int], None]
"""Is told seconds since the run was made, one line, and its level as in `logging`."""


async def start_run(
    client: PrefectClient, deployment: str, parameters: dict[str, Any], key: str | None = None
) -> FlowRun:
    """Make a run of `FLOW/DEPLOYMENT`, a new one each time: whoever asks again wants it again.

    With a `key`, its idempotency key, it is one run for all who ask with the same one. Raises
    UnreachableError if there is no such deployment, RefusedInputError for parameters
    that its form refuses.
    """
    try:
        found = await client.read_deployment_by_name(deployment)
        return await client.create_flow_run_from_deployment(
            found.id, parameters=parameters, idempotency_key=key
        )
    except ObjectNotFound:
        raise UnreachableError(
            "deployments.not_there",
            f"there is no deployment {deployment}",
            where=str(client.api_url),
            state="nothing was called",
            remedy="see whether PREFECT_API_URL is that environment's server; if it is, bring its "
            "deployments there with `tiercel up --environment NAME`, or add --local",
        ) from None
    except PrefectHTTPStatusError as error:
        if error.response.status_code != _CONFLICT:
            raise
        raise RefusedInputError(
            "deployments.parameters_refused",
            "the parameters are refused",
            where=f"deployment {deployment}",
            why=str(error.response.json().get("detail", "")).removeprefix(
                "Error creating flow run: "
            ),
            state="nothing was called",
            remedy="correct the parameter that is named",
        ) from None


async def follow(
    client: PrefectClient, run_id: UUID, tell: Tell, end: Callable[[FlowRun], None] | None = None
) -> FlowRun:
    """Tell every state and log line of a run as they come; return it when it has ended.

    `end` gets it as soon as it has ended, before the last lines have come.
    """
    telling = _Telling(client, run_id, tell)
    while True:
        run = await client.read_flow_run(run_id)
        ended = run.state and run.state.is_final()
        if ended and end:
            end(run)
        await telling.news_of(run)
        if ended:
            await telling.last_lines(run)
            return run
        await asyncio.sleep(_POLL_SECONDS)


async def artifacts_of(client: PrefectClient, run_id: UUID) -> list[dict[str, Any]]:
    """Return what a run reported, the oldest first: key, type, description and data."""
    found = await client.read_artifacts(
        artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id])),
        sort=ArtifactSort.UPDATED_DESC,
        limit=_PAGE,
    )
    return [
        one.model_dump(mode="json", include={"key", "type", "description", "data"})
        for one in reversed(found)
        # Prefect keeps where a persisted result lies as an artifact without a type.
        if one.type
    ]


async def newest_lines(client: PrefectClient, run_id: UUID, most: int) -> list[Log]:
    """Return the newest lines of a run's log, the oldest of them first.

    There are none of a run that the server does not have.
    """
    wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id]))
    found: list[Log] = []
    while len(found) < most:
        limit = min(_PAGE, most - len(found))
        page = await client.read_logs(
            wanted, limit=limit, offset=len(found), sort=LogSort.TIMESTAMP_DESC
        )
        found += page
        if len(page) < limit:
            break
    return found[::-1]


async def cancel_run(client: PrefectClient, run_id: UUID) -> None:
    """Ask for the end of a run: its worker stops it, and AWS goes on with what it was told."""
    await client.set_flow_run_state(run_id, Cancelling(message=_CANCELLED))


def link_to(run_id: UUID) -> str:
    """Return the address of a run in the Prefect UI; the API's own if there is no UI."""
    settings = get_current_settings()
    ui, api = settings.ui_url, settings.api.url
    return f"{ui}/runs/flow-run/{run_id}" if ui else f"{api}/flow_runs/{run_id}"


@dataclass
class _Telling:
    """What was told already of one run."""

    client: PrefectClient
    run_id: UUID
    tell: Tell
    known: set[UUID] = field(default_factory=set)
    newest: datetime | None = None
    waited: float = 0.0

    async def news_of(self, run: FlowRun) -> bool:
        """Tell what happened since the last call; return whether there were lines."""
        lines = await self._new_lines()
        news: list[tuple[datetime, str, int]] = [
            (line.timestamp, line.message, line.level) for line in lines
        ]
        ended = run.state and run.state.is_final()
        for state in await self.client.read_flow_run_states(self.run_id):
            # A run that is told to have ended is known to have ended.
            if state.id not in self.known and (ended or not state.is_final()):
                self.known.add(state.id)
                news.append((state.timestamp, f"the run: {state.name}", 0))
        for when, text, level in sorted(news):
            self.tell(_since(run, when), text, level)
        await self._miss_workers(run)
        return bool(lines)

    async def last_lines(self, run: FlowRun) -> None:
        """Tell the lines that arrive after the run has ended."""
        quiet = 0.0
        while run.start_time and quiet < _QUIET_SECONDS:
            await asyncio.sleep(_POLL_SECONDS)
            quiet = 0.0 if await self.news_of(run) else quiet + _POLL_SECONDS

    async def _new_lines(self) -> list[Log]:
        after = self.newest - _UNORDERED if self.newest else None
        wanted = LogFilter(
            flow_run_id=LogFilterFlowRunId(any_=[self.run_id]),
            timestamp=LogFilterTimestamp(after_=after) if after else None,
        )
        found: list[Log] = []
        while page := await self.client.read_logs(
            wanted, limit=_PAGE, offset=len(found), sort=LogSort.TIMESTAMP_ASC
        ):
            found += page
            if len(page) < _PAGE:
                break
        new = [line for line in found if line.id not in self.known]
        self.known |= {line.id for line in new}
        self.newest = max([line.timestamp for line in found], default=self.newest)
        return new

    async def _miss_workers(self, run: FlowRun) -> None:
        """Say once why nothing happens, if no worker is there to take the run."""
        self.waited += _POLL_SECONDS
        if self.waited != _WORKER_SECONDS or not (run.state and run.state.is_scheduled()):
            return
        if run.work_pool_name is None:
            return
        online = await self.client.read_workers_for_work_pool(
            run.work_pool_name,
            worker_filter=WorkerFilter(status=WorkerFilterStatus(any_=["ONLINE"])),
        )
        if not online:
            self.tell(
                self.waited,
                f"no worker of the pool {run.work_pool_name} is online: start one with "
                f"`tiercel worker {run.work_pool_name}`, or cancel the run and repeat the command "
                "with --local",
                0,
            )


def _since(run: FlowRun, when: datetime) -> float:
    return max(0.0, (when - run.created).total_seconds()) if run.created else 0.0
