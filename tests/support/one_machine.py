"""A machine with the shipped services, and the sandbox in place of AWS."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import templates
from tests.support.commands import ROOT, invoke_json
from tests.support.prefect_api import PrefectApi
from tests.support.repositories import RepositoryMaker
from tests.support.services import Service, Unit, private_environment
from tiercel.domain.organization.topology import Topology
from tiercel.sandbox import lifecycle
from tiercel.sandbox.aws.journal import read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.machine.prefect_database import copy_database
from tiercel.sandbox.machine.processes import bind

PROGRAMS = Path(sys.executable).parent
DEPLOY = "deploy-to-preprod/deploy-to-preprod"
PUBLISH = "publish-artifact/publish-artifact-preprod"
CREDENTIAL = ("tiercel", "secret")
DRAIN_SECONDS = "5"
LATENCY_MS = 250


@dataclass
class OneMachine:
    """A machine with the shipped services of one environment, and the sandbox in place of AWS."""

    folder: Path
    sandbox: Sandbox
    port: int
    api: PrefectApi
    name: str = "preprod"
    config: Path = ROOT / "tiercel.toml"
    server: Service = field(init=False)
    services: list[Service] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **self.sandbox.environ(self.name),
            **private_environment(self.folder, PROGRAMS),
            "TIERCEL_CONFIG": str(self.config),
            "GITHUB_SERVER_URL": (self.sandbox.state / "repositories").as_uri(),
            "GITHUB_TOKEN": "",
            "PREFECT_API_URL": self.api.url,
            "PREFECT_API_AUTH_STRING": ":".join(CREDENTIAL),
        }

    def start_server(self) -> None:
        unit = Unit.read("tiercel-server@.service", self.name)
        command = unit.command(PROGRAMS)
        command[command.index("${TIERCEL_SERVER_PORT}")] = str(self.port)
        home = self.folder / "server"
        home.mkdir(exist_ok=True)
        copy_database(home)
        environment = {
            **private_environment(self.folder, PROGRAMS),
            "PREFECT_HOME": str(home),
            "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "ui"),
            "PREFECT_SERVER_API_AUTH_STRING": ":".join(CREDENTIAL),
            # A run that waits for its turn asks again after this; 30 seconds unless told.
            "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
        }
        self.server = self._started(unit, "server", environment, command)

    def start_worker(self, name: str, drain_seconds: str = DRAIN_SECONDS) -> Service:
        unit = Unit.read("tiercel-worker@.service", self.name)
        command = unit.command(PROGRAMS)
        command[command.index("--drain-seconds") + 1] = drain_seconds
        return self._started(unit, name, self.environment, [*command, "--name", name])

    def _started(
        self, unit: Unit, name: str, environment: dict[str, str], command: list[str]
    ) -> Service:
        log = self.folder / f"{name}.log"
        service = Service.start(unit, log, environment, command=command)
        self.services.append(service)
        return service

    def close(self) -> None:
        for service in self.services:
            service.kill()

    def releases(self) -> dict[str, str]:
        """What became of the newest release of each stack, as `tiercel releases` says."""
        found = invoke_json("releases", self.name, **self.environment)
        newest: dict[str, str] = {}
        for release in found:
            newest.setdefault(release["stack"], release["status"])
        return newest


@contextmanager
def one_machine(
    folder: Path,
    topology: Topology,
    name: str = "preprod",
    config: Path = ROOT / "tiercel.toml",
    latency_ms: int = LATENCY_MS,
) -> Iterator[OneMachine]:
    """Start an environment's server with its deployments, and no worker yet."""
    sandbox = lifecycle.up(folder / "sandbox", topology, prefect=False, latency_ms=latency_ms)
    with bind(0) as probe:
        port = int(probe.getsockname()[1])
    api = PrefectApi(f"http://127.0.0.1:{port}/api", CREDENTIAL)
    machine = OneMachine(folder, sandbox, port, api, name, config)
    try:
        machine.start_server()
        api.await_answer()
        invoke_json("up", **machine.environment)
        yield machine
    finally:
        machine.close()
        lifecycle.down(sandbox.state)


def chain(machine: OneMachine, name: str, length: int) -> tuple[str, str]:
    """Make a repository whose services are deployed one after the other, and a commit."""
    maker = RepositoryMaker(machine.sandbox.state, machine.folder / "repositories")
    repository = maker.make(name)
    names = [f"{name}-{place}" for place in range(length)]
    tables = {
        name: f'depends_on = ["{names[place - 1]}"]' if place else ""
        for place, name in enumerate(names)
    }
    files = {
        f"{name}/template.json": templates.queue(f"Name{place}") for place, name in enumerate(names)
    }
    return repository.name, repository.commit(
        {"tiercel.toml": templates.services(**tables), **files}
    )


def executions(machine: OneMachine, since: int) -> Counter[str]:
    """How often each stack's change set was executed with success."""
    return Counter(
        entry.resource
        for entry in read_journal(machine.sandbox.journal, since)
        if entry.operation == "ExecuteChangeSet" and entry.error_code is None
    )


def published(machine: OneMachine, repository: str, commit: str) -> None:
    run = machine.api.start(PUBLISH, repository=repository, commit=commit, then_deploy=False)
    assert machine.api.await_state(run, {"Completed"}) == "Completed"
