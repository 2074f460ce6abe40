from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.codes import because
from tests.support.releases import NOON, STACK, intent, outcome, release
from tiercel.domain.base.digests import ArtifactId, Sha256
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.release.candidates import (
    LEFT_FOR,
    LeftCandidate,
    left_candidate,
    long_left,
    require_genuine,
    require_not_rejected,
    to_put_back,
    verification_key,
    verification_of,
)
from tiercel.domain.release.entries import Entry, UnreadableEntry
from tiercel.domain.release.ledger import Purpose, Rejection, Release, ReleaseStatus
from tiercel.domain.release.promotion import verified_in, verified_release

ARTIFACT = ArtifactId(Sha256("a" * 64))
OTHER = ArtifactId(Sha256("b" * 64))
ELSEWHERE = "acme-ephemeral-fix-orders"
ENDED = {
    "good": {"status": ReleaseStatus.SUCCEEDED, "deployed": True},
    "unwell": {"status": ReleaseStatus.FAILED, "deployed": True},
    "bad": {"status": ReleaseStatus.FAILED, "deployed": False},
    "left": {"status": ReleaseStatus.SUPERSEDED, "deployed": False},
}


def entry(number: int, ended: str, purpose: str = "deploy", **changes: Any) -> Release:
    result = None if ended == "open" else outcome(**ENDED[ended])
    return release(result, number=number, purpose=Purpose(purpose), **changes)


def candidate(number: int, ended: str = "good", **changes: Any) -> Release:
    return entry(number, ended, "candidate", branch="hotfix/0.1.1", **changes)


@pytest.mark.parametrize(
    ("newest_first", "running", "left"),
    [
        ([], None, None),
        ([entry(1, "good")], 1, None),
        ([candidate(2), entry(1, "good")], 2, 2),
        ([candidate(2, "unwell"), entry(1, "good")], 2, 2),
        ([candidate(2, "open"), entry(1, "good")], 1, 2),
        ([candidate(2, "bad"), entry(1, "good")], 2, None),
        ([candidate(2, "left"), entry(1, "good")], 1, None),
        ([entry(3, "good"), candidate(2), entry(1, "good")], 3, None),
        ([entry(3, "unwell"), candidate(2), entry(1, "good")], 3, None),
        ([entry(3, "bad"), candidate(2), entry(1, "good")], 3, 2),
        ([entry(3, "open"), candidate(2), entry(1, "good")], 2, 2),
        ([entry(3, "open"), candidate(2), entry(1, "good")], 3, None),
        ([entry(3, "good", "restoration"), candidate(2), entry(1, "good")], 3, None),
        ([candidate(3, "bad"), candidate(2), entry(1, "good")], 2, 2),
    ],
)
def test_a_candidate_is_left_where_nothing_to_stay_came_after_it(
    newest_first: list[Release], running: int | None, left: int | None
) -> None:
    found = left_candidate(newest_first, running)
    assert (found.intent.number if found else None) == left


UNREADABLE = UnreadableEntry(STACK, 3, RefusedInputError("ledger.entry_damaged", "x").failure)


def test_an_entry_that_cannot_be_read_may_be_the_candidate() -> None:
    with pytest.raises(RefusedInputError, check=because("ledger.entry_damaged")):
        left_candidate([UNREADABLE, entry(1, "good")], 2)


ON, BEFORE = "acme-preprod-orders", NOON - LEFT_FOR


def ended_at(moment: datetime, made: Release) -> Release:
    """As if it had ended then, or begun then if it has not ended."""
    if made.outcome is None:
        return made.model_copy(update={"intent": made.intent.model_copy(update={"at": moment})})
    return made.model_copy(update={"outcome": made.outcome.model_copy(update={"at": moment})})


@pytest.mark.parametrize(
    ("newest_first", "left"),
    [
        ([ended_at(BEFORE, candidate(2)), entry(1, "good")], [LeftCandidate(ON, 2)]),
        ([ended_at(BEFORE, candidate(2, "open")), entry(1, "good")], [LeftCandidate(ON, 2)]),
        ([ended_at(BEFORE + timedelta(seconds=1), candidate(2)), entry(1, "good")], []),
        ([ended_at(BEFORE + timedelta(seconds=1), candidate(2, "open")), entry(1, "good")], []),
        ([ended_at(BEFORE, entry(3, "good", "restoration")), ended_at(BEFORE, candidate(2))], []),
        ([ended_at(BEFORE, candidate(2, "bad")), entry(1, "good")], []),
        ([UNREADABLE, ended_at(BEFORE, candidate(2))], []),
    ],
)
def test_a_candidate_is_left_for_long_an_hour_after_its_release(
    newest_first: list[Entry], left: list[LeftCandidate]
) -> None:
    other = ended_at(BEFORE, candidate(7, stack="acme-preprod-board"))
    found = long_left([*newest_first, other], NOON)
    assert found == (LeftCandidate("acme-preprod-board", 7), *left)


@pytest.mark.parametrize(
    ("newest_first", "back"),
    [
        ([candidate(2)], None),
        ([candidate(2), entry(1, "unwell")], None),
        ([candidate(3), entry(2, "unwell"), entry(1, "good")], 1),
        ([candidate(3), entry(2, "open"), entry(1, "good")], 1),
        ([candidate(4), entry(3, "good", "rollback"), entry(2, "unwell"), entry(1, "good")], 3),
        ([candidate(3), entry(2, "good", artifact_id=OTHER), entry(1, "good")], 1),
    ],
)
def test_the_newest_good_release_that_is_there_to_stay_is_put_back(
    newest_first: list[Release], back: int | None
) -> None:
    found = to_put_back(newest_first, {OTHER})
    assert (found.intent.number if found else None) == back


def at(minutes: int, result: str, number: int = 1, stack: str = ELSEWHERE) -> Release:
    made = outcome(**ENDED[result], at=NOON + timedelta(minutes=minutes))
    return release(made, number=number, stack=stack, purpose=Purpose.CANDIDATE)


@pytest.mark.parametrize(
    ("own", "candidates", "verified"),
    [
        ([], [at(1, "good")], (ELSEWHERE, 1)),
        ([], [at(1, "bad")], None),
        ([], [at(1, "good"), at(0, "bad", 2)], None),
        ([], [at(1, "bad"), at(0, "good", 2)], (ELSEWHERE, 2)),
        ([at(1, "good", 7, STACK)], [at(2, "bad")], None),
        ([at(2, "bad", 7, STACK)], [at(1, "good")], None),
        ([at(1, "bad", 7, STACK)], [at(2, "good")], (ELSEWHERE, 1)),
        ([at(1, "good", 7, STACK)], [at(1, "bad")], None),
        ([at(1, "bad", 7, STACK)], [at(1, "good")], None),
        ([], [release(stack=ELSEWHERE, purpose=Purpose.CANDIDATE)], None),
    ],
    ids=[
        "verified elsewhere alone",
        "failed elsewhere",
        "of one stack the number tells what is newer",
        "also if it is the success",
        "a later failure elsewhere takes it back",
        "a later failure here takes it back",
        "a later success elsewhere counts",
        "at one moment a failure wins",
        "wherever it was",
        "one under way is no verdict",
    ],
)
def test_the_newest_verdict_of_all_stacks_decides(
    own: list[Release], candidates: list[Release], verified: tuple[str, int] | None
) -> None:
    found = verified_release(own, ARTIFACT, (), candidates)
    assert (found and (found.intent.stack, found.intent.number)) == verified


def test_a_candidate_that_a_person_rejected_verifies_nothing_any_more() -> None:
    rejection = Rejection(by="ada", reason="it lost orders", at=NOON)
    rejected = at(1, "good").model_copy(update={"rejection": rejection})
    assert verified_release([at(2, "good", 7, STACK)], ARTIFACT, (), [rejected]) is None


GENUINE = candidate(3, stack=ELSEWHERE)
RECORD = verification_of(GENUINE.intent)


def test_a_verification_leads_to_the_entry_of_the_ledger_that_has_the_verdict() -> None:
    assert verification_key(RECORD) == f"verifications/{ARTIFACT}/{ELSEWHERE}/00000003.json"
    assert require_genuine(RECORD, GENUINE, ARTIFACT, "here") is GENUINE


@pytest.mark.parametrize(
    ("found", "artifact"),
    [
        (None, ARTIFACT),
        (entry(3, "good", stack=ELSEWHERE), ARTIFACT),
        (candidate(3, stack=ELSEWHERE, artifact_id=OTHER), ARTIFACT),
        (GENUINE, OTHER),
    ],
    ids=["lost", "no candidate", "of another artifact", "asked for another artifact"],
)
def test_a_verification_that_the_ledger_does_not_bear_out_is_refused(
    found: Release | None, artifact: ArtifactId
) -> None:
    with pytest.raises(RefusedInputError, check=because("promotion.verification_forged")):
        require_genuine(RECORD, found, artifact, "here")


def test_what_was_rejected_is_not_tried_again() -> None:
    require_not_rejected([], "acme/shop", "abcdef0")
    with pytest.raises(RefusedInputError, check=because("candidate.rejected")):
        require_not_rejected(["orders"], "acme/shop", "abcdef0")


def test_where_and_how_is_told_in_words() -> None:
    assert verified_in(None) is None
    tried, deployed = verified_in(GENUINE), verified_in(entry(1, "good"))
    assert tried
    assert deployed
    assert tried.words == f"{ELSEWHERE} release 3, as a candidate of hotfix/0.1.1"
    assert deployed.words == f"{STACK} release 1"


def test_what_a_promotion_records_of_its_verification_is_read_again() -> None:
    written = intent(verified_in=verified_in(GENUINE)).model_dump_json()
    assert type(intent()).model_validate_json(written).verified_in == verified_in(GENUINE)
