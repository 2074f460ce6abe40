"""What a job of a workflow starts, follows and tells, and that it does so once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelled, Cancelling, Completed, Crashed, Failed, Running

from tests.support.commands import document_in, invoke
from tests.support.thread_worker import crashes, executor_of, idles, worker
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.triggered import follow_wanted
from tiercel.cli.terminal.running.workflow import WorkflowJob, grouped
from tiercel.deployments.runs import start_run
from tiercel.domain.base.errors import (
    WAITING_STATE,
    BuildFailedError,
    InterruptedRunError,
    UnreachableError,
)
from tiercel.domain.review.statuses import OUTDATED_STATE, REJECTED_STATE
from tiercel.domain.triggers.triggered_runs import FOLLOWED, AttemptStatus, WantedRun
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.wanted_runs import attempt_status, joined_or_started

pytestmark = pytest.mark.usefixtures("prefect_server")

BROKEN = BuildFailedError("test.build", "::error::the build failed", where="orders")

PUSH = {
    "ref": "refs/heads/develop",
    "before": "1" * 40,
    "after": "2" * 40,
    "deleted": False,
    "repository": {"full_name": "acme/shop"},
}


@lifecycle_flow("triggered", "trigger", "preprod")
async def triggered(repository: str, commit: str) -> str:  # noqa: ARG001 - name of the run
    if commit == "broken":
        raise BROKEN
    return "done"


@pytest.fixture
def job(tmp_path: Path) -> WorkflowJob:
    return a_job(tmp_path)


def a_job(folder: Path, attempt: str = "1") -> WorkflowJob:
    told = {"GITHUB_EVENT_NAME": "push", "GITHUB_RUN_ATTEMPT": attempt}
    return WorkflowJob.of(told | variables(folder))


def variables(folder: Path) -> dict[str, str]:
    return {
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_OUTPUT": str(folder / "outputs"),
    }


def wish(deployment: str, commit: str = "develop") -> WantedRun:
    parameters: dict[str, str | int] = {"repository": "acme/shop", "commit": commit}
    return WantedRun(deployment, "preprod", parameters, (uuid4().hex,))


def outputs(folder: Path) -> dict[str, str]:
    """As the runner reads the file: NAME<<END, the value, END."""
    found, lines = {}, iter((folder / "outputs").read_text().splitlines())
    for line in lines:
        name, _, end = line.partition("<<")
        found[name] = "\n".join(iter(lambda: next(lines), end))
    return found


def started(wanted: WantedRun, folder: Path, attempt: str = "1") -> UUID:
    """The id of the run that a job starts, or finds, without waiting for it."""
    follow_wanted(Output(quiet=True), a_job(folder, attempt), wanted, wait=False)
    return UUID(outputs(folder)["run-url"].rpartition("/")[2])


def ends(run_id: UUID, state: State[Any] | None = None) -> None:
    async def end() -> None:
        async with get_client() as client:
            await client.set_flow_run_state(run_id, state or Failed(), force=True)

    asyncio.run(end())


@pytest.fixture
def deployment() -> Iterator[str]:
    with worker(triggered, idles) as name:
        yield name


def test_an_event_that_is_told_twice_has_one_run(deployment: str, tmp_path: Path) -> None:
    wanted = wish(deployment)
    first = started(wanted, tmp_path)
    assert started(wanted, tmp_path, attempt="2") == first
    ends(first)
    assert started(wanted, tmp_path) == first
    again = started(wanted, tmp_path, attempt="2")
    assert again != first
    assert started(wanted, tmp_path, attempt="3") == again


def test_a_bad_verdict_is_looked_at_again_when_somebody_asks(
    deployment: str, tmp_path: Path
) -> None:
    wanted = wish(deployment)
    first = started(wanted, tmp_path)
    ends(first, Completed(name=REJECTED_STATE))
    assert started(wanted, tmp_path) == first
    second = started(wanted, tmp_path, attempt="2")
    assert second != first
    ends(second, Completed(name=REJECTED_STATE))
    third = started(replace(wanted, looks_again=True), tmp_path)
    assert third not in {first, second}
    ends(third, Completed(name=OUTDATED_STATE))
    fourth = started(wanted, tmp_path)
    assert fourth not in {first, second, third}
    ends(fourth, Completed())
    assert started(replace(wanted, looks_again=True), tmp_path, attempt="2") == fourth


def test_what_makes_a_commit_live_is_made_live_again_when_somebody_asks(
    deployment: str, tmp_path: Path
) -> None:
    wanted = replace(wish(deployment), repeats=True)
    first = started(wanted, tmp_path)
    ends(first, Completed())
    assert started(wanted, tmp_path) == first
    again = started(wanted, tmp_path, attempt="2")
    assert again != first
    assert started(wanted, tmp_path, attempt="3") == again


def test_a_run_whose_next_one_failed_is_begun_anew_once_for_who_follows_and_for_who_asks(
    deployment: str, tmp_path: Path
) -> None:
    """The other runs are those of a publication, these those of the deploy that it starts."""
    with worker(triggered, idles) as then:
        wanted = replace(wish(deployment), then=then, repeats=True)
        first = started(wanted, tmp_path)
        ends(first, Completed())
        deploys = next_run(wanted)
        assert followed(wanted) == started(wanted, tmp_path, attempt="2") == first  # it lives
        ends(deploys, Cancelled())
        assert followed(wanted) == first
        ends(deploys)
        assert started(wanted, tmp_path) == first
        second = followed(wanted)
        assert second != first
        ends(second, Completed())
        ends(next_run(wanted))
        assert followed(wanted) == second
        assert started(wanted, tmp_path, attempt="2") not in {first, second}
        next_run(wanted)  # for the worker that waits for one


def followed(wanted: WantedRun) -> UUID:
    """The id of the run that `follow-github` starts, or finds."""

    async def follow() -> UUID:
        async with get_client() as client:
            run, _ = await joined_or_started(client, wanted, FOLLOWED)
            return run.id

    return asyncio.run(follow())


def next_run(wanted: WantedRun) -> UUID:
    """What the flow itself starts before it ends."""
    return asyncio.run(start(wanted.then, wanted.parameters)).id


def test_jobs_that_ask_at_the_same_moment_have_one_run(deployment: str, tmp_path: Path) -> None:
    wanted, folders = wish(deployment), [tmp_path / str(number) for number in range(3)]
    for folder in folders:
        folder.mkdir()
    with ThreadPoolExecutor() as threads:
        asked = [threads.submit(copy_context().run, started, wanted, folder) for folder in folders]
        assert len({one.result() for one in asked}) == 1


def test_a_run_that_succeeds_is_told_with_its_address(job: WorkflowJob, tmp_path: Path) -> None:
    with worker(triggered, executor_of(triggered)) as deployment:
        follow_wanted(Output(quiet=True), job, wish(deployment), wait=True)
    told = outputs(tmp_path)
    assert told["result"] == "succeeded"
    assert told["run-url"] in (tmp_path / "summary.md").read_text()


def test_a_run_that_fails_is_told_with_its_code_and_page(job: WorkflowJob, tmp_path: Path) -> None:
    with (
        worker(triggered, executor_of(triggered)) as deployment,
        pytest.raises(BuildFailedError) as failed,
    ):
        follow_wanted(Output(quiet=True), job, wish(deployment, "broken"), wait=True)
    assert failed.value.failure == BROKEN.failure
    assert outputs(tmp_path)["result"] == "test.build"
    assert "orders" in (tmp_path / "summary.md").read_text()


def test_what_the_run_starts_by_itself_is_followed_too(job: WorkflowJob, tmp_path: Path) -> None:
    def starts_the_next(run: FlowRun) -> None:
        asyncio.run(start(then, run.parameters))
        executor_of(triggered)(run)

    with (
        worker(triggered, crashes) as then,
        worker(triggered, starts_the_next) as deployment,
        pytest.raises(UnreachableError) as failed,
    ):
        follow_wanted(Output(quiet=True), job, replace(wish(deployment), then=then), wait=True)
    assert failed.value.code == "run.crashed"
    assert outputs(tmp_path)["result"] == "run.crashed"


@pytest.mark.parametrize(("attempt", "deploys"), [("1", False), ("2", True)])
def test_who_asks_again_hears_what_is_live_also_when_nothing_is_left_to_do(
    attempt: str, deploys: bool, tmp_path: Path
) -> None:
    with worker(triggered, executor_of(triggered)) as then:
        with worker(triggered, executor_of(triggered)) as deployment:
            wanted = replace(wish(deployment), then=then, repeats=True)
            follow_wanted(Output(quiet=True), a_job(tmp_path, attempt), wanted, wait=True)
        told = UUID(outputs(tmp_path)["run-url"].rpartition("/")[2])
        assert asyncio.run(_deployment_of(told)) == (then if deploys else deployment)
        if not deploys:
            next_run(wanted)  # for the worker that waits for one


async def _deployment_of(run_id: UUID) -> str:
    async with get_client() as client:
        run = await client.read_flow_run(run_id)
        assert run.deployment_id
        found = await client.read_deployment(run.deployment_id)
        return f"{triggered.name}/{found.name}"


async def start(deployment: str, parameters: dict[str, Any]) -> FlowRun:
    async with get_client() as client:
        return await start_run(client, deployment, parameters)


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_a_job_that_is_cancelled_cancels_its_run(
    told: signal.Signals, job: WorkflowJob, tmp_path: Path
) -> None:
    taken: list[FlowRun] = []

    def cancels_the_job(run: FlowRun) -> None:
        taken.append(run)
        os.kill(os.getpid(), told)

    with (
        worker(triggered, cancels_the_job) as deployment,
        pytest.raises(InterruptedRunError) as ended,
    ):
        follow_wanted(Output(quiet=True), job, wish(deployment), wait=True)
    assert ended.value.code == "run.cancelled_with_its_job"
    assert outputs(tmp_path)["result"] == "cancelled"
    assert asyncio.run(_state_of(taken[0])) in {"CANCELLING", "CANCELLED"}


async def _state_of(run: FlowRun) -> str:
    async with get_client() as client:
        found = await client.read_flow_run(run.id)
        assert found.state
        return found.state.type.value


@pytest.mark.parametrize(
    ("name", "payload", "code", "told"),
    [
        ("watch", "{}", 0, "nothing"),
        ("push", json.dumps(PUSH | {"ref": "refs/heads/feature/x"}), 0, "nothing"),
        ("push", json.dumps(PUSH | {"ref": "refs/heads/main"}), 0, "nothing"),
        ("push", json.dumps(PUSH | {"after": "$(reboot)"}), 4, "event.malformed"),
        ("push", '{"ref": ', 4, "event.not_there"),
        ("push", "[" * 100_000, 4, "event.not_there"),
        ("", "{}", 4, "event.not_there"),
    ],
)
def test_an_event_of_which_nothing_follows_starts_nothing(
    name: str, payload: str, code: int, told: str, tmp_path: Path
) -> None:
    (tmp_path / "event.json").write_text(payload)
    ended, output, _ = invoke(
        "trigger", "preprod", "--json", GITHUB_EVENT_NAME=name, **variables(tmp_path)
    )
    document = document_in(output)
    said = document["error"]["code"] if "error" in document else document["data"]["result"]
    assert (ended, said) == (code, told)


def test_no_line_of_a_run_is_a_command_to_the_runner(capsys: pytest.CaptureFixture[str]) -> None:
    with grouped("deploy\n::error::x"):
        pass
    group, stop, resume, end = capsys.readouterr().err.splitlines()
    assert group.startswith("::group::deploy")
    word = stop.removeprefix("::stop-commands::")
    assert len(word) >= 32
    assert (resume, end) == (f"::{word}::", "::endgroup::")


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (Running(), AttemptStatus.LIVE),
        (Cancelling(), AttemptStatus.CANCELLED),
        (Cancelled(), AttemptStatus.CANCELLED),
        (Crashed(), AttemptStatus.FAILED),
        (Failed(), AttemptStatus.FAILED),
        (Completed(), AttemptStatus.SUCCEEDED),
        (Completed(name=WAITING_STATE), AttemptStatus.WAITING),
        (Completed(name=REJECTED_STATE), AttemptStatus.REJECTED),
        (Completed(name=OUTDATED_STATE), AttemptStatus.OUTDATED),
        (None, AttemptStatus.LIVE),
    ],
)
def test_a_run_that_is_being_cancelled_is_not_waited_for(
    state: State[Any] | None, status: AttemptStatus
) -> None:
    assert attempt_status(FlowRun(flow_id=uuid4(), state=state)) is status
