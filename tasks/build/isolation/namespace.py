"""What an isolated command finds: the arguments with which bubblewrap makes its world.

https://man.archlinux.org/man/bwrap.1
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

WORK = PurePosixPath("/work")
"""Where the job's root lies inside: one path for every build, so that none shows in packages."""
HOME = PurePosixPath("/home/build")
TEMPORARY = PurePosixPath("/tmp")  # noqa: S108 - of the namespace
_SHARED_MEMORY = PurePosixPath("/dev/shm")  # noqa: S108 - the same
_ENTRY = PurePosixPath("/run/tiercel/enter.py")
_USER = "1000"
_PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# What programs need of /etc. Beside certificates there are private keys: only these folders.
_SETTINGS = (
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/maven/logging",
    "/etc/maven/m2.conf",
    "/etc/mime.types",
    "/etc/pki/ca-trust/extracted",
    "/etc/pki/tls/certs",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
)
_FILES = {
    "/etc/group": f"build:x:{_USER}:\n",
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "/etc/passwd": f"build:x:{_USER}:{_USER}:build:{HOME}:/bin/sh\n",
}


@dataclass(frozen=True)
class Room:
    """What one command is given: folders of this machine, and what of it is shown, read only.

    `root` and `scratch` are the job's. Of `scratch` only folders made for this lie inside.
    """

    root: Path
    scratch: Path
    folder: PurePosixPath
    shown: tuple[Path, ...] = ()

    @property
    def writable(self) -> dict[Path, PurePosixPath]:
        """The folders that the command may write to, and where it finds them."""
        return {
            self.root: WORK,
            self.scratch / "home": HOME,
            self.scratch / "tmp": TEMPORARY,
            self.scratch / "shm": _SHARED_MEMORY,
        }

    def create(self) -> None:
        """Create what has to be there."""
        for path in self.writable:
            path.mkdir(parents=True, exist_ok=True)


def interpreter() -> Path:
    """Return the Python below our environment: inside there is nothing of Tiercel."""
    return Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))


@dataclass(frozen=True)
class Descriptors:
    """What bubblewrap reads and writes beside its arguments.

    `files` are read into the files of their names, `calls` is the list of system calls. The id of
    the namespaces' first process is written to `told`; it goes on when it can read `start`.
    """

    files: dict[str, int]
    calls: int
    told: int
    start: int


def namespace_arguments(bubblewrap: str, room: Room, given: Descriptors) -> list[str]:
    """Return the command that makes the namespaces and becomes what follows it."""
    return [
        bubblewrap,
        *("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"),
        *("--unshare-cgroup-try", "--uid", _USER, "--gid", _USER, "--hostname", "build"),
        *("--cap-drop", "ALL", "--new-session", "--die-with-parent"),
        *("--info-fd", str(given.told), "--block-fd", str(given.start)),
        *("--seccomp", str(given.calls)),
        *_system(),
        *("--ro-bind", str(Path(__file__).with_name("enter.py")), str(_ENTRY)),
        *(part for name, file in given.files.items() for part in ("--file", str(file), name)),
        *("--proc", "/proc", "--dev", "/dev"),
        *(
            part
            for outside, inside in room.writable.items()
            for part in ("--bind", str(outside), str(inside))
        ),
        *(part for path in room.shown for part in ("--ro-bind", str(path), str(path))),
        # What belongs to the worker's user in /proc, /dev and / is the command's to change else.
        *("--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/"),
        *("--chdir", str(WORK / room.folder), "--"),
    ]


def own_files() -> dict[str, bytes]:
    """Return the files of /etc that the namespace has of its own, instead of the machine's."""
    return {name: text.encode() for name, text in _FILES.items()}


def entry_command(channel: int) -> tuple[str, ...]:
    """Return what runs inside first where there is a way out, and becomes what follows it."""
    return (str(interpreter()), "-I", "-S", str(_ENTRY), str(channel))


def visible_path(tools: Sequence[str], path: Sequence[str]) -> list[str]:
    """Return those folders of a search path that are there inside."""
    roots = (*_PROGRAMS, *tools)
    return [part for part in path if Path(part).is_relative_to("/") and _is_below(part, roots)]


def _system() -> Iterator[str]:
    """The programs of the machine, read only, and of its settings those that hold no secret."""
    for name in _PROGRAMS:
        path = Path(name)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), name)
        elif path.is_dir():
            yield from ("--ro-bind", name, name)
    # Of Java the settings lie there, as Debian has it, and without them it speaks no TLS.
    for name in (*_SETTINGS, *map(str, sorted(Path("/etc").glob("java-*-openjdk")))):
        yield from ("--ro-bind-try", name, name)
    prefix = Path(sys.base_prefix)
    if not _is_below(str(prefix), _PROGRAMS):
        yield from ("--ro-bind", str(prefix), str(prefix))


def _is_below(path: str, roots: Sequence[str]) -> bool:
    return any(Path(path).is_relative_to(root) for root in roots)
