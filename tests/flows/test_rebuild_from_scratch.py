"""Whole drills: each in a sandbox of its own, because everything in it is deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.aws import root_client
from tests.support.codes import because
from tests.support.flow_runs import release
from tests.support.repositories import RepositoryMaker
from tests.support.templates import answering, function, services, template
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.access import Records, orchestrator
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.domain.release.ledger import Purpose
from tiercel.domain.teardown.drill_plan import DrillPlan
from tiercel.domain.teardown.drill_report import DrillReport
from tiercel.flows.rebuild_from_scratch import rebuild_from_scratch
from tiercel.sandbox import lifecycle
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.records.ledger import newest_release

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
    return {
        "tiercel.toml": services(store="", desk=f'depends_on = ["store"]\n{smoke}'),
        "store/template.json": store,
        "desk/template.json": function(Parameters={"TableName": {"Type": "String"}}),
        "desk/src/app.py": answering("desk"),
    }


def stacks(sandbox: Sandbox) -> dict[str, Any]:
    formation = root_client(sandbox, "preprod-runtime-root", "cloudformation")
    return {one["StackName"]: one for one in formation.describe_stacks()["Stacks"]}


def deletions(sandbox: Sandbox, offset: int) -> list[str]:
    calls = read_journal(sandbox.journal, offset)
    return [one.operation for one in calls if one.operation.startswith("Delete")]


def test_an_environment_is_deleted_and_comes_back_as_it_was(
    sandbox: Sandbox,
    preprod: Names,
    repositories: RepositoryMaker,
) -> None:
    repository = repositories.make("drilled")
    before = release(repository, repository.commit(shop()))
    s3 = root_client(sandbox, "preprod-runtime-root", "s3")
    files = next(one["Name"] for one in s3.list_buckets()["Buckets"] if "files" in one["Name"])
    s3.put_object(Bucket=files, Key="precious", Body=b"12345")
    offset = journal_size(sandbox.journal)

    plan = asyncio.run(rebuild_from_scratch("preprod", plan_only=True))
    assert isinstance(plan, DrillPlan)
    digest = plan.digest
    refusals: dict[str, dict[str, Any]] = {
        "drill.waiting_for_approval": {},
        "drill.other_plan": {"approve": "a" * 64, "account": preprod.environment.runtime_account},
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
    for service, released in before.items():
        now = newest_release.fn(records, preprod.stack(service))
        assert now
        assert now.intent.purpose is Purpose.DRILL
        assert now.intent.artifact_digest == released.release.intent.artifact_digest
        assert stacks(sandbox)[now.intent.stack]["StackId"] != released.stack.stack_id
    assert any("objects, 5 bytes" in line for line in report.lost)
    assert any("output Made" in line for line in report.generated)
    assert report.phases.keys() == {"delete", "prove-empty", "rebuild", "verify"}
    assert report.critical_path[:2] == (
        f"delete {preprod.stack('desk')}",
        f"delete {preprod.stack('store')}",
    )
