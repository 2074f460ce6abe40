"""What the artifact bucket's own policy keeps, whatever a caller's permissions are."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.support import PREPROD, Caller, allow, caller, orchestrator, role_with
from tiercel.domain.organization.names import Role
from tiercel.sandbox.lifecycle import Sandbox

BUCKET = PREPROD.artifact_bucket
ONCE = ("packages/", "manifests/", "provenance/", "ledger/", "verifications/", "holds/")
OWN_KEY = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}


@pytest.fixture(scope="module")
def worker(box: Sandbox) -> Any:
    return orchestrator(box, PREPROD).client("s3")


@pytest.fixture(scope="module")
def administrator(box: Sandbox) -> Any:
    return everything(box, "test-everything").client("s3")


@pytest.fixture(scope="module")
def retention(box: Sandbox) -> Any:
    administrator = everything(box, "test-administrator")
    return administrator.assume(PREPROD.role_arn(Role.RETENTION)).client("s3")


def everything(box: Sandbox, name: str) -> Caller:
    return role_with(caller(box, "preprod-infrastructure-root"), name, allow("*", "*"))


def new(folder: str) -> dict[str, str]:
    return {"Bucket": BUCKET, "Key": f"{folder}test-{uuid.uuid4()}"}


def denied(call: Any, **arguments: Any) -> bool:
    try:
        call(**arguments)
    except ClientError as error:
        return bool(error.response["Error"]["Code"] == "AccessDenied")
    return False


@pytest.mark.parametrize("folder", ONCE)
def test_what_is_written_once_takes_no_write_that_may_overwrite(
    worker: Any, administrator: Any, folder: str
) -> None:
    where = new(folder)
    for who in (worker, administrator):
        assert denied(who.put_object, **where, Body=b"x")
        assert denied(who.put_object, **where, Body=b"x", IfMatch='"d41d8"')
    worker.put_object(**where, Body=b"x", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        worker.put_object(**where, Body=b"y", IfNoneMatch="*")
    assert denied(
        administrator.copy_object, **where, CopySource={"Bucket": BUCKET, "Key": where["Key"]}
    )


def test_an_upload_in_parts_is_ended_with_the_condition_alone(worker: Any) -> None:
    where = new("packages/")
    upload = where | {"UploadId": worker.create_multipart_upload(**where)["UploadId"]}
    part = worker.upload_part(**upload, PartNumber=1, Body=b"x")
    parts = {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}}
    assert denied(worker.complete_multipart_upload, **upload, **parts)
    worker.complete_multipart_upload(**upload, **parts, IfNoneMatch="*")


def test_leases_are_written_over(worker: Any) -> None:
    where = new("leases/")
    first = worker.put_object(**where, Body=b"x", IfNoneMatch="*")
    worker.put_object(**where, Body=b"y", IfMatch=first["ETag"])


@pytest.mark.parametrize("folder", ["packages/", "leases/"])
def test_nobody_encrypts_with_a_key_of_his_own(administrator: Any, folder: str) -> None:
    assert denied(administrator.put_object, **new(folder), Body=b"x", IfNoneMatch="*", **OWN_KEY)


def test_nobody_deletes_but_the_role_for_it_and_it_never_in_the_ledger(
    worker: Any, administrator: Any, retention: Any
) -> None:
    for folder in (*ONCE, "leases/"):
        where = new(folder)
        version = worker.put_object(**where, Body=b"x", IfNoneMatch="*")["VersionId"]
        for who in (worker, administrator):
            assert denied(who.delete_object, **where)
            assert denied(who.delete_object, **where, VersionId=version)
        seen = denied(retention.list_object_versions, Bucket=BUCKET, Prefix=where["Key"])
        assert denied(retention.get_object, **where)
        is_ledger = folder in ("ledger/", "verifications/", "holds/")
        assert seen is is_ledger
        assert denied(retention.delete_object, **where, VersionId=version) is is_ledger


def test_a_run_does_not_become_the_role_that_deletes_whatever_its_own_policy_says(
    box: Sandbox,
) -> None:
    root = caller(box, "preprod-infrastructure-root")
    allowed = allow("sts:AssumeRole", PREPROD.role_arn(Role.RETENTION))
    one_of_ours = role_with(root, f"{PREPROD.prefix}test", allowed)
    assert denied(
        one_of_ours.client("sts").assume_role,
        RoleArn=PREPROD.role_arn(Role.RETENTION),
        RoleSessionName="test",
    )
