from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from tests.support.codes import because
from tests.tasks import aws_fixtures
from tests.tasks.aws_fixtures import Between, at_once, unique
from tests.tasks.faults import Faults, losing_first, once
from tiercel.domain.artifact.manifest import Manifest, PackagedObject, manifest_key, object_key
from tiercel.domain.artifact.source_tree import SourceTree
from tiercel.domain.base.errors import RefusedInputError, TransientError
from tiercel.domain.organization.access import Access, Records
from tiercel.domain.organization.names import Names
from tiercel.tasks.aws.objects import create_object
from tiercel.tasks.records.artifacts import find_artifact, write_manifest

infrastructure = aws_fixtures.infrastructure
aws = aws_fixtures.aws
faults = aws_fixtures.faults
between = aws_fixtures.between

pytestmark = pytest.mark.usefixtures("aws")


def source() -> SourceTree:
    return SourceTree(
        service=unique("orders"), objects={"services/orders": "a" * 40}, template="template.yaml"
    )


def manifest(tree: SourceTree, template: str = "1" * 64) -> Manifest:
    package = PackagedObject(key=object_key(template, "json"), sha256=template, size=10)
    return Manifest(
        service=tree.service,
        artifact_id=tree.artifact_id,
        source=tree,
        template=package,
        parameters=(),
        objects=(package,),
        assets=(),
    )


@pytest.fixture
def bucket(preprod: Names) -> str:
    return preprod.artifact_bucket


@pytest.fixture
def records(infrastructure: Access, bucket: str) -> Records:
    return Records(infrastructure, bucket)


def test_what_was_never_built_is_not_found(records: Records) -> None:
    assert find_artifact.fn(records, source()) is None


def test_a_manifest_is_found_by_its_source_tree(records: Records) -> None:
    tree = source()

    written = write_manifest.fn(records, manifest(tree))

    assert written == manifest(tree)
    assert find_artifact.fn(records, tree) == written
    changed = tree.model_copy(update={"objects": {"services/orders": "b" * 40}})
    assert find_artifact.fn(records, changed) is None


def test_of_two_builds_that_differ_the_first_stands_and_the_second_is_told(
    records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    tree = source()
    first = write_manifest.fn(records, manifest(tree))
    caplog.set_level(logging.WARNING, logger="tiercel")

    assert write_manifest.fn(records, manifest(tree)) == first
    assert caplog.text == ""
    second = write_manifest.fn(records, manifest(tree, "2" * 64))

    assert second == first
    assert f"{tree.service}: the build is not reproducible" in caplog.text


def test_of_ten_builds_at_once_all_have_the_same_result(records: Records) -> None:
    tree = source()

    results = at_once(
        10,
        lambda i: write_manifest.fn(records, manifest(tree, f"{i}" * 64)),
    )

    assert results == [find_artifact.fn(records, tree)] * 10


def test_a_manifest_whose_creation_was_not_confirmed_is_there(
    between: Between,
    infrastructure: Access,
    bucket: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tree = source()
    alter, statuses = losing_first("PUT", tree.service.encode())

    with between(alter):
        written = write_manifest.fn(Records(infrastructure, bucket), manifest(tree))

    assert statuses == [200, 412]
    assert written == find_artifact.fn(Records(infrastructure, bucket), tree)
    assert "reproducible" not in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        {"service": None},
        {"artifact_id": "short"},
        {"surplus": 1},
        {"template": {"key": "../../etc/passwd", "sha256": "1" * 64, "size": 1}},
        {"template": {"key": object_key("1" * 64, "json"), "sha256": "1" * 64, "size": -1}},
    ],
    ids=["no-service", "no-id", "surplus", "foreign-key", "negative-size"],
)
def test_a_damaged_manifest_is_refused_and_named(
    records: Records, infrastructure: Access, bucket: str, change: dict[str, Any]
) -> None:
    tree = source()
    key = manifest_key(tree.service, tree.artifact_id)
    body = json.dumps(manifest(tree).model_dump(mode="json") | change).encode()
    create_object(infrastructure, bucket, key, body)

    with pytest.raises(RefusedInputError, check=because("artifact.manifest_damaged")) as refusal:
        find_artifact.fn(records, tree)

    assert refusal.value.where == f"s3://{bucket}/{key}"
    assert refusal.value.state == "nothing was deployed"


@pytest.mark.parametrize("body", [b"", b"\xff", b"null", b"[" * 10_000])
def test_a_manifest_that_is_no_json_object_is_refused(
    records: Records, infrastructure: Access, bucket: str, body: bytes
) -> None:
    tree = source()
    create_object(infrastructure, bucket, manifest_key(tree.service, tree.artifact_id), body)

    with pytest.raises(RefusedInputError, check=because("artifact.manifest_damaged")):
        find_artifact.fn(records, tree)


@pytest.mark.parametrize("taken", [("source",), ("artifact_id",), ("source", "artifact_id")])
def test_a_manifest_of_another_source_tree_is_refused(
    records: Records, infrastructure: Access, bucket: str, taken: tuple[str, ...]
) -> None:
    tree, other = source(), manifest(source())
    foreign = manifest(tree).model_copy(update={name: getattr(other, name) for name in taken})
    key = manifest_key(tree.service, tree.artifact_id)
    create_object(infrastructure, bucket, key, foreign.to_bytes())

    with pytest.raises(RefusedInputError) as refusal:
        find_artifact.fn(records, tree)

    assert refusal.value.why == "it was made from another source tree"


def test_a_manifest_that_was_damaged_on_its_way_is_no_damaged_manifest(
    faults: Faults, records: Records
) -> None:
    written = write_manifest.fn(records, manifest(source()))
    faults.inject(once("s3", "GetObject", response={"truncate_frac": 0.5}))

    with pytest.raises(TransientError):
        find_artifact.fn(records, written.source)

    assert find_artifact.fn(records, written.source) == written
