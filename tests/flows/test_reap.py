from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect import flow

from tests.support.aws import root_client
from tests.support.codes import because
from tests.support.releases import intent, packaged
from tiercel.domain.artifact.manifest import PackagedObject
from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.access import Target
from tiercel.domain.organization.names import Names, Role
from tiercel.domain.organization.topology import Topology
from tiercel.domain.teardown.leftovers import Fate, Judgement, LeftoverKind, Why
from tiercel.domain.teardown.leftovers_seen import ReapScope
from tiercel.domain.teardown.reaper import ReaperMemory, ReapReport
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.flows.teardown.reaper import reap_once
from tiercel.flows.teardown.reaper_deeds import ReaperDeeds, unstage
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.aws.objects import create_object
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

    @flow(persist_result=False)
    async def of_prod() -> Any:
        return await reap_once(topology, "prod", dry_run=False)

    with pytest.raises(RefusedInputError, check=because("reap.production")):
        asyncio.run(of_prod())
    assert journal_size(sandbox.journal) == offset
