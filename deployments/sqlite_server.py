"""Prefect's server for one machine: on SQLite, and it bears several runs at once.

Prefect begins its transactions as readers. SQLite refuses a reader that wants to write when
somebody else wrote in between, whatever it would be willing to wait. The API then answers 503, and
what no client repeats is lost: after four refusals an event reaches no automation, so that nobody
is told of a failed run and a dead one is not marked as crashed. Here every transaction begins as
the writer that it is, and waits for its turn.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prefect.server.api import server
from prefect.server.database import dependencies
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction


class WritersFirstSqlite(AioSqliteConfiguration):
    """A SQLite database whose transactions take the lock for writing when they begin."""

    @asynccontextmanager
    async def begin_transaction(
        self,
        session: AsyncSession,
        with_for_update: bool = True,  # noqa: ARG002, FBT001, FBT002 - Prefect's signature
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        """Begin as a writer, also where Prefect does not ask for it."""
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def create_app() -> FastAPI:
    """Return Prefect's application for `uvicorn --factory`; its settings are Prefect's own."""
    use_writers_first()
    app = server.create_app(final=True)
    # All of this stays as long as the process: to look for garbage there takes a tenth of its time.
    gc.freeze()
    return app


def use_writers_first() -> None:
    """Let this process use the database so, unless the settings name one that is not SQLite."""
    url = PREFECT_API_DATABASE_CONNECTION_URL.value() or ""
    if url.startswith("sqlite"):
        dependencies.set_database_config(WritersFirstSqlite(connection_url=url))
