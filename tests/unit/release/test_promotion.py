from __future__ import annotations

from typing import Any

import pytest

from tests.support.releases import manifest, outcome, release
from tiercel.domain.base.digests import ArtifactId, Sha256
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.gitflow.back_merge import BackMerge, MergePreview, require_back_merge
from tiercel.domain.gitflow.pull_requests import PullRequest, bringing_branch
from tiercel.domain.gitflow.tags import parse_tag
from tiercel.domain.release.ledger import Release, ReleaseStatus
from tiercel.domain.release.promotion import (
    require_newer,
    require_promoted,
    require_pulled,
    require_verified,
    verified_release,
)

ARTIFACT = ArtifactId(Sha256("a" * 64))
GOOD = outcome(status=ReleaseStatus.SUCCEEDED)
BAD = outcome(status=ReleaseStatus.FAILED)
COMMIT = "c" * 40


def entry(result: str, artifact: str = ARTIFACT) -> Release:
    return release({"good": GOOD, "bad": BAD, "open": None}[result], artifact_id=artifact)


@pytest.mark.parametrize(
    ("newest_first", "verified"),
    [
        ((), None),
        (("good",), 0),
        (("bad",), None),
        (("open",), None),
        (("bad", "good"), None),
        (("good", "bad"), 0),
        (("open", "good"), 1),
        (("open", "bad", "good"), None),
    ],
)
def test_the_newest_outcome_of_an_artifact_decides_whether_it_is_verified(
    newest_first: tuple[str, ...], verified: int | None
) -> None:
    history = [entry(result) for result in newest_first]
    expected = None if verified is None else history[verified]
    assert verified_release(history, ARTIFACT, ()) is expected


def test_what_became_of_other_artifacts_does_not_matter() -> None:
    mine, other = entry("good"), entry("bad", "b" * 64)
    assert verified_release([other, mine, other], ARTIFACT, ()) is mine
    assert verified_release([entry("good", "b" * 64)], ARTIFACT, ()) is None


def test_every_service_has_to_be_verified_and_the_others_are_named() -> None:
    require_verified({"orders": entry("good")}, "acme/shop", COMMIT, "preprod", "live")
    with pytest.raises(RefusedInputError) as refusal:
        require_verified(
            {"a": None, "b": entry("good"), "c": None}, "acme/shop", COMMIT, "preprod", "live"
        )
    assert refusal.value.what == "preprod has not verified a, c as in commit ccccccc"
    assert refusal.value.state == "nothing was changed in live"
    assert refusal.value.remedy


def test_only_the_very_artifact_that_was_verified_is_promoted() -> None:
    built = manifest()
    verified = release(GOOD, artifact_digest=built.digest)
    assert require_promoted(built, verified, "preprod", "live") is built
    with pytest.raises(RefusedInputError, match="is not the one that preprod verified"):
        require_promoted(manifest(parameters=()), verified, "preprod", "live")
    with pytest.raises(RefusedInputError, match="the bucket has none"):
        require_promoted(None, verified, "preprod", "live")


def test_what_was_pulled_before_is_promoted_only_if_it_is_what_was_verified() -> None:
    pulled, other = manifest(), manifest(parameters=())
    verified = release(GOOD, artifact_digest=pulled.digest)
    require_pulled(None, verified, "preprod", "live")
    require_pulled(pulled, verified, "preprod", "live")
    with pytest.raises(RefusedInputError) as refusal:
        require_pulled(other, verified, "preprod", "live")
    assert refusal.value.what == "live has another build of orders than preprod verified"
    assert pulled.digest in refusal.value.why
    assert other.digest in refusal.value.why
    assert refusal.value.remedy


def earlier(*, changes: bool, lacking: int = 1, pull: int | None = None) -> BackMerge:
    preview = MergePreview(lacking_commits=lacking, changes_content=changes)
    return BackMerge(version="v1.2.0", preview=preview, pull_request=pull)


@pytest.mark.parametrize(
    ("due", "hotfix"),
    [
        (None, False),
        (earlier(changes=False), False),
        (earlier(changes=False, lacking=0), False),
        (earlier(changes=True), True),
    ],
)
def test_no_first_release_no_equal_content_and_no_hotfix_waits_for_a_back_merge(
    due: BackMerge | None, hotfix: bool
) -> None:
    require_back_merge(due, "live", hotfix=hotfix)


@pytest.mark.parametrize(
    ("pull", "remedy"), [(7, "merge pull request #7 into"), (None, "merge the back-merge into")]
)
def test_a_release_waits_until_the_one_before_is_back_in_develop(
    pull: int | None, remedy: str
) -> None:
    with pytest.raises(RefusedInputError, match=r"release v1\.2\.0 is not merged back") as refusal:
        require_back_merge(earlier(changes=True, lacking=3, pull=pull), "live", hotfix=False)
    assert refusal.value.remedy.startswith(remedy)
    assert "lacks 3 of its commits" in refusal.value.why


def test_what_a_newer_release_contains_is_not_promoted_again() -> None:
    newer = parse_tag("v1.2.0", "d" * 40)
    assert newer
    require_newer(newer, ["e" * 40], COMMIT, "live")
    with pytest.raises(RefusedInputError, match=r"commit ccccccc is older than release v1\.2\.0"):
        require_newer(newer, [], COMMIT, "live")


def pull(**changes: Any) -> PullRequest:
    values: dict[str, Any] = {
        "repository": "acme/shop",
        "number": 1,
        "title": "Release",
        "author": "ada",
        "url": "",
        "is_open": False,
        "merged": True,
        "mergeable": None,
        "head_branch": "release/1.2.0",
        "head_commit": "f" * 40,
        "base_branch": "main",
        "merge_commit": COMMIT,
    }
    return PullRequest(**values | changes)


@pytest.mark.parametrize(
    "other",
    [
        pull(merged=False),
        pull(base_branch="develop"),
        pull(merge_commit="d" * 40),
    ],
)
def test_only_the_pull_request_whose_merge_made_the_commit_names_the_version(
    other: PullRequest,
) -> None:
    assert bringing_branch([other], COMMIT, "main") is None
    assert bringing_branch([other, pull()], COMMIT, "main") == "release/1.2.0"


def test_an_artifact_that_was_rejected_anywhere_is_not_verified() -> None:
    good = entry("good")
    assert verified_release([good], ARTIFACT, {ArtifactId(Sha256("b" * 64))}) == good
    assert verified_release([good], ARTIFACT, {ARTIFACT}) is None
