"""Becomes the `tiercel` command, by forks of a process that has imported what commands import.

Run as `python -m tests.support.fork_server`, with a Unix socket as its input. Each message asks
for one command; with it come the command's standard output, its standard error, and a pipe for
its process id and, when it has ended, how.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import sys
from typing import Any, NoReturn

from prefect.context import refresh_global_settings_context

from tiercel.cli.main import main
from tiercel.deployments.worker.warm_runs import IMPORTED

MESSAGE_BYTES = 1 << 17
_OUTPUT, _ERRORS, _REPORT = range(3)


def serve(control: socket.socket) -> None:
    """Start what is asked for, until nobody can ask any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
    while True:
        message, files, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 3)
        if not message:
            return
        if os.fork() == 0:
            control.close()
            _keep(json.loads(message), files)
        for file in files:
            os.close(file)


def _keep(asked: dict[str, Any], files: list[int]) -> NoReturn:
    """Be the parent of the command, who alone can know how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        os.close(files[_REPORT])
        _become(asked, files)
    os.write(files[_REPORT], b"%d\n" % child)
    for file in files[:_REPORT]:
        os.close(file)
    _, status = os.waitpid(child, 0)
    os.write(files[_REPORT], b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(asked: dict[str, Any], files: list[int]) -> NoReturn:
    """Be what `tiercel` is with these arguments, in this folder and this environment."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(files[_OUTPUT], 1)
    os.dup2(files[_ERRORS], 2)
    for file in files[:_REPORT]:
        os.close(file)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    refresh_global_settings_context()
    sys.argv = ["tiercel", *asked["arguments"]]
    main()
    sys.exit()


def prepare() -> None:
    """Import what commands import."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # what was imported is no garbage, and no fork has to look


if __name__ == "__main__":
    prepare()
    with socket.socket(fileno=os.dup(0)) as asked_by:
        serve(asked_by)
