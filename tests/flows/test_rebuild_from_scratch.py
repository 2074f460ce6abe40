"""Whole drills: each in a sandbox of its own, because everything in it is deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.flows.test_killed_and_raced_releases import impatient, kill_after, server
from tests.support.aws import root_client
from tests.support.codes import because
from tests.support.commands import fork, fork_json
from tests.support.flow_runs import release
from tests.support.repositories import RepositoryMaker
from tests.support.templates import answering, function, queue, services, template
from tiercel.domain.base.errors import (
    ArtifactConflictError,
    RefusedInputError,
    SmokeTestFailedError,
)
from tiercel.domain.drill.failures import DrillFailedError
from tiercel.domain.drill.plan import DrillPlan, Foundation
from tiercel.domain.drill.record import ApprovalKind, DrillStep, OpenDrill, Phase
from tiercel.domain.drill.report import DrillReport
from tiercel.domain.organization.access import Records, orchestrator
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.domain.release.lease import Lease
from tiercel.domain.release.ledger import Intent, Purpose
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.drill.ahead import ahead
from tiercel.flows.drill.approval import opened_with
from tiercel.flows.drill.deletion import delete_all, leave_the_rest, prove_empty
from tiercel.flows.drill.foundation import leave_foundation
from tiercel.flows.drill.rebuild import looked_at, made_ready, rebuild_all
from tiercel.flows.drill.under_way import Drill, failed_step
from tiercel.flows.engine.concurrency import both, call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.publish import publish_artifact
from tiercel.flows.rebuild_from_scratch import rebuild_from_scratch
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.sandbox import lifecycle
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.records.artifacts import read_artifact
from tiercel.tasks.records.lease import give_back_lease, take_lease
from tiercel.tasks.records.ledger import newest_release
from tiercel.tasks.teardown.drill_records import (
    close_drill,
    list_drills,
    open_drill,
    read_open_drill,
)

pytestmark = pytest.mark.usefixtures("operator")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, topology: Topology) -> Iterator[Sandbox]:
    state = tmp_path_factory.mktemp("drilled")
    yield lifecycle.up(state, topology, prefect=False)
    lifecycle.down(state)


def shop() -> dict[str, str]:
    """`store` has data, and `desk` takes its outputs."""
    store = template(
        {
            "Table": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "BillingMode": "PAY_PER_REQUEST",
                    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                },
            },
            "Files": {"Type": "AWS::S3::Bucket"},
        },
        Outputs={
            "TableName": {"Value": {"Ref": "Table"}},
            "Made": {"Value": {"Ref": "AWS::StackId"}},
        },
    )
    smoke = '[services.desk.smoke_test]\ninvoke = "Function"\n'
    seed = '[services.desk.seed]\ninvoke = "Function"\nexpect = { answer = "desk" }\n'
    return {
        "tiercel.toml": services(store="", desk=f'depends_on = ["store"]\n{smoke}{seed}'),
        "store/template.json": store,
        "desk/template.json": function(Parameters={"TableName": {"Type": "String"}}),
        "desk/src/app.py": answering("desk"),
    }


def stacks(sandbox: Sandbox) -> dict[str, Any]:
    formation = root_client(sandbox, "preprod-runtime-root", "cloudformation")
    return {one["StackName"]: one for one in formation.describe_stacks()["Stacks"]}


@pytest.fixture
def shop_stands(
    operator: Sandbox, preprod: Names, repositories: RepositoryMaker
) -> dict[str, Intent]:
    """What the stacks of the shop run, by service: each drill leaves them as they were."""
    names = {one: preprod.stack(one) for one in ("store", "desk")}
    if not stacks(operator).keys() >= set(names.values()):
        repository = repositories.make("drilled")
        release(repository, repository.commit(shop()))
    records = Records(orchestrator(preprod, "test"), preprod.artifact_bucket)
    found = {service: newest_release.fn(records, name) for service, name in names.items()}
    return {service: one.intent for service, one in found.items() if one}


def deletions(sandbox: Sandbox, offset: int) -> list[str]:
    calls = read_journal(sandbox.journal, offset)
    return [one.operation for one in calls if one.operation.startswith("Delete")]


def test_an_environment_is_deleted_and_comes_back_as_it_was(
    sandbox: Sandbox, preprod: Names, shop_stands: dict[str, Intent]
) -> None:
    before = stacks(sandbox)
    s3 = root_client(sandbox, "preprod-runtime-root", "s3")
    files = next(one["Name"] for one in s3.list_buckets()["Buckets"] if "files" in one["Name"])
    s3.put_object(Bucket=files, Key="precious", Body=b"12345")
    offset = journal_size(sandbox.journal)

    plan = asyncio.run(rebuild_from_scratch("preprod", plan_only=True))
    assert isinstance(plan, DrillPlan)
    digest = plan.digest
    refusals: dict[str, dict[str, Any]] = {
        "drill.waiting_for_approval": {},
        "drill.other_account": {"approve": digest, "account": "acme-prod"},
    }
    for code, asked in refusals.items():
        with pytest.raises(RefusedInputError, check=because(code)):
            asyncio.run(rebuild_from_scratch("preprod", **asked))
    with pytest.raises(RefusedInputError, check=because("drill.production")):
        asyncio.run(rebuild_from_scratch("prod"))
    assert deletions(sandbox, offset) == []

    account = preprod.environment.runtime_account
    report = asyncio.run(rebuild_from_scratch("preprod", approve=digest, account=account))

    assert isinstance(report, DrillReport)
    assert report.passed
    assert report.stacks == 2
    assert stacks(sandbox).keys() == {preprod.stack("store"), preprod.stack("desk")}
    records = Records(orchestrator(preprod, "test"), preprod.artifact_bucket)
    for released in shop_stands.values():
        now = newest_release.fn(records, released.stack)
        assert now
        assert now.intent.purpose is Purpose.DRILL
        assert now.intent.artifact_digest == released.artifact_digest
        stack = stacks(sandbox)[released.stack]
        assert stack["StackId"] != before[released.stack]["StackId"]
    assert [one.stack for one in report.bars if "seed" in one.steps] == [preprod.stack("desk")]
    assert any("objects, 5 bytes" in line for line in report.lost)
    assert any("output Made" in line for line in report.generated)
    assert report.phases.keys() == {"delete", "prove-empty", "rebuild", "verify"}
    assert report.critical_path[:2] == (
        f"delete {preprod.stack('desk')}",
        f"delete {preprod.stack('store')}",
    )


def remove_package(sandbox: Sandbox, preprod: Names, released: Intent) -> str:
    """An artifact loses a part for good; return its key."""
    s3 = root_client(sandbox, "preprod-infrastructure-root", "s3")
    bucket = preprod.artifact_bucket
    records = Records(orchestrator(preprod, "test"), bucket)
    of = (released.service, released.artifact_id, released.artifact_digest)
    key = next(
        one.key for one in read_artifact.fn(records, *of).objects if one.key.endswith(".zip")
    )
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=bucket)
    (version,) = s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]
    s3.delete_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    return key


def test_a_drill_that_is_killed_goes_on_and_never_deletes_what_it_has_rebuilt(
    sandbox: Sandbox, preprod: Names, shop_stands: dict[str, Intent]
) -> None:
    plan = asyncio.run(rebuild_from_scratch("preprod", plan_only=True))
    assert isinstance(plan, DrillPlan)
    config = impatient(sandbox)
    where = ["--local", "--sandbox", "--state", str(sandbox.state), "--config", str(config)]
    approved = ["--approve", plan.digest, "--account", plan.alias]
    offset = journal_size(sandbox.journal)

    records = Records(orchestrator(preprod, "test"), preprod.artifact_bucket)
    earlier = list_drills.fn(records)
    package = remove_package(sandbox, preprod, shop_stands["desk"])
    killed = fork("rebuild", "preprod", *approved, *where, **server())
    kill_after(killed, sandbox.journal, offset, "ExecuteChangeSet")
    assert asyncio.run(rebuild_from_scratch("preprod", plan_only=True)) == plan
    report = fork_json("rebuild", "preprod", *where, **server())

    assert list_drills.fn(records) == [*earlier, report["number"]]
    assert not report["failures"]
    assert not report["differences"]
    calls = [one for one in read_journal(sandbox.journal, offset) if one.status == 200]
    deleted = [one for one in calls if one.operation == "DeleteStack"]
    rebuilt = [one for one in calls if one.operation == "ExecuteChangeSet"]
    assert len(rebuilt) == len(plan.stacks)
    assert max(one.time for one in deleted) < min(one.time for one in rebuilt)
    assert stacks(sandbox).keys() == {one.name for one in plan.stacks}
    s3 = root_client(sandbox, "preprod-infrastructure-root", "s3")
    assert s3.head_object(Bucket=preprod.artifact_bucket, Key=package)


def test_other_runs_wait_while_a_drill_is_open_and_go_on_afterwards(
    preprod: Names, repositories: RepositoryMaker, run_log: list[Any]
) -> None:
    repository = repositories.make("waits")
    commit = repository.commit({"tiercel.toml": services(waits=""), "waits/template.json": queue()})
    asyncio.run(publish_artifact(repository.name, commit, then_deploy=False))
    records = Records(orchestrator(preprod, "test"), preprod.artifact_bucket)
    drill = OpenDrill(number=99, prefix=preprod.prefix, environment="preprod", at=datetime.now(UTC))
    assert open_drill.fn(records, drill) == drill

    async def deploy() -> dict[str, Any]:
        running = asyncio.create_task(deploy_to_preprod(repository.name, commit))
        while not any("waiting for drill 99" in one.getMessage() for one in run_log):
            await asyncio.sleep(0.05)
            assert not running.done()
        assert any("with --give-up ends one" in one.getMessage() for one in run_log)
        await asyncio.to_thread(close_drill.fn, records, drill)
        return await running

    assert asyncio.run(deploy())["waits"].changed


@pytest.mark.usefixtures("shop_stands")
def test_a_drill_that_is_given_up_deletes_nothing_more_and_brings_back_what_is_gone(
    sandbox: Sandbox, preprod: Names
) -> None:
    plan = asyncio.run(rebuild_from_scratch("preprod", plan_only=True))
    assert isinstance(plan, DrillPlan)
    before, offset = stacks(sandbox), journal_size(sandbox.journal)
    where = ["--local", "--sandbox", "--state", str(sandbox.state)]
    approved = ["--approve", plan.digest, "--account", plan.alias]
    config = ["--config", str(impatient(sandbox))]
    records = Records(orchestrator(preprod, "test"), preprod.artifact_bucket)
    other = Lease(stack=preprod.stack("store"), holder="another run", fencing=1, seconds=600)
    held = take_lease.fn(records, other)  # so the drill is killed before it comes to that one
    killed = fork("rebuild", "preprod", *approved, *where, *config, **server())
    kill_after(killed, sandbox.journal, offset, "DeleteStack")
    give_back_lease(held)
    began = journal_size(sandbox.journal)

    with pytest.raises(DrillFailedError, check=because("drill.not_as_before")) as told:
        asyncio.run(rebuild_from_scratch("preprod", give_up=True))

    now, store, desk = stacks(sandbox), preprod.stack("store"), preprod.stack("desk")
    assert f"{store} is not as the plan knows it" in told.value.why
    assert now.keys() == before.keys()
    assert now[store]["StackId"] == before[store]["StackId"]
    assert "DeleteStack" not in deletions(sandbox, began)
    gone = {one for one in before if now[one]["StackId"] != before[one]["StackId"]}
    assert gone
    assert gone <= {desk, preprod.stack("waits")}
    again = asyncio.run(rebuild_from_scratch("preprod", plan_only=True))
    assert isinstance(again, DrillPlan)
    assert again.digest != plan.digest


@lifecycle_flow("given-up", "give up", "preprod")
async def given_up_while_another_run_is_at_work(topology: Topology, plan: DrillPlan) -> Drill:
    """The two have read the same, then the other has destroyed what stacks need; return its end."""
    target, now = ReleaseTarget.of(topology, "preprod"), datetime.now(UTC)
    begun = await opened_with(target, plan, ApprovalKind.TYPED, "ada", topology.drills)
    other, giving_up = await both(Drill.taken_up(target, begun), Drill.taken_up(target, begun))
    await other.record(DrillStep(phase=Phase.DESTROY_FOUNDATION, began=now, ended=now))
    await leave_the_rest(giving_up)
    await leave_foundation(giving_up)
    await delete_all(other, lambda: None)
    await call(close_drill, target.records, begun.marker(target.names.stack_prefix))
    assert not await other.ended(Phase.APPLY_FOUNDATION), "it has still to be made again"
    return other


@pytest.mark.usefixtures("shop_stands")
def test_a_drill_that_is_given_up_deletes_nothing_more_in_another_run_that_is_at_work(
    sandbox: Sandbox, topology: Topology
) -> None:
    plan = asyncio.run(rebuild_from_scratch("preprod", plan_only=True))
    assert isinstance(plan, DrillPlan)
    plan = plan.model_copy(update={"foundation": Foundation(digest="", addresses=())})
    offset = journal_size(sandbox.journal)

    other = asyncio.run(given_up_while_another_run_is_at_work(topology, plan))

    assert deletions(sandbox, offset) == []
    assert not other.deleted
    decided = {name for phase, name in other.steps if phase is Phase.DELETE}
    assert decided == {one.name for one in plan.stacks}


def test_a_run_of_a_drill_does_not_wait_for_what_another_run_of_it_brings_back(
    topology: Topology, run_log: list[Any]
) -> None:
    plan = asyncio.run(rebuild_from_scratch("preprod", plan_only=True))
    assert isinstance(plan, DrillPlan)

    @lifecycle_flow("overtaken", "overtake", "preprod")
    async def overtaken() -> Drill:
        """A run waits for what is gone, as the other has proven that and brought it back."""
        target, now = ReleaseTarget.of(topology, "preprod"), datetime.now(UTC)
        begun = await opened_with(target, plan, ApprovalKind.TYPED, "ada", topology.drills)
        other, late = await both(Drill.taken_up(target, begun), Drill.taken_up(target, begun))
        for one in plan.stacks:
            await other.record(DrillStep(phase=Phase.DELETE, stack=one.name, began=now, ended=now))
            assert await late.ended(Phase.DELETE, one.name)
        waiting = asyncio.create_task(prove_empty(late))
        while not any("are still going" in one.getMessage() for one in run_log):
            await asyncio.sleep(0.05)
            assert not waiting.done()
        await other.record(DrillStep(phase=Phase.PROVE_EMPTY, began=now, ended=now))
        async with asyncio.timeout(60):
            await waiting
        await call(close_drill, target.records, begun.marker(target.names.stack_prefix))
        return late

    proven = asyncio.run(overtaken()).done(Phase.PROVE_EMPTY)
    assert proven is not None
    assert proven.failure is None
    assert not [one for one in run_log if one.levelname == "WARNING"]


def lamp(handler: str) -> dict[str, str]:
    """`shade` takes an output of `lamp`, which is released as its function says."""
    name = {"LampName": {"Type": "String"}}
    return {
        "tiercel.toml": services(
            lamp='[services.lamp.smoke_test]\ninvoke = "Function"\n',
            shade='depends_on = ["lamp"]\n',
        ),
        "lamp/template.json": function(Outputs={"LampName": {"Value": {"Ref": "Function"}}}),
        "lamp/src/app.py": handler,
        "shade/template.json": template({"Queue": {"Type": "AWS::SQS::Queue"}}, Parameters=name),
    }


@pytest.mark.usefixtures("shop_stands")
def test_a_drill_that_cannot_rebuild_a_stack_ends_when_it_is_given_up_and_a_deploy_goes_through(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker, tmp_path: Path
) -> None:
    repository = repositories.make("dark")
    oil = tmp_path / "oil"  # data that nothing brings back
    oil.touch()
    needs_oil = f"def handler(event, context):\n    return open({str(oil)!r}).read()\n"
    release(repository, repository.commit(lamp(needs_oil)))
    plan = asyncio.run(rebuild_from_scratch("preprod", plan_only=True))
    assert isinstance(plan, DrillPlan)
    before = stacks(sandbox)
    oil.unlink()
    with pytest.raises(SmokeTestFailedError):
        asyncio.run(rebuild_from_scratch("preprod", approve=plan.digest, account=plan.alias))
    records = Records(orchestrator(preprod, "test"), preprod.artifact_bucket)
    assert read_open_drill.fn(records), "without a word it is for the next run to go on"

    with pytest.raises(DrillFailedError, check=because("drill.not_as_before")) as told:
        asyncio.run(rebuild_from_scratch("preprod", give_up=True))

    broken, waits = preprod.stack("lamp"), preprod.stack("shade")
    assert told.value.why.splitlines() == [
        f"rebuild {broken}: the smoke test of {broken} failed",
        f"rebuild {waits}: {waits} was not rebuilt, because {broken} was not",
    ]
    assert stacks(sandbox).keys() == before.keys() - {waits}
    assert read_open_drill.fn(records) is None
    released = release(repository, repository.commit(lamp(answering("light"))))
    assert released["lamp"].changed
    assert released["shade"].changed
    assert stacks(sandbox).keys() == before.keys()


@pytest.mark.usefixtures("shop_stands")
def test_what_a_run_has_given_up_is_not_released_by_another_run_of_the_drill(
    sandbox: Sandbox, topology: Topology, preprod: Names, run_log: list[Any]
) -> None:
    plan = asyncio.run(rebuild_from_scratch("preprod", plan_only=True))
    assert isinstance(plan, DrillPlan)
    store, desk = preprod.stack("store"), preprod.stack("desk")
    plan = plan.model_copy(update={"stacks": (plan.stack(store), plan.stack(desk))})
    offset = journal_size(sandbox.journal)

    @lifecycle_flow("left", "leave", "preprod")
    async def left() -> Drill:
        """The two have read the same, then the one has given up what the other waits for."""
        target, now = ReleaseTarget.of(topology, "preprod"), datetime.now(UTC)
        begun = await opened_with(target, plan, ApprovalKind.TYPED, "ada", topology.drills)
        giving_up = await Drill.taken_up(target, begun)
        for name in (store, desk):
            await giving_up.record(DrillStep(phase=Phase.DELETE, stack=name, began=now, ended=now))
        late = await Drill.taken_up(target, begun)
        error = SmokeTestFailedError("test.reason", "it does not answer")
        await giving_up.record(failed_step(Phase.REBUILD, store, now, error))
        ready, seen = partial(made_ready, late), partial(looked_at, late)
        async with ahead(ready) as sources, ahead(seen) as looks:
            await rebuild_all(late, sources, looks, give_up=False)
        await call(close_drill, target.records, begun.marker(target.names.stack_prefix))
        return late

    late = asyncio.run(left())

    assert late.stays_away(store)
    assert late.stays_away(desk)
    assert not [one for one in run_log if "is live" in one.getMessage()]
    operations = {one.operation for one in read_journal(sandbox.journal, offset)}
    assert not operations & {"CreateChangeSet", "ExecuteChangeSet"}


def test_an_artifact_that_git_builds_otherwise_now_is_refused_before_anything_is_deleted(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("clock")
    commit = repository.commit(
        {
            "tiercel.toml": services(clock='build = ["sh", "-c", "date +%s%N > src/now"]'),
            "clock/template.json": function(),
            "clock/src/app.py": answering("tick"),
        }
    )
    remove_package(sandbox, preprod, release(repository, commit)["clock"].release.intent)
    plan = asyncio.run(rebuild_from_scratch("preprod", plan_only=True))
    assert isinstance(plan, DrillPlan)
    offset = journal_size(sandbox.journal)

    with pytest.raises(ArtifactConflictError, check=because("artifact.not_as_recorded")):
        asyncio.run(rebuild_from_scratch("preprod", approve=plan.digest, account=plan.alias))

    assert deletions(sandbox, offset) == []
