"""Waits until a server answers, and says what is wrong when it never does."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from pathlib import Path

from tiercel.domain.base.errors import TiercelError
from tiercel.sandbox.machine.processes import HOST
from tiercel.sandbox.machine.record import Server

_LOG_TAIL_LINES = 15
_POLL_SECONDS = 0.1
_REPORT_SECONDS = 5.0
_ANSWER_SECONDS = 5.0


def await_answer(
    name: str,
    server: Server,
    path: str,
    log: Path,
    patience: float,
    report: Callable[[str], None],
) -> None:
    """Return when a GET of the path answers 200.

    Raises TiercelError with the end of the log when the process ends before, or when it
    does not answer within `patience` seconds.
    """
    started = time.monotonic()
    reported = started
    while not _answers(server.port, path):
        now = time.monotonic()
        if not server.is_running:
            raise _start_error(f"{name} ended before it was ready", log)
        if now - started > patience:
            raise _start_error(f"{name} did not answer within {patience:.0f} s", log)
        if now - reported > _REPORT_SECONDS:
            report(f"{name} is starting ({now - started:.0f} s)")
            reported = now
        time.sleep(_POLL_SECONDS)


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _start_error(what: str, log: Path) -> TiercelError:
    return TiercelError(
        "sandbox.not_started",
        what,
        where=str(log),
        why=log_tail(log) or "its log is empty",
        remedy="read the log; `tiercel sandbox down` and up again starts afresh",
    )


def log_tail(log: Path) -> str:
    """Return the last lines of a log, or an empty text when there is none."""
    try:
        lines = log.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(lines[-_LOG_TAIL_LINES:])
