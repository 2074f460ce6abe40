from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.support.releases import SHA, TREE, manifest, packaged
from tiercel.domain.artifact.manifest import (
    Manifest,
    PackagedObject,
    TemplateParameter,
    manifest_key,
    moved_words,
    object_key,
)
from tiercel.domain.base.digests import ArtifactId, Sha256, sha256_hex


def test_the_digest_is_the_sha_256_of_the_stored_bytes() -> None:
    assert manifest().digest == sha256_hex(manifest().to_bytes())


def test_the_stored_bytes_are_json_that_reads_back_as_the_same_manifest() -> None:
    body = manifest().to_bytes()
    assert Manifest.model_validate_json(body) == manifest()
    assert list(json.loads(body)) == sorted(json.loads(body))


@pytest.mark.parametrize(
    "changes",
    [
        {"service": "catalog"},
        {"artifact_id": "0" * 64},
        {"source": TREE.model_copy(update={"build": ("make",)})},
        {"template": packaged("ef" * 32, "template")},
        {"parameters": ()},
        {"parameters": (TemplateParameter(name="LogLevel", required=True),)},
        {"objects": ()},
        {"objects": (packaged(size=4),)},
        {"assets": ()},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_part_of_the_manifest_is_part_of_its_digest(changes: dict[str, Any]) -> None:
    assert manifest(**changes).digest != manifest().digest


def test_no_time_and_no_commit_is_stored() -> None:
    assert set(manifest().model_dump()) == {
        "format", "service", "artifact_id", "source", "template", "parameters", "objects",
        "assets", "outside", "reads_parameters",
    }  # fmt: skip


def test_a_manifest_with_a_key_that_nobody_knows_is_refused() -> None:
    body = json.loads(manifest().to_bytes()) | {"commit": "1a2b3c4"}
    with pytest.raises(ValidationError, match="commit"):
        Manifest.model_validate(body)


@given(st.from_regex(r"[0-9a-f]{64}", fullmatch=True), st.from_regex(r"[a-z]+", fullmatch=True))
def test_the_key_of_an_object_contains_its_digest_and_kind(sha256: str, suffix: str) -> None:
    entry = packaged(sha256, suffix)
    assert entry.key == f"packages/{sha256}.{suffix}"
    assert entry.short_name == f"{sha256[:8]}.{suffix}"


@pytest.mark.parametrize(
    "key",
    [
        f"{SHA}.zip",
        f"other/{SHA}.zip",
        f"packages/{SHA[:-1]}.zip",
        f"packages/{SHA.upper()}.zip",
        f"packages/{SHA}",
        f"packages/{SHA}.",
        f"packages/{SHA}.tar.gz",
        f"packages/../{SHA}.zip",
        f"packages/{SHA}.zip\n",
    ],
)
def test_an_object_under_any_other_key_is_refused(key: str) -> None:
    with pytest.raises(ValidationError):
        PackagedObject(key=key, sha256=SHA, size=1)


@pytest.mark.parametrize("sha256", ["", "ab", SHA + "0", SHA.upper(), "g" * 64])
def test_a_digest_of_another_form_is_refused(sha256: str) -> None:
    with pytest.raises(ValidationError):
        PackagedObject(key=object_key(SHA, "zip"), sha256=sha256, size=1)


def test_an_object_may_be_empty_and_no_smaller() -> None:
    assert packaged(size=0).size == 0
    with pytest.raises(ValidationError):
        packaged(size=-1)


def test_the_manifest_lies_under_its_service_and_artifact_id() -> None:
    assert manifest_key("orders", ArtifactId(Sha256(SHA))) == f"manifests/orders/{SHA}.json"


@pytest.mark.parametrize(
    ("moved", "of_all", "words"),
    [
        (1, 1, "1 package staged"),
        (3, 3, "3 packages staged"),
        (2, 3, "2 packages staged, 1 was there already"),
        (1, 3, "1 package staged, 2 were there already"),
        (0, 1, "1 package there already"),
        (0, 2, "2 packages there already"),
    ],
)
def test_what_became_of_packages_is_a_sentence(moved: int, of_all: int, words: str) -> None:
    assert moved_words(moved, of_all, "staged") == words
