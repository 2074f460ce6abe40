"""Brings the loopback interface up and becomes the command that follows.

Runs by itself, as `python -I loopback_exec.py COMMAND ...`, in a network namespace of its
own: tests often talk to a server on localhost, and a new namespace has even that down.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import sys

_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1


def bring_loopback_up() -> None:
    """Set the flag that `ip link set lo up` sets; netdevice(7)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))


if __name__ == "__main__":
    bring_loopback_up()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - an argument list, and no shell
