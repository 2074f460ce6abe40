"""The production shape on one machine: PostgreSQL, Redis, a server for each environment.

Each environment has a server of two API processes and one for the background services, and
two workers.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import templates
from tests.support.commands import invoke_json
from tests.support.databases import (
    free_port,
    postgresql,
    postgresql_programs,
    redis,
    redis_program,
)
from tests.support.prefect_api import PrefectApi
from tests.support.repositories import RepositoryMaker
from tests.support.services import Service, Unit, private_environment
from tiercel.domain.organization.topology import Topology
from tiercel.sandbox import lifecycle
from tiercel.sandbox.aws.journal import read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.people import Team

PROGRAMS = Path(sys.executable).parent
POSTGRESQL = postgresql_programs()
REDIS = redis_program()

pytestmark = [
    pytest.mark.timeout(1200),
    pytest.mark.skipif(POSTGRESQL is None, reason="PostgreSQL 15 or newer is not installed"),
    pytest.mark.skipif(REDIS is None, reason="Redis is not installed"),
]

ECS = Path(__file__).parents[2] / "deployments" / "ecs"
CREDENTIAL = ("tiercel", "secret")
REPOSITORIES = ("alpha", "beta")
DEPLOYMENTS = {
    "preprod": "deploy-to-preprod/deploy-to-preprod",
    "prod": "promote-to-prod/promote-to-prod",
}


@dataclass
class Production:
    """Two API servers over one database, and the sandbox in place of AWS and GitHub."""

    sandbox: Sandbox
    folder: Path
    apis: tuple[PrefectApi, PrefectApi]
    teams: dict[str, Team]

    def twice(self, deployment: str, **parameters: Any) -> str:
        """Announce the same thing to both servers at once; return the id of the one run."""
        key = f"{deployment} {sorted(parameters.items())}"
        with ThreadPoolExecutor() as pool:
            answers = pool.map(lambda api: api.start(deployment, key, **parameters), self.apis)
            runs: set[str] = set(answers)
        assert len(runs) == 1
        return runs.pop()

    def completed(self, run: str) -> None:
        assert self.apis[0].await_state(run, {"Completed"}) == "Completed"

    def runs_of(self, deployment: str) -> list[dict[str, Any]]:
        body = {"deployments": {"name": {"any_": [deployment.partition("/")[2]]}}}
        found: list[dict[str, Any]] = self.apis[1].call("POST", "flow_runs/filter", body)
        flow = self.apis[1].call("GET", f"deployments/name/{deployment}")["flow_id"]
        return [one for one in found if one["flow_id"] == flow]


@pytest.fixture(scope="module")
def production(
    topology: Topology, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Production]:
    folder = tmp_path_factory.mktemp("production")
    with ExitStack() as stack:
        sandbox = lifecycle.up(folder / "sandbox", topology, prefect=False, latency_ms=20)
        stack.callback(lifecycle.down, sandbox.state)
        assert POSTGRESQL
        assert REDIS
        database = stack.enter_context(postgresql(POSTGRESQL))
        broker = stack.enter_context(redis(REDIS))
        secrets = {
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
            "PREFECT_REDIS_MESSAGING_URL": broker,
            "PREFECT_REDIS_WORKER_CLEANUP_QUEUE_URL": broker,
            "PREFECT_SERVER_DOCKET_URL": broker,
            "PREFECT_SERVER_API_AUTH_STRING": ":".join(CREDENTIAL),
        }
        once = start_task("server-migration", folder, secrets)
        assert once.wait(120) == 0, (folder / "server-migration.log").read_text()
        stack.callback(end, start_task("server-services", folder, secrets))
        # One after the other, as running.md says: the first one fills an empty database.
        apis = []
        for name in ("api-1", "api-2"):
            port = free_port()
            process = start_task("server-api", folder, secrets, name=name, port=port)
            stack.callback(end, process)
            apis.append(PrefectApi(f"http://127.0.0.1:{port}/api", CREDENTIAL))
            apis[-1].await_answer()
        environments = {
            (environment, place): worker_environment(sandbox, folder, environment, api)
            for environment in DEPLOYMENTS
            for place, api in enumerate(apis)
        }
        invoke_json("up", **environments["preprod", 0])
        for (environment, place), variables in environments.items():
            service = start_worker(folder, environment, f"{environment}-{place}", variables)
            stack.callback(service.kill)
        yield Production(
            sandbox,
            folder,
            (apis[0], apis[1]),
            {name: team_of(sandbox, folder, name) for name in REPOSITORIES},
        )


def start_task(
    definition: str,
    folder: Path,
    secrets: dict[str, str],
    *,
    name: str = "",
    port: int = 0,
) -> subprocess.Popen[bytes]:
    """Start what a shipped ECS task definition starts, with its settings and secrets."""
    container = json.loads((ECS / f"{definition}.json").read_text())["containerDefinitions"][0]
    program, *arguments = container["command"]
    changed = {"0.0.0.0": "127.0.0.1", "4200": str(port)}  # noqa: S104 - it is replaced
    environment = {
        **private_environment(folder, PROGRAMS),
        **{one["name"]: one["value"] for one in container["environment"]},
        **{one["name"]: secrets[one["name"]] for one in container["secrets"]},
        # A run that waits for its turn asks again after this; 30 seconds unless told.
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
        "PREFECT_HOME": str(folder / (name or definition)),
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(folder / (name or definition) / "ui"),
        "PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{port}/api",
    }
    with (folder / f"{name or definition}.log").open("ab") as log:
        return subprocess.Popen(
            [str(PROGRAMS / program), *(changed.get(one, one) for one in arguments)],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def worker_environment(
    sandbox: Sandbox, folder: Path, environment: str, api: PrefectApi
) -> dict[str, str]:
    return {
        **sandbox.environ(environment),
        **private_environment(folder, PROGRAMS),
        "TIERCEL_CACHE_DIR": str(folder / f"cache-{environment}"),
        "PREFECT_API_URL": api.url,
        "PREFECT_API_AUTH_STRING": ":".join(CREDENTIAL),
    }


def start_worker(folder: Path, environment: str, name: str, variables: dict[str, str]) -> Service:
    unit = Unit.read("tiercel-worker@.service", environment)
    command = [*unit.command(PROGRAMS), "--name", name]
    return Service.start(unit, folder / f"{name}.log", variables, command=command)


def team_of(sandbox: Sandbox, folder: Path, name: str) -> Team:
    """A repository on GitHub with two services, and the people who work on it."""
    repository = RepositoryMaker(sandbox.state, folder / "repositories").make(name)
    repository.commit(files_of(name, 1))
    repository.merge_into_main()
    assert sandbox.github
    owner, _, short = repository.name.partition("/")
    sandbox.github.control("POST", "/repositories", owner=owner, name=short)
    team = Team(sandbox.github, repository.name, folder / f"team-{name}")
    team.clone()
    return team


def files_of(name: str, delay: int) -> dict[str, str]:
    first, second = f"{name}-one", f"{name}-two"
    return {
        "tiercel.toml": templates.services(**{first: "", second: f'depends_on = ["{first}"]'}),
        f"{first}/template.json": templates.queue("One", DelaySeconds=delay),
        f"{second}/template.json": templates.queue("Two", DelaySeconds=delay),
    }


def test_each_api_server_serves_the_ui_and_tells_it_where_the_api_is(
    production: Production,
) -> None:
    for api in production.apis:
        page, address = api.ui()
        assert "<title>Prefect" in page
        assert address == api.url


def test_the_lifecycle_changes_every_stack_once_whoever_announces_it_twice(
    production: Production,
) -> None:
    pulls = {}
    for name, team in production.teams.items():
        head = team.push("feature/delay", "develop", files_of(name, 2), "Delay longer")
        pulls[name] = team.open("feature/delay", "develop", "Delay longer"), head
    verified = [
        production.twice(
            "verify-pull-request/verify-pull-request-preprod",
            repository=production.teams[name].repository,
            number=number,
            commit=head,
        )
        for name, (number, head) in pulls.items()
    ]
    for run in verified:
        production.completed(run)

    merged = {
        name: production.teams[name].approve_and_merge(number)
        for name, (number, _) in pulls.items()
    }
    published = [
        production.twice(
            "publish-artifact/publish-artifact-preprod",
            repository=production.teams[name].repository,
            commit=commit,
        )
        for name, commit in merged.items()
    ]
    for run in published:
        production.completed(run)
    deployed = production.runs_of(DEPLOYMENTS["preprod"])
    assert sorted(one["parameters"]["commit"] for one in deployed) == sorted(merged.values())
    for one in deployed:
        production.completed(one["id"])

    released = {name: release(production.teams[name]) for name in merged}
    promoted = [
        production.twice(
            DEPLOYMENTS["prod"], repository=production.teams[name].repository, commit=commit
        )
        for name, commit in released.items()
    ]
    for run in promoted:
        production.completed(run)

    stacks = {
        f"acme-{environment}-{name}-{place}"
        for environment in DEPLOYMENTS
        for name in REPOSITORIES
        for place in ("one", "two")
    }
    for operation in ("CreateChangeSet", "ExecuteChangeSet"):
        assert done(production.sandbox, operation) == dict.fromkeys(stacks, 1), operation


def release(team: Team) -> str:
    team.push("release/1.0.0", "develop", {"CHANGELOG.md": "1.0.0"}, "Release 1.0.0")
    return team.approve_and_merge(team.open("release/1.0.0", "main", "Release 1.0.0"))


def done(sandbox: Sandbox, operation: str) -> Counter[str]:
    """How often each stack got this call with success."""
    return Counter(
        entry.resource.split("/")[1]
        for entry in read_journal(sandbox.journal)
        if entry.operation == operation and entry.error_code is None
    )
