"""Builds that look at, write to, signal or outlive what is the worker's."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.adversary.frame import Attack, Kind, Removal
from tests.adversary.removals import ARGUMENTS, ONE_END, OWN_PROCESSES, OWN_VARIABLES
from tests.adversary.workplace import (
    SECRET,
    Workplace,
    looting_python,
    looting_shell,
    not_isolated,
    not_root,
)
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Builds
from tiercel.tasks.build.places import place_of
from tiercel.tasks.packaging.archive import zip_folder
from tiercel.tasks.packaging.references import all_references
from tiercel.tasks.packaging.workshop import Workshop

_SYSTEM_CALLS = "tasks.build.isolation.system_calls:system_call_filter"
_KEYCTL, _IO_URING_SETUP = 250, 425
_X86 = os.uname().machine == "x86_64"


_MACHINE_SHOWN = Removal(
    "tasks.build.isolation.namespace:Room.writable",
    'self.scratch / "tmp": TEMPORARY',
    'Path("/tmp"): TEMPORARY',
)
"""The folder of the machine in which the worker of these attacks has everything."""


def _environment(folder: Path) -> bool:
    """A build writes down what the worker was started with."""
    place = Workplace(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_API_AUTH_STRING", SECRET)
        place.shell("env > loot")
    return SECRET in place.loot()


def _home(folder: Path) -> bool:
    """A build reads a file that the worker's user may read."""
    place, home = Workplace(folder), folder / "home"
    home.mkdir()
    (home / "credentials").write_text(SECRET)
    place.shell(f"cat {home}/credentials > loot")
    return SECRET in place.loot()


def _mirror(folder: Path) -> bool:
    """A build writes a filter into the mirror from which the next commit is taken."""
    place, mirror = Workplace(folder), folder / "cache" / "mirrors" / "shop.git"
    mirror.mkdir(parents=True)
    place.shell(f"echo evil > {mirror}/config")
    return (mirror / "config").exists()


def _sibling(folder: Path) -> bool:
    """A build changes what another build of the same run is packaged from."""
    place, sibling = Workplace(folder), Workplace(folder / "sibling")
    sibling.source.mkdir(parents=True)
    place.shell(f"echo evil > {sibling.source}/app.py")
    return (sibling.source / "app.py").exists()


def _symlinked_cache(folder: Path) -> bool:
    """A repository has a link for a folder to which its build, or an installer, then writes."""
    place, cache = Workplace(folder), folder / "cache"
    cache.mkdir()
    place.source.mkdir(parents=True)
    (place.source / "node_modules").symlink_to(cache)
    place.shell("echo evil > node_modules/index.js")
    return (cache / "index.js").exists()


def _temporary_folder(folder: Path) -> bool:
    """A build leaves a file where other programs of the machine look for theirs."""
    place, mark = Workplace(folder), Path("/tmp", f"tiercel-{os.getpid()}")
    place.shell(f"echo evil > {mark}")
    reached = mark.exists()
    mark.unlink(missing_ok=True)
    return reached


@contextmanager
def _victim() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the worker's user with a secret among its arguments."""
    command = [sys.executable, "-I", "-c", "import time; time.sleep(60)", SECRET]
    with subprocess.Popen(command) as process:
        try:
            yield process
        finally:
            process.kill()


def _processes(folder: Path) -> bool:
    """A build reads in /proc what other processes were started with."""
    place = Workplace(folder)
    with _victim():
        place.shell("cat /proc/[0-9]*/cmdline > loot; true")
    return SECRET in place.loot()


def _signals(folder: Path) -> bool:
    """A build ends a process of the worker's user."""
    place = Workplace(folder)
    with _victim() as victim:
        place.shell(f"kill -TERM {victim.pid}; sleep 0.2")
        return victim.poll() == -signal.SIGTERM


def _left_over(folder: Path) -> bool:
    """A build leaves a process behind that goes on when the source is packaged."""
    place = Workplace(folder)
    place.shell("setsid sh -c 'sleep 0.5; echo late > loot' > /dev/null 2>&1 &")
    subprocess.run(["sleep", "1"], check=True)
    return bool(place.loot())


def _shared_memory(folder: Path) -> bool:
    """A build reads memory that processes of the worker share."""
    place, libc = Workplace(folder), ctypes.CDLL(None)
    libc.shmat.restype = ctypes.c_void_p
    shared = libc.shmget(0, 4096, 0o1600)
    ctypes.memmove(libc.shmat(shared, None, 0), SECRET.encode(), len(SECRET))
    script = f"""
import ctypes
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
address = libc.shmat({shared}, None, 0o10000)
open('loot', 'wb').write(ctypes.string_at(address, {len(SECRET)}))
"""
    try:
        place.python(script)
    finally:
        libc.shmctl(shared, 0, None)
    return SECRET in place.loot()


def _descriptors(folder: Path) -> bool:
    """A build reads what the worker has open and would hand to its own children."""
    place, secret = Workplace(folder), folder / "secret"
    secret.write_text(SECRET)
    with secret.open() as file:
        os.set_inheritable(file.fileno(), True)
        place.shell(f"cat /proc/self/fd/{file.fileno()} > loot")
    return SECRET in place.loot()


def _write_to(path: str) -> Removal:
    return Removal(ARGUMENTS, f'"--remount-ro", "{path}"', "*()")


_PANIC = "/proc/sys/kernel/panic_on_oops"
# A worker that is root could write a setting of the kernel: here the one that is there.
_kernel_settings = looting_shell(f"cat {_PANIC} > now && cat now > {_PANIC} && echo done > loot")
# Files in /dev and in / are in memory, where no limit counts them.
_devices = looting_shell("echo 1 > /dev/file && echo done > loot")
_root_folder = looting_shell("echo 1 > /run/file && echo done > loot")


def _tools(folder: Path) -> bool:
    """A build replaces a program that is shown to all builds."""
    place, tools = Workplace(folder), folder / "tools"
    tools.mkdir()
    place.shell(f"echo evil > {tools}/node", tools=(str(tools),))
    return (tools / "node").exists()


def _system_call(number: int) -> Callable[[Path], bool]:
    return looting_python(f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
result = libc.syscall({number}, 0, 0, 0, 0, 0)
open('loot', 'w').write('' if ctypes.get_errno() in (1, 38) else f'{{result}}')
""")


# Keys that the kernel keeps for the worker's user.
_keys = _system_call(_KEYCTL)
# A part of the kernel that keeps its own list of calls.
_kernel_ring = _system_call(_IO_URING_SETUP)
# Who traces processes gets round what they are forbidden.
_tracing = looting_python(
    "import ctypes\nopen('loot', 'w').write('' if ctypes.CDLL(None).ptrace(0, 0, 0, 0) else 'x')"
)
# In a user namespace of its own a build has every capability.
_own_namespace = looting_shell("unshare --user true && echo done > loot")
_own_namespace_by_clone = looting_python(
    "import ctypes, os\n"
    "pid = ctypes.CDLL(None).syscall(56, 0x10000011, 0, 0, 0, 0)\n"
    "if pid == 0: os._exit(0)\n"
    "open('loot', 'w').write('x' if pid > 0 else '')"
)
# The machine below this one is reached past every network namespace.
_machine_below = looting_python("import socket; socket.socket(40, 1); open('loot', 'w').write('x')")


def _linked_file(folder: Path) -> bool:
    """A build leaves a link in place of a file, so that the worker packages its own secret."""
    secret, source = folder / "secret", folder / "source"
    secret.write_text(SECRET)
    source.mkdir()
    (source / "app.py").symlink_to(secret)
    package = folder / "package.zip"
    try:
        zip_folder(source, package, "orders/src")
    except TiercelError:
        return False
    return package.exists()


def _linked_template(folder: Path) -> bool:
    """A build leaves a link in place of the template, so that the worker reads its own file."""
    shop = Workshop(Service(name="orders", path="orders"), folder / "root", folder, folder)
    (shop.source / "orders").mkdir(parents=True)
    (folder / "secret.yaml").write_text("Resources: {Queue: {Type: AWS::SQS::Queue}}")
    (shop.source / "orders" / "template.yaml").symlink_to(folder / "secret.yaml")
    try:
        return list(all_references(shop)) == []
    except TiercelError:
        return False


def _no_bubblewrap(folder: Path) -> bool:
    """A machine that cannot isolate runs the build all the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder))
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        try:
            return place_of(Builds()).name == "here"
        except TiercelError:
            return False


def _own_word(_: Path) -> bool:
    """A pull request gives its own build the network."""
    asked = Service(name="orders", path="orders", network=True)
    return asked.as_allowed_by(Service(name="orders", path="orders")).network


ATTACKS = (
    Attack(
        "a build reads the worker's environment", Kind.READ, "an environment of its own",
        (OWN_VARIABLES,),
        _environment, impossible=not_isolated,
    ),
    *(
        Attack(name, kind, "only what a build needs is there", (_MACHINE_SHOWN,), deed,
               impossible=not_isolated)
        for name, kind, deed in (
            ("a build reads the worker's home", Kind.READ, _home),
            ("a build poisons a mirror", Kind.WRITE, _mirror),
            ("a build changes its sibling", Kind.FORGE, _sibling),
            ("a build writes through a link of the repository", Kind.WRITE, _symlinked_cache),
            ("a build leaves files in temporary folders", Kind.OUTLIVE, _temporary_folder),
        )
    ),
    Attack("a build reads the arguments of processes", Kind.READ, "processes of its own",
           (OWN_PROCESSES,), _processes, impossible=not_isolated),
    Attack("a build signals the worker", Kind.ESCAPE, "processes of its own",
           (OWN_PROCESSES,), _signals, impossible=not_isolated),
    Attack(
        "a build leaves a process behind", Kind.OUTLIVE, "everything ends with the first process",
        ONE_END,
        _left_over, impossible=not_isolated,
    ),
    Attack("a build reads shared memory", Kind.READ, "System V memory of its own",
           (Removal(ARGUMENTS, '"--unshare-ipc", '),), _shared_memory, impossible=not_isolated),
    Attack(
        "a build reads the worker's descriptors", Kind.READ, "only the descriptors that are named",
        (Removal("tasks.engine.processes:run_command", "pass_fds=command.descriptors,",
                 "close_fds=False,"),
         Removal("tasks.build.isolated:_pipe", "    reading, writing = os.pipe()",
                 "    reading, writing = os.pipe()\n"
                 "    os.set_inheritable(reading, True)\n    os.set_inheritable(writing, True)"),
         Removal("tasks.build.isolated:_readable", "        yield file.fileno()",
                 "        os.set_inheritable(file.fileno(), True)\n        yield file.fileno()"),
         Removal("tasks.build.isolated:_proxied", "            yield inside.fileno()",
                 "            os.set_inheritable(inside.fileno(), True)\n"
                 "            yield inside.fileno()")),
        _descriptors, impossible=not_isolated,
    ),
    Attack("a build writes a setting of the kernel", Kind.ESCAPE, "a /proc to read",
           (_write_to("/proc"),), _kernel_settings, impossible=not_root),
    Attack("a build writes to /dev", Kind.WRITE, "a /dev to read", (_write_to("/dev"),), _devices,
           impossible=not_isolated),
    Attack("a build writes to /", Kind.WRITE, "a / to read", (_write_to("/"),), _root_folder,
           impossible=not_isolated),
    Attack(
        "a build replaces a tool", Kind.WRITE, "tools are there to read",
        (Removal(ARGUMENTS, 'for path in room.shown for part in ("--ro-bind"',
                 'for path in room.shown for part in ("--bind"'),),
        _tools, impossible=not_isolated,
    ),
    *(
        Attack(name, Kind.ESCAPE, "the list of calls", (Removal(_SYSTEM_CALLS, text, other),),
               deed, impossible=lambda: not_isolated() or ("" if _X86 else "numbers of x86_64"))
        for name, text, other, deed in (
            ("a build asks for keys", "if number is not None:",
             f"if number is not None and number != {_KEYCTL}:", _keys),
            ("a build traces a process", "if number is not None:",
             "if number is not None and number != 101:", _tracing),
            ("a build makes a ring of the kernel's", "(_UNKNOWN, unknown)", "({}, unknown)",
             _kernel_ring),
            ("a build makes a user namespace", "_checks().items():",
             "((n, c) for n, c in _checks().items() if n != 'unshare'):", _own_namespace),
            ("a build makes a user namespace by clone", "_checks().items():",
             "((n, c) for n, c in _checks().items() if n != 'clone'):", _own_namespace_by_clone),
            ("a build speaks to the hypervisor", "_checks().items():",
             "((n, c) for n, c in _checks().items() if n != 'socket'):", _machine_below),
        )
    ),
    Attack("a build leaves a link for packaging", Kind.READ, "links end in the package",
           (Removal("tasks.packaging.archive:_files", "not _exists_below(real, way[0])", "False"),),
           _linked_file),
    Attack(
        "a build leaves a link for the template", Kind.READ, "the template is in the source",
        (Removal("tasks.source.files:FolderFiles._leads_outside", "not Path", "False and Path"),),
        _linked_template,
    ),
    Attack("a machine without bubblewrap builds", Kind.ESCAPE, "no other place than the one named",
           (Removal("tasks.build.places:place_of", "in_sandbox() and "),), _no_bubblewrap),
    Attack(
        "a pull request asks for the network", Kind.REACH, "the base branch's word",
        (Removal("domain.organization.services:Service.as_allowed_by",
                 "base is not None and base.network", "self.network"),),
        _own_word,
    ),
)  # fmt: skip
