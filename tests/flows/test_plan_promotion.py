"""What a release pull request would change in Prod is shown on it, and nothing is executed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from prefect.client.schemas.objects import State

from tests.flows.conftest import Become
from tests.support.aws import root_client
from tests.support.place import Place
from tests.support.templates import services, template
from tiercel.flows.plan_promotion import plan_promotion
from tiercel.flows.promote import promote_to_prod
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox

STACK = "acme-prod-shown"
PARAMETERS = '[services.shown.parameters]\nTold = "hunter"\n'
MADE = {"CreateChangeSet", "DeleteChangeSet", "ExecuteChangeSet", "UpdateStack", "DeleteStack"}


def files(action: str, secret: str) -> dict[str, str]:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    policy = {"PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
             "Action": "sts:AssumeRole"}  # fmt: skip
    role = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "Policies": [policy | {"PolicyName": "own"}],
    }
    given = {"Secret": {"Type": "String", "Default": secret, "NoEcho": True}}
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": len(secret)}}
    made = {"Queue": queue, "Role": {"Type": "AWS::IAM::Role", "Properties": role}}
    return {
        "tiercel.toml": services(shown=PARAMETERS),
        "shown/template.json": template(made, Parameters=given | {"Told": {"Type": "String"}}),
    }


def planned(place: Place, become: Become, number: int, commit: str) -> State[Any]:
    async def ended() -> State[Any]:
        return await plan_promotion(place.repository.name, number, commit, return_state=True)

    become("prod")
    try:
        return asyncio.run(ended())
    finally:
        become("preprod")


def test_a_release_pull_request_tells_what_its_merge_would_change_in_prod_and_never_a_value(
    sandbox: Sandbox, place: Place, become: Become
) -> None:
    place.released_to_preprod(place.merged("feature/shown", files("s3:GetObject", "hunter2")))
    first = place.merged("release/1.0.0", {}, base="main")
    become("prod")
    asyncio.run(promote_to_prod(place.repository.name, first))
    become("preprod")
    place.released_to_preprod(place.merged("feature/more", files("s3:*", "hunter42")))
    number, head = place.opened("release/1.1.0", {}, base="main")
    before = journal_size(sandbox.journal)

    state = planned(place, become, number, head)

    assert asyncio.run(state.aresult()) == ["shown"]
    (comment,) = [one for one in place.comments(number) if "plan of prod" in one]
    rows = [line for line in comment.splitlines() if line.startswith("| shown")]
    assert rows == [
        "| shown | changed | `Queue` | AWS::SQS::Queue | DelaySeconds |",
        "| shown | changed, **may allow more** | `Role` | AWS::IAM::Role | Policies |",
    ]
    assert "hunter" not in comment
    assert "s3:" not in comment
    calls = [one for one in read_journal(sandbox.journal, before) if one.operation in MADE]
    assert [one.operation for one in calls] == ["CreateChangeSet", "DeleteChangeSet"]
    cloudformation = root_client(sandbox, "prod-runtime-root", "cloudformation")
    there = cloudformation.list_change_sets(StackName=STACK)["Summaries"]
    assert not [one for one in there if one["ChangeSetName"].startswith("pull-")]

    # What Preprod has not verified is not planned, and who waits for that is told so.
    new = json.loads(files("s3:*", "hunter42")["shown/template.json"])
    new["Resources"]["Topic"] = {"Type": "AWS::SNS::Topic"}
    head = place.pushed("release/1.1.0", {"shown/template.json": json.dumps(new)})
    before = journal_size(sandbox.journal)
    assert planned(place, become, number, head).name == "Waiting"
    (comment,) = [one for one in place.comments(number) if "plan of prod" in one]
    assert "preprod has not verified what this brings:** `shown`" in comment
    assert "There is no plan of prod" in comment
    assert not [one for one in read_journal(sandbox.journal, before) if one.operation in MADE]
