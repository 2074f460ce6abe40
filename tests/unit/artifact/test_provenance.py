from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.support.releases import SHA, TREE, manifest, packaged
from tiercel.domain.artifact.manifest import Manifest, manifest_key
from tiercel.domain.artifact.provenance import (
    Build,
    attested_digests,
    is_about,
    provenance_key,
    provenance_prefix,
    read_statement,
    require_rebuilt,
    statement_of,
    subjects_of,
    unsigned,
)
from tiercel.domain.base.errors import ArtifactConflictError, ExitCode

KEY = "arn:aws:kms:eu-central-1:111111111111:key/1234"
BUILD = Build(
    server="https://github.com",
    repository="acme/shop",
    commit="2" * 40,
    object_types={"orders": "tree"},
    builder="arn:aws:iam::111111111111:role/acme-preprod-orchestrator",
    run="run-1",
    started=datetime(2026, 3, 1, 12, 0, 0, 999, tzinfo=timezone(timedelta(hours=2))),
    finished=datetime(2026, 3, 1, 10, 0, 5, tzinfo=UTC),
)


def said(**changes: Any) -> dict[str, Any]:
    build = Build(**vars(BUILD) | changes)
    return dict(json.loads(statement_of(manifest(), build)))


def test_a_statement_says_where_it_was_built_and_in_which_image() -> None:
    internal = said(place="codebuild", image="aws/codebuild/amazonlinux-x86_64-standard:5.0")[
        "predicate"
    ]["buildDefinition"]["internalParameters"]
    assert (internal["place"], internal["image"]) == (
        "codebuild",
        "aws/codebuild/amazonlinux-x86_64-standard:5.0",
    )


def test_a_statement_is_what_in_toto_and_slsa_describe() -> None:
    assert said() == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": manifest_key("orders", TREE.artifact_id),
             "digest": {"sha256": manifest().digest}},
            {"name": f"packages/{SHA}.zip", "digest": {"sha256": SHA}},
            {"name": f"packages/{'cd' * 32}.template", "digest": {"sha256": "cd" * 32}},
        ],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:tiercel:build:v1",
                "externalParameters": {
                    "repository": "acme/shop", "commit": "2" * 40, "service": "orders",
                },
                "internalParameters": {
                    "recipe": [], "template": "orders/template.yaml", "packageFormat": 4,
                },
                "resolvedDependencies": [
                    {"uri": f"git+https://github.com/acme/shop@{'2' * 40}",
                     "digest": {"gitCommit": "2" * 40}},
                    {"name": "orders", "digest": {"gitTree": "1" * 40}},
                ],
            },
            "runDetails": {
                "builder": {"id": BUILD.builder},
                "metadata": {
                    "invocationId": "run-1",
                    "startedOn": "2026-03-01T10:00:00Z",
                    "finishedOn": "2026-03-01T10:00:05Z",
                },
            },
        },
    }  # fmt: skip


def test_builds_that_gave_other_bytes_are_byproducts() -> None:
    details = said(others={"f" * 64, "e" * 64})["predicate"]["runDetails"]
    assert [one["digest"]["sha256"] for one in details["byproducts"]] == ["e" * 64, "f" * 64]


def test_a_file_is_told_from_a_folder() -> None:
    dependencies = said(object_types={"orders": "blob"})["predicate"]["buildDefinition"][
        "resolvedDependencies"
    ]
    assert dependencies[1]["digest"] == {"gitBlob": "1" * 40}


def test_the_same_build_gives_the_same_statement() -> None:
    assert statement_of(manifest(), BUILD) == statement_of(manifest(), BUILD)


def test_every_object_the_template_and_the_manifest_are_subjects_once() -> None:
    template = packaged("cd" * 32, "template")
    listed = manifest(objects=(packaged(), template))
    assert subjects_of(listed) == [
        (manifest_key("orders", TREE.artifact_id), listed.digest),
        (f"packages/{SHA}.zip", SHA),
        (template.key, template.sha256),
    ]


def test_a_statement_is_about_the_artifact_that_it_was_made_of() -> None:
    statement = read_statement(statement_of(manifest(), BUILD))
    assert statement is not None
    assert is_about(statement, manifest())
    assert statement.predicate.run.metadata.invocation_id == "run-1"


@pytest.mark.parametrize(
    "other",
    [
        manifest(objects=()),
        manifest(objects=(packaged(), packaged("ef" * 32))),
        manifest(objects=(packaged("ef" * 32),)),
        manifest(template=packaged("ef" * 32, "template")),
        manifest(parameters=()),
        manifest(service="payments"),
    ],
    ids=["one less", "one more", "another package", "another template", "manifest", "service"],
)
def test_a_statement_is_about_no_other_artifact(other: Manifest) -> None:
    statement = read_statement(statement_of(manifest(), BUILD))
    assert not is_about(statement, other)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("_type", "https://in-toto.io/Statement/v0.1"),
        ("predicateType", "https://slsa.dev/provenance/v0.2"),
        ("subject", None),
        ("predicate", {}),
    ],
)
def test_what_is_no_statement_of_ours_is_about_nothing(part: str, value: Any) -> None:
    payload = json.dumps(said() | {part: value}).encode()
    assert read_statement(payload) is None
    assert not is_about(None, manifest())


def test_a_build_of_another_type_is_none_of_ours() -> None:
    statement = said()
    statement["predicate"]["buildDefinition"]["buildType"] = "urn:other"
    assert read_statement(json.dumps(statement).encode()) is None


@pytest.mark.parametrize("payload", [b"", b"null", b"\xff", b"[" * 10_000])
def test_what_is_no_json_object_is_no_statement(payload: bytes) -> None:
    assert read_statement(payload) is None


def test_provenance_lies_by_artifact_digest_and_key() -> None:
    one = provenance_key(manifest(), KEY)
    assert one == f"provenance/orders/{TREE.artifact_id}/{manifest().digest}/1234.json"
    assert one.startswith(provenance_prefix("orders", TREE.artifact_id))
    assert attested_digests([one, "provenance/stray"]) == {manifest().digest}


def test_what_was_built_again_may_be_signed_only_if_it_is_the_same() -> None:
    require_rebuilt(None, manifest())
    require_rebuilt(manifest(), manifest())
    with pytest.raises(ArtifactConflictError, match="artifact of orders cannot be signed") as error:
        require_rebuilt(manifest(), manifest(parameters=()))
    assert error.value.state == "nothing was uploaded"


def test_why_an_artifact_is_not_signed_is_told_apart() -> None:
    own, other = manifest(), manifest(parameters=())
    cases = {
        "the artifact of orders has no provenance": [],
        "the artifact of orders is not signed with the key of this environment": [
            provenance_key(own, "arn:x:key/older"), provenance_key(other, KEY),
        ],
        "the manifest of orders is not the one that was signed": [provenance_key(other, KEY)],
    }  # fmt: skip
    for what, known in cases.items():
        error = unsigned(own, "s3://bucket/key", known)
        assert (error.what, error.exit_code) == (what, ExitCode.REFUSED)
        assert error.remedy
