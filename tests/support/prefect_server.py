"""The Prefect server of the sandbox, for flows that run in this process."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect import settings
from prefect.context import _temporary_global_settings_context, get_settings_context
from prefect.events import Event
from prefect.events.clients import AssertingEventsClient, NullEventsClient
from prefect.events.worker import EventsWorker
from prefect.settings import temporary_settings

from tiercel.sandbox.machine import processes
from tiercel.sandbox.machine.layout import Layout
from tiercel.sandbox.machine.prefect_server import (
    SETTINGS,
    api_url,
    await_prefect,
    client_environ,
    start_prefect,
)

# What runs here is shown to nobody: task runs, which are events, and logs are more than half of
# the work of server and client. Tests with a worker (tests/end_to_end) have them all.
_FOR_NOBODY = {
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
}
_LOGS_TO_SERVER = "PREFECT_LOGGING_TO_API_ENABLED"


@contextmanager
def prefect_server(folder: Path) -> Iterator[None]:
    """Start a server, make it that of every thread of this process, and stop it.

    It is the one that `prefect.testing` would start, but that its database is migrated already
    and that it bears several runs at once.
    """
    layout = Layout(folder)
    layout.create()
    server = start_prefect(layout, 0, SETTINGS | _FOR_NOBODY)
    await_prefect(layout, server, lambda _: None)
    environ = client_environ(api_url(server.port)) | {
        _LOGS_TO_SERVER: "false",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": (
            f"sqlite+aiosqlite:///{layout.prefect}/prefect.db"
        ),
    }
    updates = {getattr(settings, name): value for name, value in environ.items()}
    try:
        with (
            temporary_settings(updates=updates),
            _temporary_global_settings_context(get_settings_context()),
        ):
            EventsWorker.set_client_override(NullEventsClient)
            yield
            asyncio.run(_drain())
    finally:
        EventsWorker.set_client_override(None)
        processes.stop([server.process])


def server_of_commands() -> dict[str, str]:
    """The variables with which a command's runs, in this process, are the server's of this process.

    They keep their logs to themselves, as the runs of tests do.
    """
    return client_environ(str(settings.PREFECT_API_URL.value())) | {_LOGS_TO_SERVER: "false"}


@contextmanager
def task_runs_recorded() -> Iterator[None]:
    """What runs inside tells the server of its tasks, as the run of a command does."""
    EventsWorker.set_client_override(None)
    try:
        yield
        asyncio.run(_drain())
    finally:
        EventsWorker.set_client_override(NullEventsClient)


@contextmanager
def task_runs_heard() -> Iterator[list[Event]]:
    """Give what runs inside tell of their tasks, complete at the end; no server is told."""
    heard: list[Event] = []
    AssertingEventsClient.reset()
    EventsWorker.set_client_override(AssertingEventsClient)
    try:
        yield heard
        asyncio.run(_drain())
        heard += [event for client in AssertingEventsClient.all for event in client.events]
    finally:
        EventsWorker.set_client_override(NullEventsClient)


async def _drain() -> None:
    """Be done with events while there is somebody to ask what they are about."""
    drained = EventsWorker.drain_all()
    if inspect.isawaitable(drained):
        await drained
