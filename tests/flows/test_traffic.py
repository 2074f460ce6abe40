"""A release whose traffic shifts, goes back and is explained; the template is plain SAM."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

import pytest

from tests.support.aws import root_client
from tests.support.codes import because
from tests.support.commands import invoke, invoke_json
from tests.support.flow_runs import release
from tests.support.patience import PATIENCE_SECONDS
from tests.support.repositories import RepositoryMaker
from tests.support.templates import answering, services, template
from tiercel.domain.base.errors import DeployFailedError, ExitCode, InterruptedRunError
from tiercel.domain.organization.access import Records, deployer, orchestrator
from tiercel.domain.organization.names import Names
from tiercel.domain.release.ledger import ReleaseStatus
from tiercel.domain.traffic.shifts import TakenBackBy
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.publish import publish_artifact
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.records.ledger import newest_release
from tiercel.tasks.stack.waiting.shifts import read_shifts

pytestmark = pytest.mark.usefixtures("operator")

FUNCTION = {
    "CodeUri": "src/",
    "Handler": "app.handler",
    "Runtime": "python3.11",
    "AutoPublishAlias": "live",
    "DeploymentPreference": {"Type": "Linear10PercentEvery1Minute"},
}


def shop(answer: str) -> dict[str, str]:
    return {
        "tiercel.toml": services(shifted=""),
        "shifted/template.json": sam(FUNCTION),
        "shifted/src/app.py": answering(answer),
    }


def sam(function: dict[str, Any]) -> str:
    resources = {"Function": {"Type": "AWS::Serverless::Function", "Properties": function}}
    return template(resources, Transform="AWS::Serverless-2016-10-31")


def left(answer: str) -> dict[str, str]:
    preference = {"Type": "Canary10Percent30Minutes"}
    return {
        "tiercel.toml": services(left=""),
        "left/template.json": sam(FUNCTION | {"DeploymentPreference": preference}),
        "left/src/app.py": answering(answer),
    }


async def cancelled_while_it_shifts(repository: str, commit: str, client: Any) -> None:
    """Deploy until the new version has its first share, and leave it there."""
    run = asyncio.create_task(deploy_to_preprod(repository, commit))
    while not await asyncio.to_thread(share, client, "left"):
        assert not run.done()
        await asyncio.sleep(0.05)
    run.cancel()
    with pytest.raises((InterruptedRunError, asyncio.CancelledError)):
        await run


def share(client: Any, service: str) -> str:
    """Return the deployment of a service's function that has a share of the traffic."""
    for one in client.list_deployments(includeOnlyStatuses=["InProgress"])["deployments"]:
        listed = client.list_deployment_targets(deploymentId=one)["targetIds"]
        told = client.get_deployment_target(deploymentId=one, targetId=listed[0])
        target = told["deploymentTarget"]["lambdaTarget"]
        if service in target["targetId"] and target["lambdaFunctionInfo"]["targetVersionWeight"]:
            return str(one)
    return ""


def stepped(answer: str, expected: str) -> dict[str, str]:
    """Return a service whose new version is asked while the old one has most of the traffic."""
    asked = f'{{ invoke = "Function", at = "first-step", expect = {{ answer = "{expected}" }} }}'
    preference = {"Type": "Canary10Percent5Minutes"}
    return {
        "tiercel.toml": services(stepped=f"smoke_test = {asked}\n"),
        "stepped/template.json": sam(FUNCTION | {"DeploymentPreference": preference}),
        "stepped/src/app.py": "def handler(event, context):\n"
        f"    return {{'answer': '{answer}', 'version': context.function_version}}\n",
    }


def stop_when_it_shifts(client: Any) -> None:
    """Be the person in the console: stop the deployment that has its first share."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := share(client, "shifted"):
            client.stop_deployment(deploymentId=found)
            return
        time.sleep(0.05)


@pytest.mark.walks("traffic-shifts")
def test_a_release_whose_traffic_somebody_takes_back_is_failed_and_says_so(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("shifted")
    assert release(repository, repository.commit(shop("one")))["shifted"].changed
    client = root_client(sandbox, "preprod-runtime-root", "codedeploy")
    person = threading.Thread(target=stop_when_it_shifts, args=(client,))
    person.start()

    with pytest.raises(DeployFailedError, check=because("traffic.stopped")) as failed:
        release(repository, repository.commit(shop("two")))
    person.join()

    assert failed.value.exit_code == ExitCode.DEPLOY_FAILED
    records = Records(orchestrator(preprod, "test"), preprod.artifact_bucket)
    recorded = newest_release.fn(records, preprod.stack("shifted"))
    assert recorded
    assert recorded.status is ReleaseStatus.FAILED
    assert recorded.outcome
    stopped, back = recorded.outcome.traffic
    assert stopped.taken_back_by is TakenBackBy.PERSON
    assert 0 < stopped.percent < 100
    assert stopped.rollback == back.deployment

    place = ("--sandbox", "--state", str(sandbox.state))
    shown = invoke_json("traffic", "show", preprod.stack("shifted"), *place)
    assert [one["deployment"] for one in shown] == [stopped.deployment, back.deployment]
    told = invoke("traffic", "show", preprod.stack("shifted"), *place)[1]
    assert f"{stopped.function}:live  1 to 2" in told
    detail = invoke("releases", "preprod", "--show", f"{preprod.stack('shifted')}/2", *place)[1]
    assert f"{stopped.deployment}: {stopped.what}: Stopped by person" in " ".join(detail.split())
    idle = invoke("traffic", "stop", preprod.stack("shifted"), *place)
    assert idle[0] == ExitCode.REFUSED
    assert "no traffic" in idle[2]


def test_a_smoke_test_at_the_first_step_asks_the_new_version_and_takes_its_traffic_back(
    preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("stepped")
    first = release(repository, repository.commit(stepped("one", "one")))["stepped"]
    assert "LATEST" in first.answer  # nothing shifts: it is asked when the stack is there

    with pytest.raises(DeployFailedError, check=because("traffic.smoke_test")) as failed:
        release(repository, repository.commit(stepped("two", "one")))
    assert "'two'" in failed.value.failure.why or '"two"' in failed.value.failure.why
    records = Records(orchestrator(preprod, "test"), preprod.artifact_bucket)
    recorded = newest_release.fn(records, preprod.stack("stepped"))
    assert recorded
    assert recorded.outcome
    assert (recorded.status, recorded.outcome.deployed) == (ReleaseStatus.FAILED, False)
    stopped, back = recorded.outcome.traffic
    assert (stopped.taken_back_by, stopped.percent) == (TakenBackBy.SMOKE_TEST, 10)
    assert stopped.rollback == back.deployment

    third = release(repository, repository.commit(stepped("three", "three")))["stepped"]
    assert json.loads(third.answer) == {"answer": "three", "version": "3"}
    assert third.release.outcome
    assert [one.percent for one in third.release.outcome.traffic] == [100]


def test_a_release_whose_run_died_while_its_traffic_went_back_is_failed_and_not_tried_again(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("left")
    release(repository, repository.commit(left("one")))
    commit = repository.commit(left("two"))
    asyncio.run(publish_artifact(repository.name, commit, then_deploy=False))
    client = root_client(sandbox, "preprod-runtime-root", "codedeploy")
    asyncio.run(cancelled_while_it_shifts(repository.name, commit, client))
    access, stack = deployer(preprod, "test"), preprod.stack("left")
    (shifting,) = read_shifts.fn(access, stack)
    client.stop_deployment(deploymentId=shifting.deployment, autoRollbackEnabled=True)

    with pytest.raises(DeployFailedError, check=because("traffic.stopped")):
        release(repository, commit)
    records = Records(orchestrator(preprod, "test"), preprod.artifact_bucket)
    recorded = newest_release.fn(records, stack)
    assert recorded
    assert recorded.outcome
    assert (recorded.intent.number, recorded.status) == (2, ReleaseStatus.FAILED)
    seen = [one.deployment for one in recorded.outcome.traffic]
    assert seen == [one.deployment for one in read_shifts.fn(access, stack)]
    assert len(seen) == 2  # the shift, and its way back
