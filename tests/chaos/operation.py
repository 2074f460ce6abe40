"""Row: Prefect's server and its workers are restarted and killed in the middle of a deploy."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.chaos.frame import Case, Row, Size
from tests.chaos.world import World
from tests.support.commands import ROOT
from tests.support.one_machine import (
    DEPLOY,
    OneMachine,
    chain,
    executions,
    one_machine,
    published,
)
from tests.support.services import Service
from tiercel.cli.terminal.session import leave_the_world
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.organization.topology import Topology
from tiercel.sandbox.aws.journal import journal_size

_ROUNDS = 1
_STACKS = 3
_CRASHED_SECONDS = 120.0

Harm = Callable[[OneMachine, Service, str], str]
"""Does harm to a machine whose worker executes a run; returns the run that has to succeed."""


def _server_restarts(machine: OneMachine, _: Service, run: str) -> str:
    machine.server.stop()
    machine.start_server()
    machine.api.await_answer()
    return run


def _worker_is_stopped(machine: OneMachine, worker: Service, run: str) -> str:
    """Systemd would start the next worker at once."""
    worker.tell_to_stop()
    machine.start_worker(f"{worker.log.stem}-next")
    worker.await_end()
    return run


def _worker_is_killed(machine: OneMachine, worker: Service, run: str) -> str:
    """With everything that it started: nobody is left who could tell the server."""
    repository, commit = (machine.api.run(run)["parameters"][k] for k in ("repository", "commit"))
    worker.kill()
    machine.start_worker(f"{worker.log.stem}-next")
    machine.api.await_state(run, {"Crashed"}, _CRASHED_SECONDS)
    return machine.api.start(DEPLOY, repository=repository, commit=commit)


HARMS: dict[str, Harm] = {
    "server restarted": _server_restarts,
    "worker stopped with SIGTERM": _worker_is_stopped,
    "worker killed with SIGKILL": _worker_is_killed,
}


def _survives(machine: OneMachine, harm: Harm, name: str) -> None:
    repository, commit = chain(machine, name, _STACKS)
    worker = machine.start_worker(name)
    try:
        published(machine, repository, commit)
        since = journal_size(machine.sandbox.journal)
        run = machine.api.start(DEPLOY, repository=repository, commit=commit)
        machine.api.await_log(run, "release 1 is live")
        last = harm(machine, worker, run)
        assert machine.api.await_state(last, {"Completed"}) == "Completed"
        assert list(executions(machine, since).values()) == [1] * _STACKS
    finally:
        for service in machine.services:
            if service is not machine.server:
                service.kill()


def _cases(world: World, size: Size) -> Iterator[Case]:
    topology = parse_topology((ROOT / "tiercel.toml").read_text())
    leave_the_world()  # the machine has a sandbox of its own
    try:
        yield from _on_a_machine(topology, size)
    finally:
        world.work()


def _on_a_machine(topology: Topology, size: Size) -> Iterator[Case]:
    with (
        tempfile.TemporaryDirectory(prefix="tiercel-machine-") as folder,
        one_machine(Path(folder), topology) as machine,
    ):
        for number in range(size.number(_ROUNDS, 1)):
            for index, (what, harm) in enumerate(HARMS.items()):
                name = f"harm-{number}-{index}"
                yield Case(f"{what}, round {number + 1}", partial(_survives, machine, harm, name))


ROW = Row(
    key="operation",
    title="Prefect server restarted, worker SIGKILLed, worker SIGTERMed mid-deploy",
    target="resumed, or marked crashed within 2 minutes and then resumable",
    measured="The shipped units of server and worker run as systemd would run them, against a "
    "sandbox with latency. A run deploys three stacks one after the other. When the first is live, "
    "the server is restarted, or the worker gets SIGTERM, or the worker and all that it started "
    "get SIGKILL. The same run has to end well, or to be marked crashed within two minutes, and "
    "then another one has to. Every change set is executed once.",
    not_shown="A machine that is lost with its disk: Prefect's database needs a backup of its own. "
    "AWS and the ledger are the truth for releases.",
    cases=_cases,
    sampled=False,
)
