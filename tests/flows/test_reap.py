from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect import flow

from tests.flows.conftest import Watched
from tests.support.aws import root_client
from tests.support.codes import because
from tests.support.commands import error_in, invoke, invoke_json
from tests.support.place import Place
from tests.support.prefect_server import server_of_commands
from tests.support.releases import intent, packaged
from tests.tasks.faults import Answer, Question
from tiercel.domain.artifact.manifest import PackagedObject
from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.base.errors import ExitCode, RefusedInputError
from tiercel.domain.ephemeral.environments import (
    EphemeralRecord,
    EphemeralState,
    OriginKind,
    record_key,
)
from tiercel.domain.ephemeral.lifetimes import LifeReason, LifeStep
from tiercel.domain.organization.access import Target
from tiercel.domain.organization.names import Names, Role
from tiercel.domain.organization.topology import Topology
from tiercel.domain.teardown.leftovers import Fate, Judgement, LeftoverKind, Why
from tiercel.domain.teardown.leftovers_seen import STACK_ID_TAG, STACK_NAME_TAG, ReapScope
from tiercel.domain.teardown.reaper import ReaperMemory, ReapReport
from tiercel.flows.reaping.deeds import ReaperDeeds, unstage
from tiercel.flows.reaping.reaper import reap_once
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.aws.objects import create_object
from tiercel.tasks.github.releases import tag_version
from tiercel.tasks.records.ephemeral import change_environment, read_environment
from tiercel.tasks.records.ledger import record_intent
from tiercel.tasks.teardown.reaper_memory import write_memory

pytestmark = pytest.mark.usefixtures("operator")
NOTHING = json.dumps({"Resources": {"None": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}})
LATER = datetime.now(UTC) + timedelta(days=30)


@flow(persist_result=False)
async def run(topology: Topology, now: datetime, dry_run: bool) -> ReapReport:
    return await reap_once(topology, "preprod", dry_run=dry_run, now=now)


def reaped(topology: Topology, now: datetime, *, dry_run: bool = False) -> ReapReport:
    return asyncio.run(run(topology, now, dry_run))


def planned(sandbox: Sandbox, names: Names, service: str, change_set: str) -> None:
    """A stack in review, as a run leaves it that dies before it carries its plan out."""
    formation = root_client(sandbox, "preprod-runtime-root", "cloudformation")
    formation.create_change_set(
        StackName=names.stack(service),
        ChangeSetName=change_set,
        ChangeSetType="CREATE",
        TemplateBody=NOTHING,
        RoleARN=names.role_arn(Role.CLOUDFORMATION),
    )


def reasons(report: ReapReport) -> dict[tuple[LeftoverKind, str], tuple[Why, Fate]]:
    return {(one.kind, one.name): (one.reason, one.fate) for one in report.leftovers}


def test_a_few_of_each_kind_go_with_their_reasons_and_nothing_more_the_second_time(
    sandbox: Sandbox, preprod: Names, topology: Topology
) -> None:
    target = Target(preprod, "test")
    ours, young = "/aws/lambda/acme-preprod-attic-F-1", "/aws/lambda/acme-preprod-attic-F-2"
    seen = ReaperMemory(first_seen={f"log group {ours}": LATER - timedelta(days=20)})
    write_memory.fn(target.records, seen, "")
    planned(sandbox, preprod, "attic", "release-1-attempt-1")
    planned(sandbox, preprod, "byhand", "mine")
    record_intent.fn(target.records, intent(stack=preprod.stack("attic"), number=1))
    logs = root_client(sandbox, "preprod-runtime-root", "logs")
    others = {"/aws/lambda/payroll", "/aws/lambda/acme-prod-attic-F-1"}
    for name in (ours, young, *others):
        logs.create_log_group(logGroupName=name)

    offset = journal_size(sandbox.journal)
    shown = reaped(topology, LATER, dry_run=True)
    calls = {one.operation for one in read_journal(sandbox.journal, offset)}
    first = reaped(topology, LATER)
    again = reaped(topology, LATER)

    assert not [one for one in calls if one.startswith(("Delete", "Put"))]
    review, by_hand = preprod.stack("attic"), preprod.stack("byhand")
    expected = {
        (LeftoverKind.STACK_IN_REVIEW, review): (Why.NEVER_MADE, Fate.DELETE),
        (LeftoverKind.STACK_IN_REVIEW, by_hand): (Why.NO_RELEASE, Fate.BY_HAND),
        (LeftoverKind.LOG_GROUP, ours): (Why.FUNCTION_GONE, Fate.DELETE),
        (LeftoverKind.LOG_GROUP, young): (Why.HARDLY_SEEN, Fate.LATER),
    }
    assert expected.items() <= reasons(shown).items()
    assert shown.leftovers == first.leftovers
    assert {f"stack in review {review}", f"log group {ours}"} <= first.done
    assert not again.done
    assert not again.of(Fate.DELETE)
    left = {one["logGroupName"] for one in logs.describe_log_groups()["logGroups"]}
    assert {young, *others} <= left
    assert ours not in left


def test_what_a_release_has_come_to_need_meanwhile_is_staged_again(
    sandbox: Sandbox, preprod: Names, topology: Topology
) -> None:
    target, s3 = Target(preprod, "test"), root_client(sandbox, "preprod-runtime-root", "s3")
    needed, other = (packaged(sha256_hex(body), size=3) for body in (b"one", b"two"))
    create_object(target.orchestrator, preprod.artifact_bucket, needed.key, b"one")
    chosen = []
    for one in (needed, other):
        s3.put_object(Bucket=preprod.staging_bucket, Key=one.key, Body=b"old")
        chosen.append(Judgement(LeftoverKind.STAGED_OBJECT, one.key, Why.UNNEEDED, one.key))

    async def needed_now() -> dict[str, PackagedObject]:
        return {needed.key: needed}

    @flow(persist_result=False)
    async def unstaged() -> set[str]:
        own, scope = ReleaseTarget.of(topology, "preprod"), ReapScope.of(preprod)
        deeds = ReaperDeeds(own, None, scope)
        await unstage(deeds, chosen, needed_now)
        return deeds.done

    assert asyncio.run(unstaged()) == {f"staged object {other.key}"}
    listed = s3.list_object_versions(Bucket=preprod.staging_bucket, Prefix="packages/")
    there = {one["Key"] for one in listed.get("Versions", ())}
    assert needed.key in there
    assert other.key not in there
    body = s3.get_object(Bucket=preprod.staging_bucket, Key=needed.key)["Body"].read()
    assert body == b"one"


def test_production_is_never_reaped(topology: Topology, sandbox: Sandbox) -> None:
    offset = journal_size(sandbox.journal)
    code, said, _ = invoke("reap", "prod", "--json")
    assert (code, error_in(said)["code"]) == (ExitCode.REFUSED, "reap.production")

    @flow(persist_result=False)
    async def of_prod() -> Any:
        return await reap_once(topology, "prod", dry_run=False)

    with pytest.raises(RefusedInputError, check=because("reap.production")):
        asyncio.run(of_prod())
    assert journal_size(sandbox.journal) == offset


def test_a_record_that_cannot_be_read_holds_up_no_other_and_fails_the_run(
    sandbox: Sandbox, preprod: Names, topology: Topology
) -> None:
    target, torn = Target(preprod, "test"), Names.ephemeral(topology, "torn")
    s3 = root_client(sandbox, "preprod-infrastructure-root", "s3")
    s3.put_object(Bucket=preprod.artifact_bucket, Key=record_key("torn"), Body=b"{")
    recorded(target, "beside")
    made_on_demand(sandbox, torn)
    try:
        with pytest.raises(RefusedInputError, check=because("ephemeral.record_damaged")):
            reaped(topology, LATER)
    finally:
        s3.delete_object(Bucket=preprod.artifact_bucket, Key=record_key("torn"))
    formation = root_client(sandbox, "preprod-runtime-root", "cloudformation")
    there = {one["StackName"] for one in formation.describe_stacks()["Stacks"]}
    ended = read_environment.fn(target.records, "beside")
    assert torn.stack("shop") in there
    assert ended
    assert ended.state is EphemeralState.GONE
    formation.delete_stack(StackName=torn.stack("shop"))


def test_a_candidates_environment_goes_once_production_has_its_commit(
    place: Place, preprod: Names
) -> None:
    target, name = Target(preprod, "test"), place.repository.name
    main, develop = (place.remote.get_branch(one).commit.sha for one in ("main", "develop"))
    newer = place.pushed_anew("hotfix/0.1.1", {"inbox/readme.md": "newer"})
    tag_version.fn(name, "v0.1.0", main)
    of = {"origin": OriginKind.CANDIDATE, "origin_of": "develop", "repository": name}
    alive = of | {"expires": LATER + timedelta(days=1)}
    for called, commit in {"tagged": main, "older": develop, "newer": newer}.items():
        recorded(target, called, commit=commit, **alive)

    reap = ("reap", "preprod", "--local")
    shown = invoke_json(*reap, "--dry-run", **server_of_commands())
    untouched = [read_environment.fn(target.records, one) for one in ("tagged", "older")]
    report = invoke_json(*reap, **server_of_commands())

    lives = [
        (one["name"], one["step"], one["reason"])
        for one in report["environments_on_demand"]
        if one["name"] in {"tagged", "older", "newer"}
    ]
    assert sorted(lives) == [
        ("newer", LifeStep.NOTHING, LifeReason.ALIVE),
        ("older", LifeStep.DESTROY, LifeReason.PROMOTED),
        ("tagged", LifeStep.DESTROY, LifeReason.PROMOTED),
    ]
    done = {one["name"]: one["done"] for one in report["environments_on_demand"]}
    assert (done["tagged"], done["older"], done["newer"]) == (True, True, False)
    assert not any(one["done"] for one in shown["environments_on_demand"])
    assert [one and one.state for one in untouched] == [EphemeralState.UP, EphemeralState.UP]
    recorded(target, "newer", state=EphemeralState.GONE)


UPLOADS = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"}
ORDERS = {
    "Type": "AWS::DynamoDB::Table",
    "DeletionPolicy": "Retain",
    "Properties": {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    },
}
QUEUE = {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain"}


def recorded(target: Target, name: str, **changes: Any) -> EphemeralRecord:
    record = EphemeralRecord(
        name=name,
        owner="ada",
        purpose="a demonstration",
        origin=OriginKind.COMMIT,
        origin_of="1" * 40,
        repository="acme/shop",
        commit="1" * 40,
        services=("shop",),
        created=LATER - timedelta(days=2),
        expires=LATER - timedelta(hours=1),
        state=EphemeralState.UP,
    ).model_copy(update=changes)
    return change_environment.fn(target.records, name, lambda _: record)


def made_on_demand(sandbox: Sandbox, names: Names) -> str:
    formation = root_client(sandbox, "preprod-runtime-root", "cloudformation")
    resources = {"Uploads": UPLOADS, "Orders": ORDERS, "Queue": QUEUE}
    answer = formation.create_stack(
        StackName=names.stack("shop"),
        TemplateBody=json.dumps({"Resources": resources}),
        Tags=[{"Key": key, "Value": value} for key, value in names.stack_tags("shop").items()],
    )
    formation.get_waiter("stack_create_complete").wait(
        StackName=answer["StackId"], WaiterConfig={"Delay": 0.1}
    )
    return str(answer["StackId"])


def test_environments_on_demand_that_are_over_go_and_then_what_their_stacks_left(
    sandbox: Sandbox, preprod: Names, topology: Topology
) -> None:
    target = Target(preprod, "test")
    over, stray = (Names.ephemeral(topology, name) for name in ("over", "stray"))
    recorded(target, "over")
    recorded(target, "soon", expires=LATER + timedelta(minutes=30))
    recorded(target, "alive", expires=LATER + timedelta(hours=9))
    ids = [made_on_demand(sandbox, names) for names in (over, stray)]
    s3 = root_client(sandbox, "preprod-runtime-root", "s3")
    bucket = f"{over.stack('shop')}-uploads-1x"
    s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    left = {STACK_ID_TAG: ids[0], STACK_NAME_TAG: over.stack("shop")} | over.stack_tags("shop")
    s3.put_bucket_tagging(
        Bucket=bucket,
        Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in left.items()]},
    )
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")

    first = reaped(topology, LATER)
    second = reaped(topology, LATER + timedelta(hours=2))
    third = reaped(topology, LATER + timedelta(hours=4))

    expected = {
        "over": LifeReason.EXPIRED,
        "soon": LifeReason.ENDS_SOON,
        "stray": LifeReason.UNRECORDED,
        "alive": LifeReason.ALIVE,
    }
    assert expected.items() <= {one.name: one.reason for one in first.lives}.items()
    assert {"over", "stray"} <= first.done
    ended = read_environment.fn(target.records, "over")
    assert ended
    assert ended.state is EphemeralState.GONE
    assert {one.name: one.reason for one in second.lives}["soon"] is LifeReason.EXPIRED
    chosen = {one.kind for one in third.leftovers if one.key in third.done}
    assert chosen >= {LeftoverKind.BUCKET, LeftoverKind.TABLE, LeftoverKind.QUEUE}
    assert bucket not in {one["Name"] for one in s3.list_buckets()["Buckets"]}
    tables = root_client(sandbox, "preprod-runtime-root", "dynamodb").list_tables()["TableNames"]
    assert not [one for one in tables if one.startswith("acme-ephemeral-")]


def test_stacks_of_an_environment_that_is_made_anew_while_the_reaper_looks_stay(
    sandbox: Sandbox, preprod: Names, topology: Topology, watched: Watched
) -> None:
    target, revived = Target(preprod, "test"), Names.ephemeral(topology, "revived")
    gone = recorded(target, "revived", state=EphemeralState.GONE)
    made_on_demand(sandbox, revived)
    anew: list[EphemeralRecord] = []

    def bring_up(question: Question, ask: Callable[[], Answer]) -> Answer:
        """Somebody asks for it again once the records were read."""
        answer = ask()
        if b"Action=DescribeStacks" in question.body and not anew:
            end = {"generation": gone.generation + 1, "expires": LATER + timedelta(hours=9)}
            anew.append(recorded(target, "revived", **end))
        return answer

    with watched(bring_up):
        first = reaped(topology, LATER)

    found = {one.name: one.reason for one in first.lives}
    assert (found["revived"], "revived" in first.done) == (LifeReason.STACKS_LEFT, False)
    formation = root_client(sandbox, "preprod-runtime-root", "cloudformation")
    (stack,) = formation.describe_stacks(StackName=revived.stack("shop"))["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    recorded(target, "revived", state=EphemeralState.GONE)
    assert "revived" in reaped(topology, LATER).done
