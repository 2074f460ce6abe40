"""The shipped units, run as systemd would: stopping, cancelling and restarting in mid-run."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_WORKER_QUERY_SECONDS, temporary_settings
from prefect.workers.process import ProcessJobConfiguration

from tests.support.one_machine import (
    DEPLOY,
    PROGRAMS,
    PUBLISH,
    OneMachine,
    chain,
    executions,
    one_machine,
    published,
)
from tests.support.services import INSTALLED, UNITS, Service, Unit
from tiercel.deployments.prefect_internals import EngineCommandStarter
from tiercel.deployments.worker.handing_over import starter_of
from tiercel.deployments.worker.warm_runs import WarmStarter
from tiercel.deployments.worker.worker import work
from tiercel.domain.organization.topology import Topology
from tiercel.sandbox.aws.journal import journal_size

AWAY_SECONDS = 3

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def machine(topology: Topology, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneMachine]:
    with one_machine(tmp_path_factory.mktemp("machine"), topology) as machine:
        yield machine


@dataclass
class Shifts:
    """The workers, one after the other: who is left by a test works for the next one."""

    machine: OneMachine
    present: Service | None = None

    def start(self, *arguments: str) -> Service:
        """Begin a new shift, whatever becomes of the one before."""
        self.present = self.machine.start_worker(*arguments)
        return self.present

    def alone(self, *arguments: str) -> Service:
        """Begin a new shift when nobody else works."""
        if self.present:
            self.present.kill()
        return self.start(*arguments)

    def working(self) -> Service:
        """Whoever works, or the first one who does."""
        return self.present or self.start("first")


@pytest.fixture(scope="module")
def shifts(machine: OneMachine) -> Shifts:
    return Shifts(machine)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_the_units_are_what_systemd_understands(tmp_path: Path) -> None:
    for unit in UNITS.glob("*.service"):
        text = unit.read_text().replace(INSTALLED, f"{PROGRAMS}/")
        (tmp_path / unit.name).write_text(text)
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.glob("*.service"))],
        capture_output=True,
        text=True,
        check=False,
    )
    # What a newer systemd knows, an older one passes over and says so.
    said = [line for line in checked.stderr.splitlines() if "'DelegateSubgroup'" not in line]
    assert (checked.returncode, said) == (0, [])


def test_the_server_writes_the_files_of_its_ui_where_it_may(machine: OneMachine) -> None:
    page, _ = machine.api.ui()
    assert "<title>Prefect" in page
    unit = Unit.read("tiercel-server@.service", "preprod")
    place = unit.environment["PREFECT_SERVER_UI_STATIC_DIRECTORY"]
    assert place.startswith(f"/var/lib/{unit.one('StateDirectory')}/")
    assert any((machine.folder / "server" / "ui").rglob("index.html"))


class BrokenWorker:
    """A worker whose server answers what nobody expects, after having been away."""

    name = "broken"
    limiter = SimpleNamespace(borrowed_tokens=0)

    def __init__(self) -> None:
        self.answers: list[Exception] = [httpx.ConnectError("away"), ValueError("nonsense")]

    async def __aenter__(self) -> BrokenWorker:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""

    async def sync_with_backend(self) -> None:
        """A heartbeat that goes well."""

    async def get_and_submit_flow_runs(self) -> None:
        raise self.answers.pop(0)


def test_a_worker_bears_a_server_that_is_away_and_ends_with_any_other_failure() -> None:
    broken: Any = BrokenWorker()
    with (
        temporary_settings({PREFECT_WORKER_QUERY_SECONDS: 0.01}),
        pytest.raises(ValueError, match="nonsense"),
    ):
        asyncio.run(work(broken, drain_seconds=1))
    assert broken.answers == []


@pytest.mark.parametrize(
    ("command", "starter"),
    [(None, WarmStarter), ("python -m prefect.engine", EngineCommandStarter)],
)
def test_a_run_is_a_fork_unless_a_command_is_installed_for_it(
    tmp_path: Path, command: str | None, starter: type
) -> None:
    configuration = ProcessJobConfiguration(command=command)
    configuration.prepare_for_flow_run(FlowRun(flow_id=uuid4()))
    context: Any = SimpleNamespace(control_channel=None)

    assert type(starter_of(configuration, tmp_path, context, "flows.mine")) is starter


def test_a_worker_that_is_stopped_lets_its_run_end_and_takes_no_other(
    machine: OneMachine, shifts: Shifts
) -> None:
    repository, commit = chain(machine, "drained", 1)
    stopping = shifts.alone("drains", "120")  # it ends with its run, however slow the machine is
    run = machine.api.start(PUBLISH, repository=repository, commit=commit, then_deploy=False)
    machine.api.await_state(run, {"Running"})
    stopping.tell_to_stop()
    second = machine.api.start(DEPLOY, repository=repository, commit=commit)

    assert stopping.await_end() == (0, 0)
    assert machine.api.states(run)[-1] == "Completed"
    assert machine.api.run(run)["run_count"] == 1
    assert machine.api.state(second) in {"Scheduled", "Late"}
    shifts.start("next")
    assert machine.api.await_state(second, {"Completed"}) == "Completed"


@pytest.mark.walks("credential-of-worker")
def test_a_run_that_does_not_end_in_time_is_handed_over_to_the_next_worker(
    machine: OneMachine, shifts: Shifts
) -> None:
    repository, commit = chain(machine, "handed", 4)
    stopping = shifts.working()
    published(machine, repository, commit)
    since = journal_size(machine.sandbox.journal)
    run = machine.api.start(DEPLOY, repository=repository, commit=commit)
    machine.api.await_log(run, "release 1 is live")
    began = time.monotonic()
    stopping.tell_to_stop()
    shifts.start("takes-over")

    assert stopping.await_end() == (0, 0)
    assert time.monotonic() - began < 60
    assert machine.api.await_state(run, {"Completed"}) == "Completed"
    assert "AwaitingRetry" in machine.api.states(run)
    assert "Crashed" not in machine.api.states(run)
    assert machine.api.run(run)["run_count"] == 2
    assert sorted(executions(machine, since).values()) == [1, 1, 1, 1]


@pytest.mark.walks("run-is-unwanted")
def test_a_run_that_is_cancelled_in_the_ui_can_be_run_again(
    machine: OneMachine, shifts: Shifts
) -> None:
    shifts.working()
    # Long enough that the end of the chain is still to come when the cancellation arrives.
    repository, commit = chain(machine, "cancelled", 5)
    published(machine, repository, commit)
    since = journal_size(machine.sandbox.journal)
    run = machine.api.start(DEPLOY, repository=repository, commit=commit)
    machine.api.await_log(run, "release 1 is live")
    machine.api.cancel(run)
    machine.api.await_state(run, {"Cancelled"})

    assert "AwaitingRetry" not in machine.api.states(run)
    prefix = "acme-preprod-cancelled-"
    left = {name: status for name, status in machine.releases().items() if prefix in name}
    assert left[f"{prefix}0"] == "succeeded"
    assert set(left.values()) <= {"succeeded", "open"}
    assert len(left) < 5 or "open" in left.values()

    again = machine.api.start(DEPLOY, repository=repository, commit=commit)
    assert machine.api.await_state(again, {"Completed"}) == "Completed"
    assert sorted(executions(machine, since).values()) == [1] * 5


@pytest.mark.walks("server-is-back")
def test_the_server_restarts_in_mid_run_and_nothing_is_lost(
    machine: OneMachine, shifts: Shifts
) -> None:
    shifts.working()
    repository, commit = chain(machine, "restarted", 3)
    published(machine, repository, commit)
    since = journal_size(machine.sandbox.journal)
    run = machine.api.start(DEPLOY, repository=repository, commit=commit)
    machine.api.await_log(run, "release 1 is live")
    code, killed = machine.server.stop()
    time.sleep(AWAY_SECONDS)
    machine.start_server()
    machine.api.await_answer()

    # A server that ends by the signal itself has ended well, for systemd too.
    assert (code, killed) == (-signal.SIGTERM, 0)
    assert machine.api.await_state(run, {"Completed"}) == "Completed"
    assert machine.api.run(run)["run_count"] == 1
    assert sorted(executions(machine, since).values()) == [1, 1, 1]
