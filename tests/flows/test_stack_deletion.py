from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from prefect import flow

from tests.support.aws import root_client
from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.names import Names, Role
from tiercel.domain.organization.topology import Topology
from tiercel.domain.teardown.stack_deletion import DeletedStack
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.flows.teardown.stack_deletion import StackDeletion, delete_one_stack
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox

pytestmark = pytest.mark.usefixtures("operator")


@flow(persist_result=False)
async def run(wish: StackDeletion) -> DeletedStack:
    return await delete_one_stack(wish)


def made(sandbox: Sandbox, names: Names, service: str, resources: dict[str, Any]) -> Any:
    """A stack that is up, and its id."""
    formation = root_client(sandbox, "preprod-runtime-root", "cloudformation")
    answer = formation.create_stack(
        StackName=names.stack(service),
        TemplateBody=json.dumps({"Resources": resources}),
        RoleARN=names.role_arn(Role.CLOUDFORMATION),
        Tags=[{"Key": key, "Value": value} for key, value in names.stack_tags(service).items()],
    )
    formation.get_waiter("stack_create_complete").wait(
        StackName=answer["StackId"], WaiterConfig={"Delay": 0.1}
    )
    return answer["StackId"]


def wish(topology: Topology, service: str, **changes: Any) -> StackDeletion:
    target = ReleaseTarget.of(topology, "preprod")
    names = target.names
    asked = StackDeletion(target, names.stack(service), names.stack_tags(service), "test")
    return replace(asked, **changes)


def exists(sandbox: Sandbox, stack: str) -> bool:
    formation = root_client(sandbox, "preprod-runtime-root", "cloudformation")
    found = formation.describe_stacks()["Stacks"]
    return any(one["StackName"] == stack for one in found)


def test_a_stack_goes_with_all_versions_in_its_buckets_and_then_there_is_none(
    sandbox: Sandbox, preprod: Names, topology: Topology
) -> None:
    versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
    stack_id = made(
        sandbox, preprod, "hoard",
        {
            "Hoard": {"Type": "AWS::S3::Bucket", "Properties": versioned},
            "Stays": {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain"},
        },
    )  # fmt: skip
    formation = root_client(sandbox, "preprod-runtime-root", "cloudformation")
    bucket = formation.describe_stack_resource(StackName=stack_id, LogicalResourceId="Hoard")
    name = bucket["StackResourceDetail"]["PhysicalResourceId"]
    s3 = root_client(sandbox, "preprod-runtime-root", "s3")
    for _ in range(2):
        s3.put_object(Bucket=name, Key="a", Body=b"a")
    s3.delete_object(Bucket=name, Key="a")

    deleted = asyncio.run(run(wish(topology, "hoard", express=True)))
    again = asyncio.run(run(wish(topology, "hoard")))

    assert not exists(sandbox, preprod.stack("hoard"))
    assert deleted.stack_id == stack_id
    assert deleted.emptied == {name: 3}
    assert [one.logical_id for one in deleted.retained] == ["Stays"]
    assert not again.stack_id
    calls = [one for one in read_journal(sandbox.journal) if one.operation == "DeleteStack"]
    assert calls[-1].principal.startswith(f"arn:aws:sts::{preprod.environment.runtime_account}")


def test_what_cannot_be_deleted_stays_behind_and_is_named(
    sandbox: Sandbox, preprod: Names, topology: Topology
) -> None:
    stack_id = made(sandbox, preprod, "locked", {"Safe": {"Type": "AWS::S3::Bucket"}})
    formation = root_client(sandbox, "preprod-runtime-root", "cloudformation")
    bucket = formation.describe_stack_resource(StackName=stack_id, LogicalResourceId="Safe")
    name = bucket["StackResourceDetail"]["PhysicalResourceId"]
    s3 = root_client(sandbox, "preprod-runtime-root", "s3")
    s3.put_object(Bucket=name, Key="a", Body=b"a")
    kept = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject*"}
    policy = {
        "Version": "2012-10-17",
        "Statement": [{**kept, "Resource": f"arn:aws:s3:::{name}/*"}],
    }
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
    formation.delete_stack(StackName=stack_id)  # whoever was killed left it half deleted
    deleted = asyncio.run(run(wish(topology, "locked")))

    assert not exists(sandbox, preprod.stack("locked"))
    assert [(one.logical_id, one.physical_id) for one in deleted.retained] == [("Safe", name)]
    assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 1


def test_what_must_not_be_deleted_is_refused_without_a_call_that_deletes(
    sandbox: Sandbox, preprod: Names, topology: Topology
) -> None:
    queue = {"Queue": {"Type": "AWS::SQS::Queue"}}
    stack_id = made(sandbox, preprod, "dear", queue)
    formation = root_client(sandbox, "preprod-runtime-root", "cloudformation")
    offset = journal_size(sandbox.journal)
    tags = preprod.stack_tags("dear")

    for code, asked in {
        "teardown.foreign_name": wish(topology, "dear", stack="acme-prod-dear"),
        "teardown.foreign_tags": wish(topology, "dear", tags=tags | {"tiercel:service": "x"}),
        "teardown.other_stack": wish(topology, "dear", stack_id=f"{stack_id}0"),
        "teardown.production": wish(topology, "dear", target=ReleaseTarget.of(topology, "prod")),
    }.items():
        with pytest.raises(RefusedInputError, check=because(code)):
            asyncio.run(run(asked))
    formation.update_termination_protection(StackName=stack_id, EnableTerminationProtection=True)
    with pytest.raises(RefusedInputError, check=because("teardown.stack_stays")):
        asyncio.run(run(wish(topology, "dear")))

    operations = {one.operation for one in read_journal(sandbox.journal, offset)}
    assert "DeleteStack" not in operations
    assert exists(sandbox, preprod.stack("dear"))
