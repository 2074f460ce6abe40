"""Runs through workers: from the form, from the command, and after a worker was killed.

One sandbox serves the whole module. A deploy is killed first, so that everything else happens
while its death is being noticed.
"""

from __future__ import annotations

import json
import re
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.support.commands import (
    ROOT,
    data_in,
    document_in,
    fork,
    fork_json,
    invoke,
    invoke_json,
    run_fork,
    run_json,
)
from tests.support.patience import PATIENCE_SECONDS
from tests.support.prefect_api import PrefectApi
from tests.support.repositories import RepositoryMaker
from tests.support.templates import queue, services
from tiercel.domain.base.errors import ExitCode
from tiercel.domain.organization.topology import Topology
from tiercel.sandbox import lifecycle
from tiercel.sandbox.aws.journal import CallKind, journal_size, read_journal
from tiercel.sandbox.machine.layout import Layout
from tiercel.sandbox.machine.record import read_record
from tiercel.sandbox.people import Team
from tiercel.sandbox.workers import running_workers, start_workers

pytestmark = pytest.mark.timeout(1200)

VERIFY = "verify-pull-request/verify-pull-request-preprod"
PUBLISH = "publish-artifact/publish-artifact-preprod"
DEPLOY = "deploy-to-preprod/deploy-to-preprod"
PROMOTE = "promote-to-prod/promote-to-prod"
ROLL_BACK = "roll-back/roll-back-preprod"
CHECK = "check-environment/check-environment-preprod"
REPOSITORY = "acme/worked"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
COMPLETED = ("Completed",)
NOTICED_WITHIN = timedelta(minutes=2)


@dataclass
class Dead:
    """A deploy whose worker and process were killed, and when; and the same deploy again."""

    run: str
    killed: datetime
    again: str


@dataclass
class World:
    state: Path
    api: PrefectApi
    team: Team
    commit: str
    notifications: list[str]
    dead: Dead
    listening_since: datetime | None = None

    @property
    def journal(self) -> Path:
        return Layout(self.state).journal

    def in_sandbox(self) -> list[str]:
        return ["--sandbox", "--state", str(self.state)]

    def server(self) -> dict[str, str]:
        """For a process in which Prefect was imported before it could ask the sandbox."""
        return {"PREFECT_API_URL": self.api.url}

    def calls_since(self, offset: int) -> list[str]:
        return [
            entry.operation
            for entry in read_journal(self.journal, offset)
            if entry.kind is not CallKind.ADMIN
        ]

    def calls_in_prod_since(self, offset: int, topology: Topology) -> list[str]:
        prod = topology.environment("prod")
        accounts = {prod.infrastructure_account, prod.runtime_account}
        entries = read_journal(self.journal, offset)
        return [entry.operation for entry in entries if entry.account in accounts]


@pytest.fixture(scope="module")
def inbox() -> Iterator[tuple[str, list[str]]]:
    """Somebody who wants to hear of failed runs: an address, and what arrived there."""
    received: list[str] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", received
        server.shutdown()


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, inbox: tuple[str, list[str]]
) -> Iterator[World]:
    state = tmp_path_factory.mktemp("workers") / "state"
    try:
        shown = run_json("sandbox", "up", "--workers", "--state", str(state))
        api = PrefectApi(shown["environment"]["PREFECT_API_URL"])
        team, commit = _repository(state, tmp_path_factory.mktemp("repository"))
        with temporary_settings({PREFECT_API_URL: api.url}):
            CustomWebhookNotificationBlock(
                name="releases", url=inbox[0], json_data={"text": "{{subject}}\n{{body}}"}
            ).save("releases", _sync=True)  # type: ignore[call-arg]
        published = api.start(PUBLISH, repository=REPOSITORY, commit=commit, then_deploy=False)
        api.await_state(published, COMPLETED)
        dead = _killed_deploy(state, api, commit)
        start_workers(state, ROOT / "tiercel.toml", ["preprod", "prod"])
        yield World(state, api, team, commit, inbox[1], dead)
    finally:
        lifecycle.down(state)


def _repository(state: Path, folder: Path) -> tuple[Team, str]:
    repository = RepositoryMaker(state, folder).make(REPOSITORY.partition("/")[2])
    repository.commit({"tiercel.toml": services(inbox=""), "inbox/template.json": queue()})
    commit = repository.merge_into_main()
    sandbox = lifecycle.status(state)
    assert sandbox
    assert sandbox.github
    owner, _, name = REPOSITORY.partition("/")
    sandbox.github.control("POST", "/repositories", owner=owner, name=name)
    team = Team(sandbox.github, REPOSITORY, folder / "team")
    team.clone()
    return team, commit


def _killed_deploy(state: Path, api: PrefectApi, commit: str) -> Dead:
    """Kill a deploy in the middle, and its worker before it can tell anybody."""
    journal = Layout(state).journal
    offset = journal_size(journal)
    run_id = api.start(DEPLOY, repository=REPOSITORY, commit=commit)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not any(one.operation == "CreateChangeSet" for one in read_journal(journal, offset)):
        assert time.monotonic() < deadline, api.log(run_id)
        time.sleep(0.005)
    worker = read_record(Layout(state)).workers["preprod"].process.find()
    assert worker
    runs = worker.children(recursive=True)
    for process in (worker, *runs):
        process.kill()
    assert runs, "the worker had no run"
    killed = datetime.now(UTC)
    return Dead(run_id, killed, api.start(DEPLOY, repository=REPOSITORY, commit=commit))


@pytest.mark.parametrize(
    ("deployment", "values", "field"),
    [
        (PUBLISH, {"repository": "shop", "commit": "develop"}, "repository"),
        (DEPLOY, {"repository": REPOSITORY, "commit": "--upload-pack=x"}, "commit"),
        (DEPLOY, {"repository": REPOSITORY}, "commit"),
        (PROMOTE, {"repository": REPOSITORY, "commit": "main", "approved": True}, "approved"),
        (VERIFY, {"repository": REPOSITORY, "number": 0, "commit": COMMIT}, "number"),
        (VERIFY, {"repository": REPOSITORY, "number": 1, "commit": "develop"}, "commit"),
    ],
)
def test_form_and_api_refuse_wrong_parameters_by_name_and_nothing_is_called(
    world: World, deployment: str, values: dict[str, Any], field: str
) -> None:
    before = journal_size(world.journal)

    judged = world.api.form(deployment, **values)
    assert judged["valid"] is False
    assert field in json.dumps(judged["errors"])
    with pytest.raises(httpx.HTTPStatusError) as refused:
        world.api.start(deployment, **values)
    assert refused.value.response.status_code == 409
    assert field in refused.value.response.text

    assert world.calls_since(before) == []


@pytest.mark.walks("server-is-back")
def test_tiercel_up_again_leaves_everything_and_adds_the_one_who_wants_to_hear(
    world: World,
) -> None:
    shown = invoke_json("up", "--notify", "custom-webhook/releases", PREFECT_API_URL=world.api.url)
    world.listening_since = datetime.now(UTC)

    changes = {one["name"]: one["what"] for one in shown["changes"]}
    assert changes.pop("tiercel: notify of failed runs") == "created"
    assert changes.pop("tiercel: notify of environments that end soon") == "created"
    for what in ("promotions that wait", "rollbacks", "drift", "missed drills"):
        assert changes.pop(f"tiercel: notify of {what}") == "created"
    assert set(changes.values()) == {"unchanged"}
    assert {VERIFY, PUBLISH, DEPLOY, PROMOTE, "preprod", "prod"} <= set(changes)
    assert [one["slug"] for one in shown["schedules"] if one["active"]] == ["reaper"]


def test_parameters_that_came_past_the_form_fail_before_any_task_and_somebody_is_told(
    world: World, topology: Topology
) -> None:
    before = journal_size(world.journal)
    deployment = world.api.call("GET", f"deployments/name/{PROMOTE}")["id"]
    body = {
        "parameters": {"repository": "../shop", "commit": "main"},
        "enforce_parameter_schema": False,
    }
    run_id = world.api.call("POST", f"deployments/{deployment}/create_flow_run", body)["id"]

    world.api.await_state(run_id, ("Failed",))
    message = world.api.run(run_id)["state"]["message"]
    assert "RefusedInputError: '../shop' is not the name of a repository" in message
    assert "do: give owner/name, as in acme/shop" in message
    wanted = {"flow_runs": {"id": {"any_": [run_id]}}}
    assert world.api.call("POST", "task_runs/count", wanted) == 0
    # Meanwhile Preprod's worker may be at the deploy that waited for the dead one.
    assert world.calls_in_prod_since(before, topology) == []
    _await(lambda: any("../shop" in text for text in world.notifications))


def test_a_pull_request_is_verified_through_a_worker_and_followed_by_the_command(
    world: World,
) -> None:
    files = {"inbox/template.json": queue(DelaySeconds=1)}
    head = world.team.push("feature/delay", "develop", files, "Wait a second")
    number = world.team.open("feature/delay", "develop", "Wait a second")

    code, output, progress = run_fork(
        "verify", REPOSITORY, str(number), head, *world.in_sandbox(), "--json", **world.server()
    )

    assert code == 0, progress
    shown = data_in(output)
    assert shown["run"]["state"] == "Completed"
    assert shown["run"]["id"] in shown["run"]["url"]
    assert re.findall(r": (Pending|Running|Completed)\n", progress) == [
        "Pending",
        "Running",
        "Completed",
    ]
    assert world.api.form(VERIFY, repository=REPOSITORY, number=number, commit=head)["valid"]


def test_a_run_that_fails_ends_the_command_with_its_own_exit_code_and_remedy(world: World) -> None:
    code, output, _ = run_fork(
        "publish", REPOSITORY, "nosuch", *world.in_sandbox(), "--json", **world.server()
    )

    shown = document_in(output)
    assert code == ExitCode.REFUSED
    assert shown["data"]["run"]["state"] == "Failed"
    assert shown["error"]["what"] == f"there is no commit 'nosuch' in {REPOSITORY}"
    assert shown["error"]["remedy"] == "push it, or check the spelling"


@pytest.mark.walks("a-run-hangs", "run-at-work")
def test_ctrl_c_ends_the_following_and_not_the_run(world: World) -> None:
    command = fork("publish", REPOSITORY, world.commit, *world.in_sandbox(), **world.server())
    assert command.stderr
    link = command.stderr.readline()
    found = re.search(r"/flow-run/([0-9a-f-]{36})", link)
    assert found, link
    command.send_signal(signal.SIGINT)
    _, errors = command.communicate(timeout=PATIENCE_SECONDS)

    assert command.returncode == ExitCode.INTERRUPTED
    assert "the run goes on" in errors
    unwrapped = "".join(errors.replace("│", "").split())
    assert f"prefectflow-runcancel{found[1]}" in unwrapped
    world.api.await_state(found[1], COMPLETED)


@pytest.mark.walks("run-is-dead")
def test_a_deploy_killed_with_its_worker_is_marked_crashed_in_time_and_the_next_one_completes(
    world: World,
) -> None:
    dead = world.dead
    world.api.await_state(dead.run, ("Crashed",), seconds=NOTICED_WITHIN.total_seconds())
    state = world.api.run(dead.run)["state"]
    noticed = datetime.fromisoformat(state["timestamp"])
    assert noticed - dead.killed < NOTICED_WITHIN
    assert "Run it again with the same parameters" in state["message"]
    # On a slow machine it was noticed before anybody had asked to hear of it.
    if world.listening_since and noticed > world.listening_since:
        _await(lambda: any("Crashed" in text for text in world.notifications))

    world.api.await_state(dead.again, COMPLETED)
    # One writer: as long as nobody knew that the first one was dead, the next one waited.
    assert "AwaitingConcurrencySlot" in world.api.states(dead.again)

    history = invoke_json("releases", "preprod", *world.in_sandbox())
    assert [(one["service"], one["release"], one["status"]) for one in history] == [
        ("inbox", 1, "succeeded")
    ]


def test_what_preprod_verified_is_promoted_by_the_worker_of_prod(
    world: World, topology: Topology
) -> None:
    before = journal_size(world.journal)

    shown = fork_json("promote", REPOSITORY, "main", *world.in_sandbox(), **world.server())

    assert shown["run"]["state"] == "Completed"
    assert "inbox" in shown["artifacts"][-1]["data"]
    assert "ExecuteChangeSet" in world.calls_in_prod_since(before, topology)
    assert world.api.run(shown["run"]["id"])["work_pool_name"] == "prod"


def test_a_stack_is_rolled_back_through_a_worker(world: World) -> None:
    files = {"inbox/template.json": queue(DelaySeconds=2)}
    world.team.push("feature/longer", "develop", files, "Wait longer")
    number = world.team.open("feature/longer", "develop", "Wait longer")
    second = world.team.approve_and_merge(number)
    built = world.api.start(PUBLISH, repository=REPOSITORY, commit=second, then_deploy=False)
    world.api.await_state(built, COMPLETED)
    deployed = world.api.start(DEPLOY, repository=REPOSITORY, commit=second)
    world.api.await_state(deployed, COMPLETED)
    wanted: dict[str, Any] = {
        "environment": "preprod",
        "stack": "acme-preprod-inbox",
        "release": 1,
    }
    assert world.api.form(ROLL_BACK, **wanted)["valid"]

    back = world.api.start(ROLL_BACK, **wanted)
    world.api.await_state(back, COMPLETED)

    told = "acme-preprod-inbox is back at release 1"
    _await(lambda: any(told in text for text in world.notifications))
    (text,) = [text for text in world.notifications if told in text]
    assert "tiercel reject acme-preprod-inbox" in text
    assert back in text
    history = invoke_json("releases", "preprod", *world.in_sandbox())
    assert [one["release"] for one in history] == [3, 2, 1]
    assert (history[0]["restores"], history[0]["status"]) == (1, "succeeded")


def test_the_accounts_are_checked_through_a_worker(world: World) -> None:
    wanted = {"environment": "preprod"}
    assert world.api.form(CHECK, **wanted)["valid"]

    world.api.await_state(world.api.start(CHECK, **wanted), COMPLETED)


def test_a_run_without_a_worker_is_refused_and_the_sandbox_takes_its_workers_with_it(
    world: World,
) -> None:
    worker = read_record(Layout(world.state)).workers["prod"].process.find()
    assert worker
    worker.kill()
    worker.wait(10)

    code, _, errors = invoke("promote", REPOSITORY, *world.in_sandbox())

    assert code == ExitCode.UNREACHABLE
    assert "the sandbox has no worker for prod" in errors
    assert "--local" in errors
    assert running_workers(world.state) == ["preprod"]
    assert lifecycle.down(world.state)
    assert running_workers(world.state) == []


def _await(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
