"""The process of the sandbox's Prefect server."""

from __future__ import annotations

import argparse
import socket
import sys

import uvicorn


def main(arguments: list[str]) -> int:
    """Serve on a socket that the parent process has bound, until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--descriptor", type=int, required=True)
    options = parser.parse_args(arguments)
    config = uvicorn.Config(
        "tiercel.deployments.sqlite_server:create_app", factory=True, log_level="warning"
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=options.descriptor)])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
