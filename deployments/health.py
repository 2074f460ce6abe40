"""What a Prefect server says of itself and of the workers of pools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import httpx
from prefect.client.schemas.filters import WorkerFilter, WorkerFilterStatus
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import get_current_settings

from tiercel.deployments.server import prefect_server


@dataclass(frozen=True)
class ServerSeen:
    """A server's address and version, and by pool its workers online; None if it has no pool."""

    url: str
    version: str
    online: Mapping[str, tuple[str, ...] | None]


async def look_at_server(pools: Iterable[str]) -> ServerSeen:
    """Return what the server of PREFECT_API_URL says; UnreachableError if it cannot be used."""
    async with prefect_server() as client:
        online: dict[str, tuple[str, ...] | None] = {}
        for pool in pools:
            try:
                workers = await client.read_workers_for_work_pool(
                    pool,
                    worker_filter=WorkerFilter(status=WorkerFilterStatus(any_=["ONLINE"])),
                )
                online[pool] = tuple(worker.name for worker in workers)
            except PrefectHTTPStatusError as error:
                if error.response.status_code != httpx.codes.NOT_FOUND:
                    raise
                online[pool] = None
        url = str(get_current_settings().api.url)
        return ServerSeen(url, await client.api_version(), online)
