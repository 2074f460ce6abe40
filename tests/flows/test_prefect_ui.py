"""What a run leaves in Prefect for people who look there and nowhere else."""

from __future__ import annotations

import asyncio
import logging

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

from tests.support.artifacts import artifacts, newest_page
from tests.support.aws import root_client
from tests.support.place import Place
from tests.support.repositories import RepositoryMaker
from tests.support.templates import answering, function, queue, services
from tiercel.domain.base.errors import RefusedInputError, SmokeTestFailedError
from tiercel.domain.organization.names import Names
from tiercel.domain.release.ledger import intent_key
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.publish import publish_artifact
from tiercel.sandbox.lifecycle import Sandbox

pytestmark = pytest.mark.usefixtures("operator")


async def newest_run(name: str) -> FlowRun:
    async with get_client() as client:
        named = FlowRunFilter(name=FlowRunFilterName(like_=name))
        newest = FlowRunSort.START_TIME_DESC
        return (await client.read_flow_runs(flow_run_filter=named, sort=newest, limit=1))[0]


def test_a_release_leaves_its_plan_its_result_and_the_board(
    place: Place, operator: Sandbox
) -> None:
    files = {"tiercel.toml": services(looks=""), "looks/template.json": queue()}
    commit = place.merged("feature/looks", files)

    place.released_to_preprod(commit)

    address = f"{place.github.requester.base_url.removesuffix('/api/v3')}/{place.repository.name}"
    name = f"{place.repository.name.partition('/')[2]}@{commit[:7]}"
    linked = f"[{name}]({address}/commit/{commit})"
    assert "| Add |  | `Queue` | AWS::SQS::Queue |" in newest_page("plan-acme-preprod-looks")
    assert f"# Artifacts of {linked}, [#1]({address}/pull/1)" in newest_page("artifacts-preprod")
    released = newest_page("released-preprod")
    assert f"# Released to preprod: {linked}, [#1]({address}/pull/1)" in released
    assert f"| [looks]({operator.aws_endpoint}/_console/" in released
    assert ") | **released** | 1 | " in released
    board = [line for line in newest_page("live-preprod").splitlines() if "| [looks](" in line]
    assert len(board) == 1
    assert "| operator |  | [run](http://127.0.0.1:" in board[0]
    (*_, standing) = asyncio.run(artifacts("board"))
    # Prefect shows at the board's own address what it is described as.
    assert standing.description == standing.data
    assert any(line.startswith("| looks | 1: [") for line in str(standing.data).splitlines())
    assert "/artifacts/key/board)" in released


def test_a_failure_explains_itself_without_the_log(repositories: RepositoryMaker) -> None:
    repository = repositories.make("explains")
    commit = repository.commit(
        {"tiercel.toml": services(explains=""), "explains/template.json": queue()}
    )

    with pytest.raises(RefusedInputError):
        asyncio.run(deploy_to_preprod(repository.name, "develop"))

    run = asyncio.run(newest_run("deploy preprod explains@"))
    assert run.name == f"deploy preprod explains@develop ({commit[:7]})"
    assert {*run.tags} == {"preprod", repository.name, "explains"}

    page = newest_page("failure-deploy-to-preprod")
    assert page.startswith("# no artifact is published for explains\n")
    assert "## How things stand\n\nnothing was deployed" in page
    assert f"run \\`tiercel publish acme/explains {commit}\\` first" in page


def test_a_run_that_failed_before_it_knew_anything_has_the_tags_of_its_parameters() -> None:
    with pytest.raises(RefusedInputError):
        asyncio.run(deploy_to_preprod("somebody/elses", "develop"))

    run = asyncio.run(newest_run("deploy preprod elses@"))
    assert run.name == "deploy preprod elses@develop"
    assert {*run.tags} == {"preprod", "somebody/elses"}


def test_what_runs_although_it_failed_its_smoke_test_stands_on_the_board(
    repositories: RepositoryMaker,
) -> None:
    repository = repositories.make("unwell")
    test = '[services.unwell.smoke_test]\ninvoke = "Function"\nexpect = {answer = "well"}'
    commit = repository.commit(
        {
            "tiercel.toml": services(unwell=test),
            "unwell/template.json": function(),
            "unwell/src/app.py": answering("not so well"),
        }
    )
    asyncio.run(publish_artifact(repository.name, commit, then_deploy=False))

    with pytest.raises(SmokeTestFailedError):
        asyncio.run(deploy_to_preprod(repository.name, commit))

    (row,) = [line for line in newest_page("live-preprod").splitlines() if "[unwell](" in line]
    assert ") | 1: **its smoke test failed** |" in row


def test_the_damaged_entry_of_another_service_does_not_fail_a_release(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker
) -> None:
    damaged = {
        "Bucket": preprod.artifact_bucket,
        "Key": intent_key("acme-preprod-somebody-else", 1),
    }
    root = root_client(sandbox, "preprod-infrastructure-root", "s3")
    root.put_object(**damaged, Body=b"{")
    repository = repositories.make("beside")
    commit = repository.commit(
        {"tiercel.toml": services(beside=""), "beside/template.json": queue()}
    )
    asyncio.run(publish_artifact(repository.name, commit, then_deploy=False))
    try:
        released = asyncio.run(deploy_to_preprod(repository.name, commit))
    finally:
        root.delete_object(**damaged)

    assert released["beside"].changed


def test_the_log_tells_what_happened_and_not_that_tasks_ended_well(
    repositories: RepositoryMaker, run_log: list[logging.LogRecord]
) -> None:
    repository = repositories.make("quiet")
    commit = repository.commit({"tiercel.toml": services(quiet=""), "quiet/template.json": queue()})

    with pytest.raises(RefusedInputError):
        asyncio.run(deploy_to_preprod(repository.name, commit))
    asyncio.run(publish_artifact(repository.name, commit, then_deploy=False))

    lines = [record.getMessage() for record in run_log]
    assert any("published artifact" in line for line in lines)
    assert not any(line.startswith("Finished in state") for line in lines)
    explained = [record for record in run_log if "no artifact is" in record.getMessage()]
    assert explained
    assert not any(record.exc_info for record in explained), "a stack trace for a person's mistake"
