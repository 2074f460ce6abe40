"""One Prefect worker for each environment, with that environment's credentials only."""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from tiercel.domain.base.errors import TiercelError, UnreachableError
from tiercel.sandbox import lifecycle
from tiercel.sandbox.lifecycle import Announce
from tiercel.sandbox.machine import processes
from tiercel.sandbox.machine.layout import Layout
from tiercel.sandbox.machine.processes import HOST
from tiercel.sandbox.machine.readiness import log_tail
from tiercel.sandbox.machine.record import Server, exclusive, read_record, write_record

_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.25
_ANSWER_SECONDS = 5.0
_RUNS_AT_ONCE = 2
"""Of one worker."""
_DRAIN_SECONDS = 5
"""Less than a stopped process is waited for, so that a run is handed over and not killed."""

_LEFT_OUT = ("AWS_", "GITHUB_", "PREFECT_")


def start_workers(
    state: Path, config: Path, environments: list[str], report: Announce = lambda _: None
) -> None:
    """Start the workers that do not run yet, and wait until the Prefect server knows them.

    Their flows read the configuration `config`. Raises UnreachableError without a running
    sandbox that has a Prefect server, TiercelError when a worker does not come up; then what
    this call started is ended.
    """
    layout = Layout(state.absolute())
    sandbox = lifecycle.status(state)
    if sandbox is None or sandbox.prefect_api_url is None:
        raise UnreachableError(
            "sandbox.no_prefect",
            "the sandbox has no Prefect server",
            where=str(state),
            remedy="start it with `tiercel sandbox up`",
        )
    layout.workers.mkdir(exist_ok=True)
    with exclusive(layout, report):
        found = read_record(layout).running()
        record, started = found, {}
        try:
            for name in environments:
                if name in found.workers:
                    continue
                variables = _variables(layout, config) | sandbox.environ(name)
                worker = f"sandbox-{name}-{int(time.time())}"
                started[worker] = (name, _start(layout, name, worker, variables))
                record = replace(record, workers=record.workers | {name: started[worker][1]})
                write_record(layout, record)
            for worker, (name, server) in started.items():
                report(f"the worker of {name} is starting")
                _await_worker(layout, sandbox.prefect_api_url, name, worker, server)
        except BaseException:
            processes.stop([server.process for _, server in started.values()])
            write_record(layout, found)
            raise


def running_workers(state: Path) -> list[str]:
    """Return the environments whose worker runs."""
    return list(read_record(Layout(state.absolute())).running().workers)


def _start(layout: Layout, environment: str, name: str, variables: dict[str, str]) -> Server:
    arguments = [
        *(sys.executable, "-P", "-m", "tiercel", "worker", environment),
        *("--name", name),
        *("--limit", str(_RUNS_AT_ONCE)),
        *("--drain-seconds", str(_DRAIN_SECONDS)),
    ]
    return Server(processes.start(arguments, variables, layout.worker_log(environment)), port=0)


def _variables(layout: Layout, config: Path) -> dict[str, str]:
    """Return what a worker finds: the person's variables without any credentials of theirs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}
    return kept | {
        "TMPDIR": str(layout.temporary),
        "TIERCEL_CONFIG": str(config.absolute()),
        "TIERCEL_CACHE_DIR": str(layout.root / "cache"),
        "PREFECT_HOME": str(layout.workers),
        "PREFECT_LOGGING_COLORS": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # Ask for runs every second: the default of ten is for many workers on one server.
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }


def _await_worker(
    layout: Layout, api_url: str, environment: str, name: str, server: Server
) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while name not in _known_workers(api_url, environment):
        if not server.is_running or time.monotonic() > deadline:
            log = layout.worker_log(environment)
            raise TiercelError(
                "sandbox.no_worker_came",
                f"the worker of {environment} does not come up",
                where=str(log),
                why=log_tail(log) or "its log is empty",
                remedy="read the log, then run `tiercel sandbox up --workers` again",
            )
        time.sleep(_POLL_SECONDS)


def _known_workers(api_url: str, pool: str) -> list[str]:
    port = int(api_url.removesuffix("/api").rpartition(":")[2])
    connection = http.client.HTTPConnection(HOST, port, timeout=_ANSWER_SECONDS)
    try:
        connection.request(
            "POST",
            f"/api/work_pools/{pool}/workers/filter",
            "{}",
            {"Content-Type": "application/json"},
        )
        answer = connection.getresponse()
        found = json.loads(answer.read()) if answer.status == http.client.OK else []
        return [str(worker["name"]) for worker in found]
    except (OSError, ValueError, http.client.HTTPException):
        return []
    finally:
        connection.close()
