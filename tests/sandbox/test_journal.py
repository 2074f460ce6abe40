from __future__ import annotations

import asyncio
import configparser
import hashlib
import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.sandbox.support import (
    PREPROD,
    call_url,
    caller,
    deployer,
    eventually,
    orchestrator,
)
from tiercel.sandbox.aws.gateway import PassingCall
from tiercel.sandbox.aws.journal import CallKind, JournalEntry, journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox

Calls = Callable[[], list[JournalEntry]]


@pytest.fixture
def calls(box: Sandbox) -> Calls:
    """What was called since the test began; an entry is there before its answer has ended."""
    offset = journal_size(box.journal)
    return lambda: list(read_journal(box.journal, offset))


def last(calls: Calls, count: int = 1) -> JournalEntry:
    entries: list[JournalEntry] = eventually(
        lambda: found if len(found := calls()) >= count else []
    )
    return entries[-1]


BUCKET = PREPROD.artifact_bucket
STACK = "arn:aws:cloudformation:eu-central-1:222222222222:stack/acme-preprod-none/*"


@pytest.mark.parametrize(
    ("operation", "arguments", "action", "resource"),
    [
        (
            "PutObject",
            {"Bucket": BUCKET, "Key": "j/a b", "Body": b"x"},
            "s3:PutObject",
            "/j/a b",
        ),
        ("GetObject", {"Bucket": BUCKET, "Key": "j/a b"}, "s3:GetObject", "/j/a b"),
        ("HeadObject", {"Bucket": BUCKET, "Key": "j/a b"}, "s3:GetObject", "/j/a b"),
        ("ListObjectsV2", {"Bucket": BUCKET}, "s3:ListBucket", ""),
        ("ListObjectVersions", {"Bucket": BUCKET}, "s3:ListBucketVersions", ""),
        ("GetBucketVersioning", {"Bucket": BUCKET}, "s3:GetBucketVersioning", ""),
        ("HeadBucket", {"Bucket": BUCKET}, "s3:ListBucket", ""),
        ("CreateMultipartUpload", {"Bucket": BUCKET, "Key": "j/m"}, "s3:PutObject", "/j/m"),
    ],
)
def test_calls_of_s3_have_action_operation_and_resource(
    box: Sandbox,
    calls: Calls,
    operation: str,
    arguments: dict[str, Any],
    action: str,
    resource: str,
) -> None:
    client = orchestrator(box, PREPROD).client("s3")
    client.put_object(Bucket=BUCKET, Key="j/a b", Body=b"x")
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operation).lower()
    getattr(client, name)(**arguments)
    entry = last(calls, 3)
    assert (entry.operation, entry.action) == (operation, action)
    assert entry.resource == f"arn:aws:s3:::{BUCKET}{resource}"
    assert (entry.kind, entry.service, entry.status, entry.error_code) == (
        CallKind.API,
        "s3",
        200,
        None,
    )


def test_an_upload_in_parts_has_every_operation(box: Sandbox, calls: Calls) -> None:
    s3 = orchestrator(box, PREPROD).client("s3")
    where = {"Bucket": BUCKET, "Key": "j/parts"}
    upload = s3.create_multipart_upload(**where)["UploadId"]
    part = s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"x")
    s3.complete_multipart_upload(
        **where,
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    other = s3.create_multipart_upload(**where)["UploadId"]
    s3.list_parts(**where, UploadId=other)
    s3.abort_multipart_upload(**where, UploadId=other)
    last(calls, 7)
    assert [entry.operation for entry in calls() if entry.service == "s3"] == [
        "CreateMultipartUpload",
        "UploadPart",
        "CompleteMultipartUpload",
        "CreateMultipartUpload",
        "ListParts",
        "AbortMultipartUpload",
    ]


def test_the_principal_is_who_called(box: Sandbox, calls: Calls) -> None:
    who = deployer(box, PREPROD)
    who.client("sts").get_caller_identity()
    last(calls, 3)
    assert [(entry.account, entry.principal, entry.operation) for entry in calls()] == [
        ("111111111111", "arn:aws:iam::111111111111:user/operator", "AssumeRole"),
        (
            "111111111111",
            "arn:aws:sts::111111111111:assumed-role/acme-preprod-orchestrator/test",
            "AssumeRole",
        ),
        (
            "222222222222",
            "arn:aws:sts::222222222222:assumed-role/acme-preprod-deployer/test",
            "GetCallerIdentity",
        ),
    ]
    assert calls()[-1].access_key == who.key[-4:]
    assert calls()[-1].region == "eu-central-1"
    assert calls()[0].resource == "arn:aws:iam::111111111111:role/acme-preprod-orchestrator"


def test_an_error_has_its_code(box: Sandbox, calls: Calls) -> None:
    who = orchestrator(box, PREPROD)
    s3, kms = who.client("s3"), who.client("kms")
    stacks = deployer(box, PREPROD).client("cloudformation")
    last(calls, 3)  # an entry follows its answer: wait for those of the roles
    failing: list[tuple[Callable[[], Any], str, str]] = [
        (lambda: s3.get_object(Bucket=BUCKET, Key="absent"), "NoSuchKey", "s3"),
        (lambda: s3.head_object(Bucket=BUCKET, Key="absent"), "404", "s3"),
        (s3.list_buckets, "AccessDenied", "s3"),
        (lambda: kms.encrypt(KeyId="alias/x", Plaintext=b"x"), "AccessDeniedException", "kms"),
        (
            lambda: stacks.describe_stacks(StackName="acme-preprod-none"),
            "ValidationError",
            "cloudformation",
        ),
    ]
    for call, code, service in failing:
        before = len(calls())
        with pytest.raises(ClientError) as raised:
            call()
        entry = last(calls, before + 1)
        assert (entry.service, entry.error_code) == (service, code)
        assert entry.status == raised.value.response["ResponseMetadata"]["HTTPStatusCode"]
    assert calls()[-1].resource == STACK


def test_time_duration_and_request_id_are_those_of_the_call(box: Sandbox, calls: Calls) -> None:
    answer = caller(box, "preprod").client("sts").get_caller_identity()
    entry = last(calls)
    assert timedelta(0) <= datetime.now(UTC) - entry.time < timedelta(seconds=10)
    assert 0 < entry.duration_ms < 10_000
    assert entry.request_id == answer["ResponseMetadata"]["RequestId"]


def test_even_a_denied_call_has_a_request_id(box: Sandbox, calls: Calls) -> None:
    with pytest.raises(ClientError) as raised:
        caller(box, "preprod").client("s3").list_buckets()
    request_id = raised.value.response["ResponseMetadata"]["RequestId"]
    assert request_id
    assert last(calls).request_id == request_id


def test_a_call_of_an_api_is_of_the_data_plane_and_health_is_nothing(
    box: Sandbox, calls: Calls
) -> None:
    call_url(box, f"{box.aws_endpoint}/_ministack/health")
    call_url(box, "https://abcd1234.execute-api.eu-central-1.amazonaws.com/items")
    entry = last(calls)
    assert len(calls()) == 1
    assert (entry.kind, entry.service, entry.action) == (
        CallKind.DATA_PLANE,
        "execute-api",
        "execute-api:Invoke",
    )
    assert entry.resource.endswith(":abcd1234/*/GET/items")
    assert (entry.principal, entry.status) == ("", 404)


def test_a_request_to_the_emulator_itself_is_marked(box: Sandbox, calls: Calls) -> None:
    call_url(box, f"{box.aws_endpoint}/_ministack/ready")
    assert last(calls).kind is CallKind.ADMIN


def test_the_journal_has_no_secrets(box: Sandbox, calls: Calls) -> None:
    who = deployer(box, PREPROD)
    s3 = who.client("s3")
    s3.put_object(Bucket=PREPROD.staging_bucket, Key="secret", Body=b"the body of the object")
    url = s3.generate_presigned_url(
        "get_object", Params={"Bucket": PREPROD.staging_bucket, "Key": "secret"}
    )
    assert call_url(box, url)[0] == 200
    root = caller(box, "preprod-runtime-root")
    root.client("ssm").put_parameter(Name="/p", Value="the value of p", Type="SecureString")
    key = root.client("iam").create_access_key(
        UserName=root.client("iam").create_user(UserName="secretive")["User"]["UserName"]
    )["AccessKey"]
    last(calls, 6)
    text = box.journal.read_text()
    file = configparser.RawConfigParser()
    file.read(box.credentials_file)
    secrets = {file[name]["aws_secret_access_key"] for name in file.sections()}
    secrets |= {who.secret, who.token or "", who.key, key["SecretAccessKey"], key["AccessKeyId"]}
    secrets |= {"the body of the object", "the value of p", "Signature=", "X-Amz-"}
    assert not [secret for secret in secrets if secret in text]
    assert box.journal.stat().st_mode & 0o077 == 0
    presigned = next(entry for entry in calls() if entry.operation == "GetObject")
    assert presigned.principal.endswith("assumed-role/acme-preprod-deployer/test")


def test_a_body_that_is_no_request_is_journaled_too(box: Sandbox, calls: Calls) -> None:
    call_url(box, box.aws_endpoint + "/?%ff=%ff", "POST", "{", **{"X-Amz-Target": "x.Y"})
    assert last(calls).status >= 400


def test_a_large_object_passes_unchanged_in_both_directions(
    box: Sandbox, calls: Calls, tmp_path: Path
) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(os.urandom(1024 * 1024) * 60)
    session = orchestrator(box, PREPROD)
    s3 = session.client("s3")
    with source.open("rb") as file:
        s3.put_object(Bucket=BUCKET, Key="j/large", Body=file)
    body = s3.get_object(Bucket=BUCKET, Key="j/large")["Body"]
    with copy.open("wb") as file:
        for chunk in body.iter_chunks(1024 * 1024):
            file.write(chunk)
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (source, copy)}
    assert len(digests) == 1
    assert last(calls, 3).operation == "GetObject"
    s3.upload_file(str(source), BUCKET, "j/large")
    assert s3.head_object(Bucket=BUCKET, Key="j/large")["ContentLength"] == 60 * 1024 * 1024


def test_buckets_may_be_named_as_host(
    box: Sandbox, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    who = orchestrator(box, PREPROD)
    s3 = boto3.client(
        "s3",
        region_name="eu-central-1",
        aws_access_key_id=who.key,
        aws_secret_access_key=who.secret,
        aws_session_token=who.token,
        config=Config(s3={"addressing_style": "virtual"}),
    )
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "j/host"})
    who.client("s3").put_object(Bucket=BUCKET, Key="j/host", Body=b"by host")
    assert url.startswith(f"https://{BUCKET}.s3.")
    assert call_url(box, url)[:2] == (200, "by host")
    entry = last(calls, 3)
    assert (entry.operation, entry.resource) == ("GetObject", f"arn:aws:s3:::{BUCKET}/j/host")


@pytest.mark.parametrize(
    ("method", "status", "size", "whole"),
    [
        ("HEAD", 200, 1, "start"),
        ("DELETE", 204, None, "start"),
        ("PUT", 200, 0, "start"),
        ("PUT", 404, 0, "start"),
        ("GET", 200, 1, "body"),
    ],
)
def test_a_call_is_written_before_its_caller_has_the_whole_answer(
    method: str, status: int, size: int | None, whole: str
) -> None:
    said: list[str] = []

    async def send(message: dict[str, Any]) -> None:
        said.append(message["type"].rpartition(".")[2])

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def answer() -> None:
        passing = PassingCall({"type": "http", "method": method, "headers": []}, receive, send)
        passing.ended = lambda: said.append("written")
        headers = [] if size is None else [(b"content-length", str(size).encode())]
        await passing.send({"type": "http.response.start", "status": status, "headers": headers})
        await passing.send({"type": "http.response.body", "body": b"x" * (size or 0)})

    asyncio.run(answer())
    assert [one for one in said if one != "written"] == ["start", "body"]
    assert said.index("written") < said.index(whole)


def test_entries_are_read_from_an_offset_and_never_by_halves(tmp_path: Path) -> None:
    entry = JournalEntry(
        time=datetime(2026, 1, 2, 3, 4, 5, 678000, UTC),
        duration_ms=1.5,
        kind=CallKind.API,
        account="111111111111",
        principal="",
        access_key="",
        service="s3",
        action="s3:GetObject",
        operation="GetObject",
        resource="",
        region="eu-central-1",
        status=404,
        error_code="NoSuchKey",
        request_id="1",
    )
    path = tmp_path / "journal.jsonl"
    assert list(read_journal(path)) == []
    path.write_text(entry.to_line() + "\n" + entry.to_line()[:20])
    assert list(read_journal(path)) == [entry]
    assert list(read_journal(path, len(entry.to_line()) + 1)) == []
    assert json.loads(entry.to_line())["time"] == "2026-01-02T03:04:05.678Z"
