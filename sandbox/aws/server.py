"""The process that serves the emulated AWS; `tiercel.sandbox.lifecycle` starts it.

Its environment decides what the emulator does, and is complete before Python starts,
because the emulator reads it at import.
"""

from __future__ import annotations

import argparse
import gc
import os
import socket
import sys
from pathlib import Path

import uvicorn
from ministack.app import app as emulator
from ministack.services.cloudformation.custom_resource import deliver_response

from tiercel.sandbox.aws import corrections
from tiercel.sandbox.aws.console.reading import Console
from tiercel.sandbox.aws.corrections.stacks.custom_resources import let_custom_resources_answer_at
from tiercel.sandbox.aws.gateway import Gateway
from tiercel.sandbox.aws.journal import JournalWriter
from tiercel.sandbox.aws.response_urls import ResponseServer
from tiercel.sandbox.aws.snapshots import Snapshots
from tiercel.sandbox.aws.stack_time import let_stacks_take
from tiercel.sandbox.machine.processes import HOST

_KEEP_ALIVE_SECONDS = 75
_SHUTDOWN_SECONDS = 5


def main(arguments: list[str]) -> int:
    """Serve on a socket that the parent process has bound, until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--descriptor", type=int, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--latency-ms", type=int, required=True)
    parser.add_argument("--stack-seconds", type=float, required=True)
    parser.add_argument("--token-keys", type=Path, required=True)
    options = parser.parse_args(arguments)
    corrections.apply(options.token_keys)
    answers = ResponseServer(Path(os.environ["TMPDIR"]), deliver_response)
    answers.start()
    let_custom_resources_answer_at(answers.address)
    if options.stack_seconds:
        let_stacks_take(options.stack_seconds)
    journal = JournalWriter(options.journal)
    endpoint = f"http://{HOST}:{os.environ['GATEWAY_PORT']}"
    console = Console(endpoint, os.environ["AWS_SECRET_ACCESS_KEY"])
    gateway = Gateway(emulator, journal, Snapshots(), options.latency_ms, console.show)
    config = uvicorn.Config(
        gateway,
        http="h11",  # it keeps the capitals of names of headers, as AWS does
        lifespan="on",
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    gc.freeze()  # what was imported stays: it is not to be looked through for garbage
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=options.descriptor)])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
