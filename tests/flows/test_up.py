"""What `tiercel up` brings to a server, and what that server then does with runs."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import (
    DeploymentScheduleCreate,
    DeploymentUpdate,
    WorkPoolUpdate,
)
from prefect.client.schemas.objects import DeploymentSchedule, FlowRun, State
from prefect.client.schemas.responses import SetStateStatus
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.states import Cancelled, Cancelling, Crashed, Running

from tests.support.approvals import demanding_approval
from tiercel.cli.commands.set_up.up import install_everything
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.following import unseen_words
from tiercel.deployments.following import switch_on_for_worker
from tiercel.deployments.installation import (
    AskedRun,
    Installation,
    process_template,
    require_installed,
)
from tiercel.deployments.prefect_file import PrefectFile, read_prefect_file
from tiercel.deployments.runs import follow
from tiercel.deployments.up.install import install
from tiercel.deployments.worker.asked_runs import asked_run
from tiercel.domain.base.errors import ConfigurationError, RefusedInputError
from tiercel.flows.promotion.handover import DEPLOY_TO_PREPROD

ROOT = Path(__file__).parent.parent.parent
WHOLE = read_prefect_file(ROOT / "prefect.yaml")
SCHEDULED = [one for one in WHOLE.deployments if one.get("schedules")]
FILE = PrefectFile(WHOLE.path, WHOLE.data | {"deployments": SCHEDULED})
BY_A_PERSON = [
    DeploymentScheduleCreate(
        schedule=CronSchedule(cron="0 12 * * 1", timezone="Europe/Berlin"),
        active=True,
        parameters={"repository": "acme/orders", "commit": "develop"},
    ),
    DeploymentScheduleCreate(
        schedule=IntervalSchedule(interval=timedelta(hours=2)),
        active=False,
        slug="twice",
        max_scheduled_runs=2,
    ),
]


@pytest.fixture(autouse=True)
def server_of_the_command(prefect_server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """`prefect deploy` is a process of its own."""
    assert prefect_server is None
    monkeypatch.setenv("PREFECT_API_URL", str(get_current_settings().api.url))


@pytest.fixture(scope="module")
def deployed(prefect_server: None) -> None:
    assert prefect_server is None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_API_URL", str(get_current_settings().api.url))
        install(FILE, pool_type="process", notify=None)


async def schedules_after(*added: DeploymentScheduleCreate) -> list[DeploymentSchedule]:
    async with get_client() as client:
        deployment = await client.read_deployment_by_name(DEPLOY_TO_PREPROD)
        if added:
            await client.create_deployment_schedules(deployment.id, list(added))
        return (await client.read_deployment(deployment.id)).schedules


def facts(schedules: list[DeploymentSchedule]) -> list[dict[str, Any]]:
    ids = {"id", "created", "updated", "deployment_id"}
    return sorted((one.model_dump(mode="json", exclude=ids) for one in schedules), key=str)


@pytest.mark.usefixtures("deployed")
def test_schedules_that_somebody_made_in_the_ui_stay_as_they_are() -> None:
    before = asyncio.run(schedules_after(*BY_A_PERSON))
    assert {one.slug for one in before} == {"nightly", "twice", None}

    changes = install(FILE, pool_type="process", notify=None).changes

    assert facts(asyncio.run(schedules_after())) == facts(before)
    assert {one.what for one in changes if one.kind == "deployment"} == {"unchanged"}


def test_what_an_earlier_version_called_after_its_environment_goes_with_its_choices_kept(
    tmp_path: Path,
) -> None:
    (today,) = [one for one in SCHEDULED if one["entrypoint"].endswith("reap")]

    def deployed_as(name: str, *others: dict[str, Any]) -> dict[str, str]:
        data = FILE.data | {"deployments": [today | {"name": name}, *others]}
        changes = install(
            PrefectFile(tmp_path / "prefect.yaml", data), pool_type="process", notify=None
        ).changes
        return {one.name: one.what for one in changes if one.kind == "deployment"}

    async def chosen(name: str) -> tuple[bool, list[dict[str, Any]]]:
        async with get_client() as client:
            found = await client.read_deployment_by_name(name)
            return found.paused, facts(found.schedules)

    async def choose() -> FlowRun:
        async with get_client() as client:
            old = await client.read_deployment_by_name("reap/preprod")
            (schedule,) = old.schedules
            await client.update_deployment_schedule(old.id, schedule.id, active=False)
            await client.create_deployment_schedules(old.id, BY_A_PERSON[1:])
            return await client.create_flow_run_from_deployment(old.id)

    async def ended(run: FlowRun) -> None:
        async with get_client() as client:
            await client.set_flow_run_state(run.id, Cancelled(), force=True)

    async def without_todays() -> None:
        async with get_client() as client:
            with suppress(ObjectNotFound):
                found = await client.read_deployment_by_name("reap/reap-preprod")
                await client.delete_deployment(found.id)

    asyncio.run(without_todays())
    deployed_as("preprod")
    waiting = asyncio.run(choose())
    before = asyncio.run(chosen("reap/preprod"))
    never = {"cron": "never", "slug": "never"}
    with pytest.raises(ConfigurationError) as refused:
        deployed_as("reap-preprod", today | {"name": "refused", "schedules": [never]})
    assert refused.value.code == "deployments.refused"
    # Where it stopped, schedules are as somebody chose them, and no two go on.
    assert asyncio.run(chosen("reap/reap-preprod")) == before
    assert asyncio.run(chosen("reap/preprod"))[0]

    assert "because 1 of its runs are open" in deployed_as("reap-preprod")["reap/preprod"]
    assert asyncio.run(chosen("reap/reap-preprod")) == before

    asyncio.run(ended(waiting))
    assert deployed_as("reap-preprod") == {
        "reap/reap-preprod": "unchanged",
        "reap/preprod": "deleted: it is reap/reap-preprod now",
    }
    assert deployed_as("reap-preprod") == {"reap/reap-preprod": "unchanged"}


async def _follows(*, active: bool | None = None, paused: bool = False) -> None:
    """What a person chooses in Prefect for production's deployment that looks for words."""
    async with get_client() as client:
        found = await client.read_deployment_by_name("follow-github/follow-github-prod")
        await client.update_deployment(found.id, DeploymentUpdate(paused=paused))
        if active is not None:
            for schedule in found.schedules:
                await client.update_deployment_schedule(found.id, schedule.id, active=active)


@pytest.mark.usefixtures("deployed")
def test_who_demands_approvals_has_somebody_look_for_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_follows(active=False))
    assert (unseen_words("prod"), unseen_words("preprod")) == ("", "")
    monkeypatch.setenv("TIERCEL_CONFIG", str(demanding_approval(tmp_path)))
    assert "the schedule of follow-github/follow-github-prod is off" in unseen_words("prod")
    assert unseen_words("preprod") == ""
    switch_on_for_worker("preprod")
    assert unseen_words("prod")
    switch_on_for_worker("prod")
    assert unseen_words("prod") == ""

    # What a person pauses stays so; a schedule that is off again is switched on by `tiercel up`.
    asyncio.run(_follows(paused=True))
    switch_on_for_worker("prod")
    assert "is paused" in unseen_words("prod")
    asyncio.run(_follows(active=False))
    follow = [one for one in FILE.deployments if one["entrypoint"].endswith("follow_github")]
    path = tmp_path / "prefect.yaml"
    path.write_text(yaml.safe_dump(FILE.data | {"deployments": follow}))
    found = install_everything(Output(quiet=True), file=path).schedules
    active = {one.deployment: one.active for one in found}
    assert active == {
        "follow-github/follow-github-preprod": False,
        "follow-github/follow-github-prod": True,
    }
    assert unseen_words("prod") == ""


@pytest.mark.usefixtures("deployed")
def test_what_a_run_does_is_brought_back_if_somebody_changed_it_in_prefect() -> None:
    async def looked_up() -> AskedRun:
        async with get_client() as client:
            deployment = await client.read_deployment_by_name(DEPLOY_TO_PREPROD)
            pool = await client.read_work_pool("preprod")
            flow = await client.read_flow(deployment.flow_id)
            run = FlowRun(flow_id=flow.id)
            return asked_run(run, deployment, flow, pool)

    async def changed() -> None:
        async with get_client() as client:
            deployment = await client.read_deployment_by_name(DEPLOY_TO_PREPROD)
            step = {"prefect.deployments.steps.run_shell_script": {"script": "true"}}
            theirs = {"entrypoint": "evil.py:flow", "pull_steps": [step]}
            await client.update_deployment(
                deployment.id, DeploymentUpdate(job_variables={"command": "true"}, **theirs)
            )
            template = process_template()
            template["variables"]["properties"]["command"]["default"] = "true"
            await client.update_work_pool("preprod", WorkPoolUpdate(base_job_template=template))

    installed = Installation.of(FILE, "preprod", process_template())
    assert require_installed(asyncio.run(looked_up()), installed)
    asyncio.run(changed())
    with pytest.raises(RefusedInputError):
        require_installed(asyncio.run(looked_up()), installed)

    changes = {
        one.name: one.what for one in install(FILE, pool_type="process", notify=None).changes
    }

    assert require_installed(asyncio.run(looked_up()), installed)
    assert changes["preprod"] == "updated: base_job_template"
    assert changes[DEPLOY_TO_PREPROD] == "updated: entrypoint, job_variables, pull_steps"


@flow
def cancelled() -> None:
    """Nothing executes it."""


def test_a_run_that_is_being_cancelled_cannot_become_crashed() -> None:
    async def answers() -> list[SetStateStatus]:
        async with get_client() as client:
            run = (await client.create_flow_run(cancelled)).id
            states: list[State] = [Running(), Cancelling(), Crashed(), Cancelled()]
            return [(await client.set_flow_run_state(run, one)).status for one in states]

    accepted, rejected = SetStateStatus.ACCEPT, SetStateStatus.REJECT
    assert asyncio.run(answers()) == [accepted, accepted, rejected, accepted]


@pytest.mark.walks("run-without-worker")
@pytest.mark.usefixtures("deployed")
def test_who_waits_for_a_run_is_told_that_no_worker_is_there() -> None:
    async def what_is_told() -> list[str]:
        told: list[str] = []
        async with get_client() as client:
            deployment = await client.read_deployment_by_name(DEPLOY_TO_PREPROD)
            run = await client.create_flow_run_from_deployment(
                deployment.id, parameters={"repository": "acme/shop", "commit": "develop"}
            )
            with suppress(TimeoutError):
                async with asyncio.timeout(15):
                    await follow(client, run.id, lambda _seconds, text, _level: told.append(text))
        return told

    (told,) = asyncio.run(what_is_told())[1:]
    assert "no worker of the pool preprod is online" in told
    assert "`tiercel worker preprod`" in told
