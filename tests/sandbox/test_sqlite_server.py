"""What Prefect's server on one machine promises of its database."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy
from prefect.settings import PREFECT_SERVER_DATABASE_CONNECTION_URL, temporary_settings
from sqlalchemy.exc import OperationalError

if TYPE_CHECKING:
    from prefect.server.database.configurations import AioSqliteConfiguration


@pytest.fixture(scope="module", autouse=True)
def server_is_imported() -> None:
    """Here and not at the top: it takes seconds, and every worker collects this file."""
    import tiercel.deployments.sqlite_server  # noqa: F401


async def _two_that_read_before_they_write(database: AioSqliteConfiguration) -> int:
    """Add one in each of two transactions of which neither waits to be asked; return the sum."""
    engine = await database.engine()
    async with engine.begin() as connection:
        await connection.execute(sqlalchemy.text("CREATE TABLE counter (value INTEGER)"))
        await connection.execute(sqlalchemy.text("INSERT INTO counter VALUES (0)"))

    async def add_one() -> None:
        async with await database.session(engine) as session, database.begin_transaction(session):
            seen = (
                await session.execute(sqlalchemy.text("SELECT value FROM counter"))
            ).scalar_one()
            await asyncio.sleep(0.1)
            await session.execute(
                sqlalchemy.text("UPDATE counter SET value = :value"), {"value": seen + 1}
            )

    try:
        await asyncio.gather(add_one(), add_one())
        async with await database.session(engine) as session:
            found = await session.execute(sqlalchemy.text("SELECT value FROM counter"))
            return int(found.scalar_one())
    finally:
        await engine.dispose()


def test_transactions_that_read_before_they_write_wait_for_each_other(tmp_path: Path) -> None:
    from tiercel.deployments.sqlite_server import WritersFirstSqlite

    database = WritersFirstSqlite(connection_url=f"sqlite+aiosqlite:///{tmp_path}/ours.db")

    assert asyncio.run(_two_that_read_before_they_write(database)) == 2


def test_prefects_own_transactions_would_be_refused(tmp_path: Path) -> None:
    """When this fails, Prefect has mended it and our server is not needed any more."""
    from prefect.server.database.configurations import AioSqliteConfiguration

    database = AioSqliteConfiguration(connection_url=f"sqlite+aiosqlite:///{tmp_path}/theirs.db")

    with pytest.raises(OperationalError, match="database is locked"):
        asyncio.run(_two_that_read_before_they_write(database))


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        ("sqlite+aiosqlite:////tmp/prefect.db", True),
        ("postgresql+asyncpg://prefect@127.0.0.1/prefect", False),
    ],
)
def test_a_database_that_is_not_sqlite_is_left_to_prefect(url: str, *, ours: bool) -> None:
    from prefect.server.database import dependencies

    from tiercel.deployments.sqlite_server import WritersFirstSqlite, use_writers_first

    with (
        temporary_settings({PREFECT_SERVER_DATABASE_CONNECTION_URL: url}),
        dependencies.temporary_database_config(None),
    ):
        use_writers_first()
        chosen = dependencies.MODELS_DEPENDENCIES["database_config"]

    assert isinstance(chosen, WritersFirstSqlite) is ours
