"""The place `isolated`: on the worker's machine, in namespaces of its own, by bubblewrap."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import ssl
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from tiercel.domain.artifact.indexes import require_reachable
from tiercel.domain.organization.reach import Reach
from tiercel.domain.organization.topology import Builds
from tiercel.tasks.build.isolation.availability import bubblewrap
from tiercel.tasks.build.isolation.groups import delegated_group
from tiercel.tasks.build.isolation.introduction import Introduction
from tiercel.tasks.build.isolation.limits import NamespaceGuard
from tiercel.tasks.build.isolation.namespace import (
    HOME,
    TEMPORARY,
    Descriptors,
    Room,
    entry_command,
    namespace_arguments,
    own_files,
    visible_path,
)
from tiercel.tasks.build.isolation.proxy import BuildProxy
from tiercel.tasks.build.isolation.system_calls import system_call_filter
from tiercel.tasks.build.job import BuildJob, BuildStep, Place, announce_step
from tiercel.tasks.build.process import (
    MAX_FILE_BYTES,
    base_environment,
    command_failure,
    passed_environment,
)
from tiercel.tasks.engine.processes import Command, run_command
from tiercel.tasks.engine.task import run_logger

_AUTHORITY = "/run/tiercel/authorities.pem"
_TRUST_VARIABLES = (
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
)
_MOST_REFUSALS = 100
"""That are told: a build may ask for as many hosts as there are names."""
_LOOPBACK = "localhost,127.0.0.1,::1"


class Isolated(Place):
    """Runs commands where they find their source, the machine's programs and nothing else."""

    name = "isolated"
    holds = True

    def lacking(self, builds: Builds, programs: Iterable[str]) -> list[str]:
        """See Place."""
        path = _path(builds)
        return [name for name in programs if not shutil.which(name, path=path)]

    def build(self, job: BuildJob) -> None:
        """See Place."""
        _run_all(job, job.build)

    def test(self, job: BuildJob) -> None:
        """See Place."""
        if job.test:
            _run_all(job, job.test_setup)
            announce_step(job, job.test)
            _run(job, job.test)

    def inspect(self, job: BuildJob, step: BuildStep) -> None:
        """See Place."""
        _run(job, step)


def _run_all(job: BuildJob, steps: Sequence[BuildStep]) -> None:
    """Run commands one after another that may reach what [builds] lets them reach."""
    if not steps:
        return
    reach = Reach(indexes=job.builds.indexes, public=job.service.network)
    with tempfile.TemporaryDirectory(prefix="tiercel-authority-") as private:
        introduction = Introduction.read(job.builds.index_credentials, Path(private))
        for step in steps:
            require_reachable(step.need, reach, step.shown)
        for step in steps:
            announce_step(job, step)
            _run(job, step, (reach, introduction))


def _run(job: BuildJob, step: BuildStep, way_out: tuple[Reach, Introduction] | None = None) -> None:
    """Run one command; without a way out it has a network in which there is nothing."""
    builds, log = job.builds, job.scratch / "build.log"
    shown = (*map(Path, builds.tools), *step.tools)
    room = Room(job.root, job.scratch, step.folder, shown)
    room.create()
    files, environment = own_files(), _environment(job)
    refused: list[str] = []
    if way_out and (authority := way_out[1].authority):
        files[_AUTHORITY] = _system_authorities() + authority
        environment |= dict.fromkeys(_TRUST_VARIABLES, _AUTHORITY)
    with ExitStack() as stack:
        channel = stack.enter_context(_proxied(job, *way_out, refused)) if way_out else None
        calls = stack.enter_context(_readable(system_call_filter(platform.machine())))
        texts = {name: stack.enter_context(_readable(text)) for name, text in files.items()}
        info, told = _pipe(stack)
        wait, start = _pipe(stack)
        given = Descriptors(texts, calls, told.fileno(), wait.fileno())
        inherited = [*texts.values(), calls, given.told, given.start]
        entry = entry_command(channel) if channel else ()
        ended = run_command(
            Command(
                (*namespace_arguments(bubblewrap(), room, given), *entry, *step.command),
                job.root,
                environment,
                builds.timeout_seconds,
                output_bytes=MAX_FILE_BYTES,
                file_bytes=MAX_FILE_BYTES,
                descriptors=[*inherited, *([channel] if channel else [])],
            ),
            log,
            _guard(builds, room, info, start, (told, wait)),
        )
    if not ended.succeeded:
        raise command_failure(step.shown or " ".join(step.command), ended, log, refused)


def _guard(
    builds: Builds,
    room: Room,
    info: IO[bytes],
    start: IO[bytes],
    given: tuple[IO[bytes], IO[bytes]],
) -> NamespaceGuard:
    return NamespaceGuard(
        info,
        start,
        given,
        tuple(room.writable),
        memory_mib=builds.memory_mib,
        processes=builds.processes,
        disk_mib=builds.disk_mib,
        file_bytes=MAX_FILE_BYTES,
        above=_delegated(),
    )


def _delegated() -> Path | None:
    """Return the control group below which commands have theirs; None where there is none."""
    try:
        return delegated_group(Path("/proc/self/cgroup").read_text())
    except OSError:
        return None


def _environment(job: BuildJob) -> dict[str, str]:
    """Return the whole environment of an isolated command."""
    return {
        **passed_environment(job.builds),
        **base_environment(),
        "HOME": str(HOME),
        "NO_PROXY": _LOOPBACK,
        "PATH": _path(job.builds),
        "TMPDIR": str(TEMPORARY),
        "UV_CACHE_DIR": str(HOME / "uv-cache"),
        "no_proxy": _LOOPBACK,
    }


def _path(builds: Builds) -> str:
    path = base_environment()["PATH"].split(os.pathsep)
    return os.pathsep.join(visible_path(builds.tools, path))


def _pipe(stack: ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    """Open a pipe that is closed in the end: the side to read from, and that to write to."""
    reading, writing = os.pipe()
    return (
        stack.enter_context(os.fdopen(reading, "rb")),
        stack.enter_context(os.fdopen(writing, "wb")),
    )


@contextmanager
def _proxied(
    job: BuildJob, reach: Reach, introduction: Introduction, refused: list[str]
) -> Iterator[int]:
    """Serve a proxy as long as the command runs, and give the end of the channel for it.

    What it refuses is told in the log, each once, and added to `refused`.
    """

    def tell(what: str) -> None:
        if what not in refused and len(refused) < _MOST_REFUSALS:
            run_logger().warning("%s: the build may not reach %s", job.service.name, what)
            refused.append(what)

    proxy = BuildProxy(reach, introduction, tell)
    outside, inside = socket.socketpair()
    with inside:
        proxy.serve(outside)
        try:
            yield inside.fileno()
        finally:
            proxy.close()


@contextmanager
def _readable(text: bytes) -> Iterator[int]:
    """Give a descriptor from which a text is read."""
    with tempfile.TemporaryFile() as file:
        file.write(text)
        file.seek(0)
        yield file.fileno()


def _system_authorities() -> bytes:
    found = ssl.get_default_verify_paths().cafile
    return Path(found).read_bytes() + b"\n" if found else b""
