"""Cases on Prod's own machine: ten promotions wait, others go on, server and worker restart."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.chaos.frame import Case
from tests.chaos.service import queue_alone
from tests.chaos.waiting import production
from tests.chaos.world import Subject, World
from tests.support.approvals import sign
from tests.support.one_machine import OneMachine, one_machine
from tests.support.repositories import RepositoryMaker
from tests.support.services import Service
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.cli.terminal.session import leave_the_world
from tiercel.domain.organization.access import Records, orchestrator
from tiercel.flows.promote import promote_to_prod
from tiercel.tasks.records.promotion_plans import read_open_waits
from tiercel.tasks.source.topology_file import read_topology

_WAITING = 10
_PROMOTE, _FOLLOW, _BACK = (
    "promote-to-prod/promote-to-prod",
    "follow-github/follow-github-prod",
    "roll-back/roll-back-prod",
)
_ROUNDS = 3
SLOWER, NOISE_SECONDS = 1.5, 2.0
"""So much longer than alone a run may take: the worker looks for runs once a second."""
_PATIENCE_SECONDS = 120.0
_ACTIVE = ["PENDING", "RUNNING", "CANCELLING"]


@dataclass
class Ground:
    """Prod's machine, and the accounts as Preprod's and Prod's people see them."""

    machine: OneMachine
    home: World
    prod: World
    worker: Service
    moved: Subject
    """What is deployed and rolled back meanwhile; Prod has two releases of it."""
    waiting: list[Subject] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    """How long others took: before anything waited, and while ten did."""

    def verified(self, subject: Subject, delay: int = 1) -> str:
        commit = subject.repository.commit(queue_alone(subject.service, "", delay))
        self.home.work()
        self.home.publish(subject, commit)
        assert self.home.deploy(subject, commit)
        subject.repository.merge_into_main()
        return commit

    # What goes on

    def others_go_on(self) -> None:
        """Deploy to Preprod, and roll back in Prod, as its worker does it."""
        for _ in range(_ROUNDS):
            self._timed("deploy to Preprod", self._deploy)
            self._timed("roll back in Prod", self._roll_back)

    def _deploy(self) -> None:
        done = len(self.seconds.get("deploy to Preprod", ()))
        self.verified(self.moved, 10 + done)

    def _roll_back(self) -> None:
        api, done = self.machine.api, len(self.seconds.get("roll back in Prod", ()))
        run = api.start(_BACK, environment="prod", stack=self.moved.stack, release=1 + done % 2)
        api.await_state(run, {"Completed"})

    def _timed(self, what: str, deed: Callable[[], None]) -> None:
        began = time.monotonic()
        deed()
        self.seconds.setdefault(what, []).append(time.monotonic() - began)

    # What waits

    def ten_wait(self) -> None:
        """Nothing is held by what waits: others take as long as they do alone."""
        self.others_go_on()
        begun = len(self.worker.processes())
        commits = {one.name: self.verified(one) for one in self.waiting}
        api = self.machine.api
        runs = [api.start(_PROMOTE, repository=name, commit=sha) for name, sha in commits.items()]
        for run in runs:
            assert api.await_state(run, {"Waiting"}) == "Waiting"
        assert self._open() == set(commits)
        self._is_not_held(begun)
        self.others_go_on()
        self._is_not_held(begun)
        assert self._open() == set(commits)
        for what, seconds in self.seconds.items():
            alone, beside = min(seconds[:_ROUNDS]), min(seconds[_ROUNDS:])
            assert beside <= SLOWER * alone + NOISE_SECONDS, (what, seconds)

    def _is_not_held(self, processes: int) -> None:
        """No lease, no slot of Prefect's, no run and no process is there of what waits."""
        api, names = self.machine.api, self.prod.names
        leases = self.prod.keys("infrastructure", names.artifact_bucket, "leases/")
        assert not [one for one in leases if any(own.stack in one for own in self.waiting)]
        active = {"flow_runs": {"state": {"type": {"any_": _ACTIVE}}}}
        _becomes(lambda: len(self.worker.processes()) <= processes)
        _becomes(lambda: api.call("POST", "flow_runs/filter", active) == [])
        slots = api.call("POST", "v2/concurrency_limits/filter", {})
        assert [one["name"] for one in slots if one["active_slots"]] == []

    def _open(self) -> set[str]:
        self.prod.work()
        names = self.prod.names
        records = Records(orchestrator(names, "chaos"), names.artifact_bucket)
        return {one.waiting.repository for one in read_open_waits.fn(records).readable}

    def released(self, subject: Subject) -> None:
        """A word comes, Prod's own follow_github sees it, and the promotion is carried out."""
        self.prod.work()
        names, api = self.prod.names, self.machine.api
        records = Records(orchestrator(names, "chaos"), names.artifact_bucket)
        (found,) = [
            one
            for one in read_open_waits.fn(records).readable
            if one.waiting.repository == subject.name
        ]
        sign(names, found.plan.digest)
        api.await_state(api.start(_FOLLOW), {"Completed"})
        _becomes(lambda: subject.name not in self._open())
        stack = self.prod.stack(subject.stack)
        assert stack
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        assert len(self.prod.operations(subject)) == 1

    def server_restarts(self) -> None:
        self.machine.server.stop()
        self.machine.start_server()
        self.machine.api.await_answer()
        self.released(self.waiting[0])

    def worker_is_replaced(self) -> None:
        self.worker.stop()
        self.worker = self.machine.start_worker("next")
        self.released(self.waiting[1])
        assert len(self._open()) == _WAITING - 2


def _becomes(holds: Callable[[], bool]) -> None:
    """Wait for what a run that has ended leaves a moment later."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.2)


@contextmanager
def _ground(world: World, folder: Path) -> Iterator[Ground]:
    """A machine of Prod's own, in a sandbox of its own."""
    topology = read_topology(world.config)
    config = production(world, demanding=True).config
    with one_machine(folder, topology, "prod", config, latency_ms=0) as machine:
        maker = RepositoryMaker(machine.sandbox.state, folder / "repositories")
        home = replace(world, sandbox=machine.sandbox, maker=maker, _roots={})
        prod = production(home, demanding=True)
        names = ["moved", *(f"held-{number}" for number in range(_WAITING))]
        moved, *waiting = [Subject(one, prod.names.stack(one), maker.make(one)) for one in names]
        ground = Ground(machine, home, prod, machine.start_worker("first"), moved, waiting)
        for delay in (1, 2):
            commit = ground.verified(ground.moved, delay)
            production(home, demanding=False).work()
            run_flow(
                promote_to_prod,
                Output(quiet=True),
                repository=ground.moved.name,
                commit=commit,
            )
        yield ground


def while_ten_wait(world: World) -> Iterator[Case]:
    leave_the_world()  # the machine has a sandbox of its own
    try:
        with (
            tempfile.TemporaryDirectory(prefix="tiercel-machine-") as folder,
            _ground(world, Path(folder)) as ground,
        ):
            yield Case("ten promotions wait", ground.ten_wait)
            yield Case("the server restarts meanwhile", ground.server_restarts)
            yield Case("another worker takes over meanwhile", ground.worker_is_replaced)
    finally:
        world.work()
