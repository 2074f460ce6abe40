"""Where benchmarks run: sandboxes of their own, and this process pointed at one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.report import ROOT
from tiercel.cli.terminal.session import quiet_prefect, use_sandbox
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.organization.topology import Topology
from tiercel.sandbox import lifecycle
from tiercel.sandbox.github.http.client import RunningGithub
from tiercel.sandbox.lifecycle import Sandbox

CONFIG = ROOT / "tiercel.toml"
_EVER = 1_000_000


def topology() -> Topology:
    """Return the example configuration, which the sandboxes have."""
    return parse_topology(CONFIG.read_text(encoding="utf-8"))


@contextmanager
def working_folder() -> Iterator[Path]:
    """Give a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tiercel-benchmark-") as folder:
        yield Path(folder)


@contextmanager
def sandbox(
    state: Path,
    *,
    latency_ms: int = 0,
    github_ms: int = 0,
    stack_seconds: float = 0,
    prefect: bool = True,
) -> Iterator[Sandbox]:
    """Run a sandbox in a folder, as slow as asked for, and stop it afterwards."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]  # those of another sandbox
    running = lifecycle.up(
        state, topology(), latency_ms=latency_ms, stack_seconds=stack_seconds, prefect=prefect
    )
    try:
        slow_github(github_of(running), github_ms)
        yield running
    finally:
        lifecycle.down(state)


def slow_github(github: RunningGithub, milliseconds: int) -> None:
    """Let every request to GitHub, git's too, take so much longer."""
    github.control("DELETE", "/faults")
    if milliseconds:
        github.control("POST", "/faults", kind="latency", times=_EVER, latency_ms=milliseconds)


def github_of(running: Sandbox) -> RunningGithub:
    """Return the sandbox's GitHub; ValueError if it has none."""
    if running.github is None:
        raise ValueError("the sandbox has no GitHub")
    return running.github


def work_in(running: Sandbox, environment: str = "preprod") -> None:
    """Point this process at a sandbox as an environment's operator, with no client kept.

    The first sandbox of a process has to have a Prefect server: Prefect reads its address
    when it is imported, and all later runs are recorded there.
    """
    quiet_prefect()
    server = os.environ.get("PREFECT_API_URL", "")
    use_sandbox(running.state, CONFIG, environment)
    if server:
        os.environ["PREFECT_API_URL"] = server
    forget()


def forget() -> None:
    """Close the clients of AWS and GitHub, as if the process were new."""
    from tiercel.tasks.aws.clients import forget_clients  # noqa: PLC0415 - imports Prefect
    from tiercel.tasks.github.transport.client import forget_github  # noqa: PLC0415

    forget_clients()
    forget_github()
