"""Runs inside the namespaces of a build first, and becomes the command that follows.

Runs by itself, as `python -I -S enter.py CHANNEL COMMAND ...`. CHANNEL is a socket through which
a listening socket of this network namespace goes out. The proxy accepts connections on it, so
that nothing has to run in here that a build could replace.
"""

from __future__ import annotations

import os
import socket
import sys

_PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")


def hand_out_listener(channel: int) -> str:
    """Send a listening socket out and return the address of the proxy behind it."""
    with (
        socket.socket(fileno=channel) as way_out,
        socket.create_server(("127.0.0.1", 0), backlog=128) as listener,
    ):
        socket.send_fds(way_out, [b"listener"], [listener.fileno()])
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def main() -> None:
    """Find the way out, become the command."""
    channel, *command = sys.argv[1:]
    os.environ.update(dict.fromkeys(_PROXIES, hand_out_listener(int(channel))))
    try:
        os.execvp(command[0], command)  # noqa: S606 - an argument list, and no shell
    except (OSError, ValueError) as error:
        sys.exit(f"it cannot be started: {error}")


if __name__ == "__main__":
    main()
