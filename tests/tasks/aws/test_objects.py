from __future__ import annotations

import hashlib
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.codes import because
from tests.tasks import aws_fixtures
from tests.tasks.aws_fixtures import Between, at_once, root, unique
from tests.tasks.faults import Faults, error, losing_first, once
from tiercel.domain.artifact.manifest import PackagedObject, object_key
from tiercel.domain.base.errors import (
    ArtifactConflictError,
    RefusedInputError,
    TransientError,
    UnreachableError,
)
from tiercel.domain.base.limits import MAX_RECORD_BYTES
from tiercel.domain.organization.access import Access
from tiercel.domain.organization.names import Names
from tiercel.tasks.aws.objects import (
    copy_package,
    create_object,
    list_etags,
    list_keys,
    read_listed,
    read_object,
    upload_package,
)

infrastructure = aws_fixtures.infrastructure
runtime = aws_fixtures.runtime
aws = aws_fixtures.aws
faults = aws_fixtures.faults
between = aws_fixtures.between

pytestmark = pytest.mark.usefixtures("aws")


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def packaged(body: bytes) -> PackagedObject:
    return PackagedObject(key=object_key(sha256(body), "zip"), sha256=sha256(body), size=len(body))


def fresh_body() -> bytes:
    return unique("body").encode() * 500


@pytest.fixture
def bucket(preprod: Names) -> str:
    return preprod.artifact_bucket


def test_an_object_is_created_once_and_the_same_bytes_again_are_harmless(
    infrastructure: Access, bucket: str
) -> None:
    key = unique("once")

    assert create_object(infrastructure, bucket, key, b"bytes") is True
    assert create_object(infrastructure, bucket, key, b"bytes") is False
    assert read_object(infrastructure, bucket, key) == b"bytes"


def test_other_bytes_are_refused_and_both_digests_are_named(
    infrastructure: Access, bucket: str
) -> None:
    key = unique("other")
    create_object(infrastructure, bucket, key, b"first")

    with pytest.raises(ArtifactConflictError) as refusal:
        create_object(infrastructure, bucket, key, b"second")

    assert refusal.value.where == f"s3://{bucket}/{key}"
    assert sha256(b"first") in refusal.value.why
    assert sha256(b"second") in refusal.value.why
    assert read_object(infrastructure, bucket, key) == b"first"


def test_an_object_that_is_longer_than_it_can_be_is_not_read(
    infrastructure: Access, bucket: str
) -> None:
    key = unique("long")
    root("infrastructure", "s3").put_object(
        Bucket=bucket, Key=key, Body=bytes(MAX_RECORD_BYTES + 1)
    )

    with pytest.raises(RefusedInputError, check=because("artifact.record_too_long")) as refusal:
        read_object(infrastructure, bucket, key)

    assert refusal.value.where == f"s3://{bucket}/{key}"
    assert refusal.value.why == "it has more than 8,388,608 bytes"


def test_a_package_that_is_longer_than_its_manifest_says_is_not_read(
    infrastructure: Access, runtime: Access, preprod: Names
) -> None:
    package = packaged(fresh_body())
    longer = bytes(package.size + 1)
    create_object(infrastructure, preprod.artifact_bucket, package.key, longer)

    with pytest.raises(RefusedInputError, check=because("artifact.record_too_long")):
        copy_package.fn(runtime, preprod.artifact_bucket, runtime, preprod.staging_bucket, package)


def test_an_empty_object_is_an_object(infrastructure: Access, bucket: str) -> None:
    key = unique("empty")

    assert create_object(infrastructure, bucket, key, b"") is True
    assert create_object(infrastructure, bucket, key, b"") is False
    assert read_object(infrastructure, bucket, key) == b""
    with pytest.raises(ArtifactConflictError):
        create_object(infrastructure, bucket, key, b"not empty")


def test_of_twenty_that_create_the_same_object_at_once_exactly_one_has_created_it(
    infrastructure: Access, bucket: str
) -> None:
    key = unique("race")

    results = at_once(20, lambda _: create_object(infrastructure, bucket, key, b"bytes"))

    assert Counter(results) == {True: 1, False: 19}


def test_of_twenty_that_create_different_objects_under_one_key_one_wins(
    infrastructure: Access, bucket: str
) -> None:
    key = unique("contest")

    results = at_once(20, lambda i: create_object(infrastructure, bucket, key, b"%d" % i))

    winner = results.index(True)
    losers = [result for result in results if result is not True]
    assert all(isinstance(result, ArtifactConflictError) for result in losers), losers
    assert len(losers) == 19
    assert read_object(infrastructure, bucket, key) == b"%d" % winner


def test_what_is_not_there_is_read_as_none(infrastructure: Access, bucket: str) -> None:
    assert read_object(infrastructure, bucket, unique("absent")) is None


def test_keys_with_strange_characters_are_stored_and_listed(
    between: Between, infrastructure: Access, bucket: str
) -> None:
    prefix = unique("keys") + "/"
    keys = sorted(prefix + name for name in ("a b", "a+b", "ä", "a%2Fb", "a//b", "&<>", "~"))

    # Not through microburst, which writes %26 as & and so breaks the signature.
    with between(lambda _, answer: answer):
        for key in keys:
            create_object(infrastructure, bucket, key, key.encode())

        assert list_keys(infrastructure, bucket, prefix) == keys
        assert all(read_object(infrastructure, bucket, key) == key.encode() for key in keys)


def test_what_was_put_over_an_object_is_not_kept_as_what_was_listed(
    infrastructure: Access, bucket: str
) -> None:
    key, first, other = unique("listed"), fresh_body(), fresh_body()
    create_object(infrastructure, bucket, key, first)
    (etag,) = list_etags(infrastructure, bucket, key).values()
    s3 = root("infrastructure", "s3")
    put_over = s3.put_object(Bucket=bucket, Key=key, Body=other)
    assert read_listed(infrastructure, bucket, key, etag) == other

    s3.delete_object(Bucket=bucket, Key=key, VersionId=put_over["VersionId"])

    assert read_listed(infrastructure, bucket, key, etag) == first


@pytest.fixture
def plain_bucket(infrastructure: Access, preprod: Names) -> str:
    name = unique(f"{preprod.prefix}plain")
    s3 = root("infrastructure", "s3")
    s3.create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": preprod.environment.region}
    )
    s3.put_bucket_policy(
        Bucket=name,
        Policy=f"""{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow",
            "Principal": {{"AWS": "{infrastructure.role_arn}"}}, "Action": "s3:*",
            "Resource": ["arn:aws:s3:::{name}", "arn:aws:s3:::{name}/*"]}}]}}""",
    )
    return name


def test_a_bucket_without_a_kms_key_is_refused_however_often_it_is_tried(
    infrastructure: Access, plain_bucket: str
) -> None:
    for _ in range(2):
        with pytest.raises(
            UnreachableError, check=because("artifact.bucket_not_encrypted")
        ) as refusal:
            create_object(infrastructure, plain_bucket, "key", b"bytes")
        assert not refusal.value.transient
        assert "provision" in refusal.value.remedy


@pytest.mark.parametrize(
    "effect",
    [
        error("SlowDown", 503),
        error("InternalError", 500),
        error("ServiceUnavailable", 503),
        error("RequestTimeout", 400),
        {"reset": True},
        {"request": {"cut_upload": {"after_bytes": 100}}},
    ],
    ids=["throttled", "internal-error", "unavailable", "timed-out", "reset", "cut-off"],
)
def test_a_fault_while_writing_is_survived(
    faults: Faults, infrastructure: Access, bucket: str, effect: dict[str, Any]
) -> None:
    key, body = unique("fault"), fresh_body()
    faults.inject(once("s3", "PutObject", **effect))

    assert create_object(infrastructure, bucket, key, body) is True

    assert faults.fired() == ["PutObject"]
    assert read_object(infrastructure, bucket, key) == body


@pytest.mark.parametrize(
    "effect",
    [error("SlowDown", 503), error("InternalError", 500), {"reset": True}],
    ids=["throttled", "internal-error", "reset"],
)
def test_a_fault_while_reading_or_listing_is_survived(
    faults: Faults, infrastructure: Access, bucket: str, effect: dict[str, Any]
) -> None:
    key, body = unique("fault"), fresh_body()
    create_object(infrastructure, bucket, key, body)
    faults.inject(once("s3", "GetObject", **effect), once("s3", "ListObjectsV2", **effect))

    assert read_object(infrastructure, bucket, key) == body
    assert list_keys(infrastructure, bucket, key) == [key]

    assert faults.fired() == ["GetObject", "ListObjectsV2"]


def test_an_object_whose_creation_was_not_confirmed_is_there_and_no_error(
    between: Between, infrastructure: Access, bucket: str
) -> None:
    key, body = unique("lost"), fresh_body()
    alter, statuses = losing_first("PUT", key.encode())

    with between(alter):
        create_object(infrastructure, bucket, key, body)

    assert statuses == [200, 412]
    assert read_object(infrastructure, bucket, key) == body


def test_an_object_that_somebody_else_is_just_creating_is_worth_another_try(
    faults: Faults, infrastructure: Access, bucket: str
) -> None:
    key = unique("conflict")
    faults.inject(once("s3", "PutObject", **error("ConditionalRequestConflict", 409)))

    with pytest.raises(TransientError):
        create_object(infrastructure, bucket, key, b"bytes")

    assert create_object(infrastructure, bucket, key, b"bytes") is True


@pytest.mark.parametrize(
    "damage",
    [{"truncate_frac": 0.5}, {"truncate_bytes": 0}, {"corrupt_bytes": 3}, {"abort_frac": 0.5}],
    ids=["truncated", "emptied", "corrupted", "broken-off"],
)
def test_damaged_bytes_are_never_staged_and_the_next_try_stages_the_right_ones(
    faults: Faults,
    infrastructure: Access,
    runtime: Access,
    preprod: Names,
    damage: dict[str, Any],
) -> None:
    body = fresh_body()
    package = packaged(body)
    create_object(infrastructure, preprod.artifact_bucket, package.key, body)
    faults.inject(once("s3", "GetObject", response=damage))
    place = (runtime, preprod.artifact_bucket, runtime, preprod.staging_bucket, package)

    with pytest.raises(TransientError):
        copy_package.fn(*place)

    assert faults.fired() == ["GetObject"]
    assert read_object(runtime, preprod.staging_bucket, package.key) is None
    assert copy_package.fn(*place) is True
    assert read_object(runtime, preprod.staging_bucket, package.key) == body
    assert copy_package.fn(*place) is False


def test_damage_that_hides_the_checksum_is_found_by_the_manifests_digest(
    faults: Faults, infrastructure: Access, runtime: Access, preprod: Names
) -> None:
    body = fresh_body()
    package = packaged(body)
    create_object(infrastructure, preprod.artifact_bucket, package.key, body)
    hidden = {"truncate_frac": 0.5, "strip_headers": ["x-amz-checksum-sha256"]}
    faults.inject(once("s3", "GetObject", response=hidden))

    with pytest.raises(TransientError, check=because("artifact.package_damaged")) as failure:
        copy_package.fn(runtime, preprod.artifact_bucket, runtime, preprod.staging_bucket, package)

    assert package.sha256 in failure.value.why
    assert read_object(runtime, preprod.staging_bucket, package.key) is None


def test_access_denied_is_said_with_a_remedy_and_without_a_second_try(
    faults: Faults, infrastructure: Access, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    faults.inject(once("s3", "PutObject", **error("AccessDenied", 403)))

    with pytest.raises(UnreachableError) as failure:
        create_object(infrastructure, bucket, unique("denied"), b"bytes")

    assert faults.fired() == ["PutObject"]
    assert not failure.value.transient
    assert failure.value.what == "not allowed to write an object"
    assert "tiercel check" in failure.value.remedy
    assert "Traceback" not in str(failure.value) + caplog.text


def test_a_refusal_without_words_is_asked_for_its_reason(
    faults: Faults, infrastructure: Access, bucket: str, tmp_path: Path
) -> None:
    path = tmp_path / "package.zip"
    path.write_bytes(fresh_body())
    package = packaged(path.read_bytes())
    faults.inject(
        once("s3", "HeadObject", **error("AccessDenied", 403)),
        once("s3", "GetObject", **error("AccessDenied", 403)),
    )

    with pytest.raises(UnreachableError) as failure:
        upload_package.fn(infrastructure, bucket, package, path)

    assert faults.fired() == ["HeadObject", "GetObject"]
    assert failure.value.what == "not allowed to look for an object"
    assert failure.value.why.startswith("AccessDenied: ")


def test_a_role_that_may_not_be_assumed_is_said_without_a_traceback(
    infrastructure: Access, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = Access(infrastructure.role_arn + "-of-somebody-else", infrastructure.region, "run")

    with pytest.raises(UnreachableError) as failure:
        read_object(stranger, bucket, "key")

    assert failure.value.what == "not allowed to assume a role"
    assert failure.value.where == stranger.role_arn
    assert "Traceback" not in str(failure.value) + caplog.text


def test_the_deployer_can_write_no_artifact_and_the_refusal_names_the_object(
    runtime: Access, bucket: str
) -> None:
    key = unique("foreign")

    with pytest.raises(UnreachableError, match="not allowed to write") as failure:
        create_object(runtime, bucket, key, b"bytes")

    assert failure.value.where == f"s3://{bucket}/{key}"


def test_a_package_is_uploaded_once(infrastructure: Access, bucket: str, tmp_path: Path) -> None:
    body = fresh_body()
    file = tmp_path / "package.zip"
    file.write_bytes(body)

    assert upload_package.fn(infrastructure, bucket, packaged(body), file) is True
    assert upload_package.fn(infrastructure, bucket, packaged(body), file) is False
    assert read_object(infrastructure, bucket, packaged(body).key) == body


def test_a_package_that_is_not_in_the_artifact_bucket_cannot_be_staged(
    runtime: Access, preprod: Names
) -> None:
    with pytest.raises(ArtifactConflictError, check=because("artifact.package_missing")) as failure:
        copy_package.fn(
            runtime,
            preprod.artifact_bucket,
            runtime,
            preprod.staging_bucket,
            packaged(fresh_body()),
        )

    assert "keeps its versions" in failure.value.remedy


def test_a_package_with_other_bytes_than_the_manifest_says_is_not_staged(
    runtime: Access, preprod: Names
) -> None:
    package = packaged(fresh_body())
    root("infrastructure", "s3").put_object(
        Bucket=preprod.artifact_bucket, Key=package.key, Body=b"something else"
    )

    with pytest.raises(TransientError) as failure:
        copy_package.fn(runtime, preprod.artifact_bucket, runtime, preprod.staging_bucket, package)

    assert sha256(b"something else") in failure.value.why
    assert package.sha256 in failure.value.why
    assert "tampered" in failure.value.remedy
    assert read_object(runtime, preprod.staging_bucket, package.key) is None


def test_a_staged_package_that_was_replaced_is_found_before_it_is_deployed(
    infrastructure: Access, runtime: Access, preprod: Names
) -> None:
    body = fresh_body()
    package = packaged(body)
    place = (runtime, preprod.artifact_bucket, runtime, preprod.staging_bucket, package)
    create_object(infrastructure, preprod.artifact_bucket, package.key, body)
    copy_package.fn(*place)
    root("runtime", "s3").put_object(
        Bucket=preprod.staging_bucket, Key=package.key, Body=b"something else"
    )

    with pytest.raises(ArtifactConflictError) as failure:
        copy_package.fn(*place)

    assert failure.value.where == f"s3://{preprod.staging_bucket}/{package.key}"
    assert sha256(b"something else") in failure.value.why


def test_a_staged_package_without_a_checksum_is_judged_by_its_bytes(
    runtime: Access, preprod: Names
) -> None:
    body = fresh_body()
    package = packaged(body)
    root("runtime", "s3").put_object(Bucket=preprod.staging_bucket, Key=package.key, Body=body)

    place = (runtime, preprod.artifact_bucket, runtime, preprod.staging_bucket, package)
    assert copy_package.fn(*place) is False


def test_the_chain_of_causes_of_a_failure_ends_in_awss_own_words(
    runtime: Access, bucket: str
) -> None:
    with pytest.raises(UnreachableError) as failure:
        create_object(runtime, bucket, unique("foreign"), b"bytes")

    assert "AccessDenied" in failure.value.why
    assert "(AccessDenied) when calling the PutObject" in "".join(
        traceback.format_exception(failure.value)
    )
