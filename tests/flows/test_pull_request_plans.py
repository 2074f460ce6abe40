"""What CloudFormation itself says of a pull request, on the sandbox, and what it is never asked."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from prefect import flow

from tests.support.aws import root_client
from tests.support.place import Place
from tests.support.templates import services, template
from tests.unit.review.test_planning_refusals import ATTACKS
from tests.unit.review.test_situations import pull
from tiercel.domain.artifact.manifest import (
    Manifest,
    PackagedObject,
    declared_parameters,
    object_key,
)
from tiercel.domain.artifact.source_tree import SourceTree
from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Topology
from tiercel.domain.review.stack_plans import StackPlan
from tiercel.domain.review.statuses import StatusState
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.flows.verification.parts import stack_plan
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.verification.verifier import Verified

_STACK = "acme-preprod-plans"
_LOOKS = {"DescribeStacks", "GetTemplate"}
_PLANS = {
    "CreateChangeSet",
    "DeleteChangeSet",
    "DescribeChangeSet",
    "DescribeEvents",
    "ListChangeSets",
}
_SERVICE = Service(name="plans", path="plans")


def _queues(name: str, secret: str, **others: Any) -> str:
    kept = {"Type": "AWS::SQS::Queue"}
    named = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": f"acme-preprod-{name}"}}
    given = {"Secret": {"Type": "String", "Default": secret, "NoEcho": True}}
    return template({"Stays": kept, "Named": named, **others}, Parameters=given)


def test_a_plan_is_cloudformations_own_is_deleted_and_hostile_templates_are_never_shown_to_it(
    place: Place, sandbox: Sandbox, topology: Topology
) -> None:
    first = _queues("a", "hunter2", Goes={"Type": "AWS::SQS::Queue"})
    files = {"tiercel.toml": services(plans=""), "plans/template.json": first}
    place.released_to_preprod(place.merged("feature/plans", files))
    after = _queues("b", "hunter3", New={"Type": "AWS::SNS::Topic"})
    number, commit = place.opened("feature/planned", {"plans/template.json": after})
    cloudformation = root_client(sandbox, "preprod-runtime-root", "cloudformation")
    others = f"pull-{number}-{'0' * 12}-{'0' * 16}"
    cloudformation.create_change_set(StackName=_STACK, ChangeSetName=others, TemplateBody=after)
    start = journal_size(sandbox.journal)

    checks = place.verified(number, commit)

    assert checks["tiercel/preprod"].state is StatusState.SUCCESS, checks
    (comment,) = place.comments(number)
    planned = comment.partition("#### What a merge would change in preprod")[2]
    planned = planned.partition("####")[0]
    assert [line for line in planned.splitlines() if line.startswith("| plans")] == [
        "| plans | removed, **deleted** | `Goes` | AWS::SQS::Queue |  |",
        "| plans | **replaced** | `Named` | AWS::SQS::Queue | QueueName |",
        "| plans | added | `New` | AWS::SNS::Topic |  |",
    ]
    assert "hunter" not in comment
    assert "acme-preprod-b" not in comment, "a value of a property is told"
    calls = _calls_of_cloudformation(sandbox, start)
    assert {name for name, _ in calls} == _LOOKS | _PLANS
    assert {status for _, status in calls} == {200}, "the session lacks a permission"
    there = cloudformation.list_change_sets(StackName=_STACK)["Summaries"]
    names = [one["ChangeSetName"] for one in there]
    assert [one for one in names if one.startswith("pull-")] == [others], "another run made it now"

    start = journal_size(sandbox.journal)
    found = _asked_of_hostile(topology)
    assert len(found) > 50
    assert all(one.reason and not one.changes for one in found)
    made = {name for name, _ in _calls_of_cloudformation(sandbox, start)}
    assert made == _LOOKS, "a hostile template reached CloudFormation"
    services_asked = {one.service for one in read_journal(sandbox.journal, start)}
    assert services_asked <= {"cloudformation", "sts"}, "something was staged, or a value was read"


def _calls_of_cloudformation(sandbox: Sandbox, start: int) -> list[tuple[str, int]]:
    calls = read_journal(sandbox.journal, start)
    return [(one.operation, one.status) for one in calls if one.service == "cloudformation"]


def _asked_of_hostile(topology: Topology) -> list[StackPlan]:
    @flow(name="hostile-plans")
    async def asked() -> list[StackPlan]:
        target = ReleaseTarget.of(topology, "preprod")
        one = pull("feature/x", "develop")
        return [
            await stack_plan(topology, target, one, _SERVICE, _verified(attack), is_new=False)
            for _, attack, _ in ATTACKS
        ]

    return asyncio.run(asked())


def _verified(attack: dict[str, Any]) -> Verified:
    body = json.dumps(attack).encode()
    digest = sha256_hex(body)
    package = PackagedObject(key=object_key(digest, "template"), sha256=digest, size=len(body))
    tree = SourceTree(service="plans", objects={"plans": "a" * 40}, template="template.json")
    declared = attack.get("Parameters")
    manifest = Manifest(
        service="plans",
        artifact_id=tree.artifact_id,
        source=tree,
        template=package,
        parameters=declared_parameters(attack) if isinstance(declared, dict) else (),
        objects=(package,),
        assets=(),
    )
    # Whatever has no value yet is not asked about either: here the template is what is refused.
    known = tuple(one.model_copy(update={"required": False}) for one in manifest.parameters)
    manifest = manifest.model_copy(update={"parameters": known})
    return Verified(attack, manifest, {package.key: body}, {package.key: attack})
