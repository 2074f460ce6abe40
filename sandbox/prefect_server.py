"""Starts a real Prefect server, on loopback only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from sandbox import processes
from sandbox.layout import Layout
from sandbox.prefect_database import copy_database
from sandbox.processes import HOST
from sandbox.readiness import await_answer
from sandbox.record import Server

_PATIENCE_SECONDS = 120.0


def start_prefect(layout: Layout, port: int) -> Server:
    """Start the Prefect server and return it; it may not answer yet.

    `port` 0 lets the operating system choose one. Raises TiercelError when the port is taken.
    """
    with processes.bind(port) as probe:
        port = int(probe.getsockname()[1])
    copy_database(layout.prefect)
    arguments = [
        *(sys.executable, "-m", "uvicorn", "--factory", "deployments.sqlite_server:create_app"),
        *("--host", HOST),
        *("--port", str(port)),
        *("--log-level", "warning"),
    ]
    process = processes.start(arguments, _environment(layout, port), layout.prefect_log)
    return Server(process, port)


def await_prefect(layout: Layout, server: Server, report: Callable[[str], None]) -> None:
    """Return when the Prefect server answers; TiercelError when it does not."""
    await_answer(
        "the Prefect server", server, "/api/health", layout.prefect_log, _PATIENCE_SECONDS, report
    )


def api_url(port: int) -> str:
    """Return the address that Prefect's clients need as PREFECT_API_URL."""
    return f"http://{HOST}:{port}/api"


def _environment(layout: Layout, port: int) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(layout.home),
        "TMPDIR": str(layout.temporary),
        "LANG": "C.UTF-8",
        "PREFECT_HOME": str(layout.prefect),
        "PREFECT_API_URL": api_url(port),
        "PREFECT_SERVER_UI_ENABLED": "true",
        "PREFECT_SERVER_UI_API_URL": api_url(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # A run that waits for its turn asks for it every 30 seconds by default.
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "3",
        # In memory, which is the default, a restart loses leases and leaves slots taken.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
            "prefect.server.concurrency.lease_storage.filesystem"
        ),
    }
