"""Starts a real Prefect server, on loopback only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType

from tiercel.sandbox.machine import processes
from tiercel.sandbox.machine.layout import Layout
from tiercel.sandbox.machine.prefect_database import copy_database
from tiercel.sandbox.machine.processes import HOST
from tiercel.sandbox.machine.readiness import await_answer
from tiercel.sandbox.machine.record import Server
from tiercel.tasks.engine.resources import resource

SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # By default each state of a task is a transaction of its own, which is what the server
    # spends most of its time on.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    # In memory, which is the default, a restart loses leases and leaves slots taken.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
        "prefect.server.concurrency.lease_storage.filesystem"
    ),
}
"""Those of the server for one machine, as its unit has them."""

_PATIENCE_SECONDS = 120.0
_NO_AUTHORITY = resource("deployments", "one_machine", "no-authority.pem")
"""A certificate that has expired and whose key nobody has."""


def start_prefect(
    layout: Layout, port: int, settings: Mapping[str, str] = MappingProxyType(SETTINGS)
) -> Server:
    """Start the Prefect server with these settings and return it; it may not answer yet.

    `port` 0 lets the operating system choose one. Raises TiercelError when the port is taken.
    """
    copy_database(layout.prefect)
    with processes.bind(port) as listener:
        port = int(listener.getsockname()[1])
        arguments = [
            *(sys.executable, "-m", "tiercel.sandbox.machine.prefect_process"),
            *("--descriptor", str(listener.fileno())),
        ]
        environment = _environment(layout, port, settings)
        process = processes.start(
            arguments, environment, layout.prefect_log, inherit=(listener.fileno(),)
        )
    return Server(process, port)


def await_prefect(layout: Layout, server: Server, report: Callable[[str], None]) -> None:
    """Return when the Prefect server answers; TiercelError when it does not."""
    await_answer(
        "the Prefect server", server, "/api/health", layout.prefect_log, _PATIENCE_SECONDS, report
    )


def api_url(port: int) -> str:
    """Return the address that Prefect's clients need as PREFECT_API_URL."""
    return f"http://{HOST}:{port}/api"


def client_environ(url: str) -> dict[str, str]:
    """Return the variables with which Prefect's clients reach a server of the sandbox.

    A run has about six clients. Each would read all certificates of the machine, though it speaks
    plain HTTP, and ask for a token that this server does not want.
    """
    return {
        "PREFECT_API_URL": url,
        "PREFECT_API_SSL_CERT_FILE": str(_NO_AUTHORITY),
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
    }


def _environment(layout: Layout, port: int, settings: Mapping[str, str]) -> dict[str, str]:
    return dict(settings) | {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(layout.home),
        "TMPDIR": str(layout.temporary),
        "LANG": "C.UTF-8",
        "PREFECT_HOME": str(layout.prefect),
        "PREFECT_API_URL": api_url(port),
        "PREFECT_SERVER_UI_ENABLED": "true",
        "PREFECT_SERVER_UI_API_URL": api_url(port),
        # A run that waits for its turn asks for it every 30 seconds by default.
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "3",
    }
