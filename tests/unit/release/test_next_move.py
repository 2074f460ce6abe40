from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.releases import STACK, intent, outcome, release
from tiercel.domain.base.errors import RefusedInputError, SupersededError, TransientError
from tiercel.domain.release.ledger import Intent, Purpose, Release, ReleaseStatus, already_live
from tiercel.domain.release.next_move import (
    MOST_RACES,
    UNASKED,
    AlreadyLive,
    AskWhetherOlder,
    Known,
    Move,
    ObserveStack,
    ReadLasting,
    ReadLedger,
    RecordIntent,
    Refuse,
    Resume,
    VerifyProvenance,
    next_move,
)
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.states import StackStatus

OURS = {"made-by": "tiercel", "service": "orders"}
TOKEN = "release-7-attempt-1"


def stack(token: str = TOKEN, **changes: Any) -> Stack:
    values: dict[str, Any] = {
        "stack_id": f"arn:{STACK}",
        "name": STACK,
        "status": StackStatus.UPDATE_COMPLETE,
        "reason": "",
        "outputs": {},
        "token": token,
        "tags": OURS,
    }
    return Stack(**values | changes)


WANTED = intent(number=1)
LIVE = release(outcome())
OPEN = release(flow_run="killed")
FAILED = release(outcome(status=ReleaseStatus.FAILED))
OTHER = release(outcome(), commit="2" * 40, artifact_digest="d" * 64)
FOREIGN = release(outcome(), repository="acme/store")
VERIFIED = Known(verified=True)


def known(latest: Release | None, found: Stack | None, **facts: Any) -> Known:
    return Known(**{"latest": latest, "stack": found, "verified": True, **facts})


@pytest.mark.parametrize(
    ("facts", "move"),
    [
        pytest.param(Known(), ReadLedger(), id="first the ledger is read"),
        pytest.param(VERIFIED, ReadLedger(), id="also after another run was faster"),
        pytest.param(
            Known(latest=None), VerifyProvenance(), id="verified before CloudFormation is called"
        ),
        pytest.param(Known(latest=OTHER), VerifyProvenance(), id="something else was released"),
        pytest.param(Known(latest=FAILED), VerifyProvenance(), id="it was tried, and failed"),
        pytest.param(Known(latest=OPEN), VerifyProvenance(), id="it is under way or was killed"),
        pytest.param(Known(latest=LIVE), ObserveStack(), id="the ledger says that it is live"),
        pytest.param(
            Known(latest=None, verified=True), ObserveStack(), id="verified, so the stack is seen"
        ),
        pytest.param(
            known(None, stack()), ReadLedger(), id="the stack has a release that nobody recorded"
        ),
        pytest.param(
            known(LIVE, stack("release-8-attempt-1")), ReadLedger(), id="another run was faster"
        ),
        pytest.param(
            known(None, stack(), looked_again=True),
            RecordIntent(8, stack()),
            id="the ledger was restored and lacks what the stack runs",
        ),
        pytest.param(
            known(LIVE, stack(), verified=False), AlreadyLive(LIVE, stack()), id="it is live"
        ),
        pytest.param(
            known(LIVE, stack("by-hand"), verified=False),
            VerifyProvenance(),
            id="changed past Tiercel: verified before it is put right",
        ),
        pytest.param(
            known(LIVE, stack("by-hand")),
            RecordIntent(8, stack("by-hand")),
            id="changed past Tiercel: released again",
        ),
        pytest.param(known(LIVE, None), RecordIntent(8, None), id="the stack was deleted"),
        pytest.param(known(None, None), RecordIntent(1, None), id="the first release"),
        pytest.param(
            known(OPEN, stack("")), Resume(OPEN.intent, stack("")), id="an open intent of this wish"
        ),
        pytest.param(
            known(OPEN, None), Resume(OPEN.intent, None), id="an open intent and no stack yet"
        ),
        pytest.param(
            known(FAILED, stack()), RecordIntent(8, stack()), id="what failed is tried again"
        ),
        pytest.param(
            known(OTHER, stack()), AskWhetherOlder(OTHER.intent), id="git is asked for the age"
        ),
        pytest.param(
            known(OTHER, stack(), verified=False),
            AskWhetherOlder(OTHER.intent),
            id="git is asked before a signature is",
        ),
        pytest.param(
            known(OTHER, stack(), is_older=False), RecordIntent(8, stack()), id="it is not older"
        ),
        pytest.param(
            known(OTHER, stack(), is_older=False, verified=False),
            VerifyProvenance(),
            id="it is not older, and not verified yet",
        ),
    ],
)
def test_the_next_move_follows_from_what_is_known(facts: Known, move: Move) -> None:
    assert next_move(WANTED, facts, OURS) == move


CANDIDATE = release(outcome(), commit="2" * 40, artifact_digest="d" * 64, purpose=Purpose.CANDIDATE)
OF_THIS = release(outcome(), purpose=Purpose.CANDIDATE)
UNDER_WAY = release(purpose=Purpose.CANDIDATE)
BEFORE = release(outcome(), number=6, commit="3" * 40)
TRIED = intent(number=1, purpose=Purpose.CANDIDATE)


@pytest.mark.parametrize(
    ("wanted", "facts", "move"),
    [
        pytest.param(
            WANTED, known(CANDIDATE, stack()), ReadLasting(), id="a candidate tells no age"
        ),
        pytest.param(
            WANTED,
            known(CANDIDATE, stack(), lasting=BEFORE),
            AskWhetherOlder(BEFORE.intent),
            id="what was there before the candidate does",
        ),
        pytest.param(
            WANTED,
            known(CANDIDATE, stack(), lasting=None),
            RecordIntent(8, stack()),
            id="nothing was there before the candidate",
        ),
        pytest.param(
            WANTED,
            known(OF_THIS, stack(), lasting=None),
            RecordIntent(8, stack()),
            id="a candidate of the same bytes is not what is there to stay",
        ),
        pytest.param(
            WANTED,
            known(UNDER_WAY, stack(""), lasting=None),
            RecordIntent(8, stack("")),
            id="nor is one under way gone on with",
        ),
        pytest.param(
            TRIED, known(OTHER, stack()), RecordIntent(8, stack()), id="a candidate has no age here"
        ),
        pytest.param(
            TRIED,
            known(CANDIDATE, stack()),
            AskWhetherOlder(CANDIDATE.intent),
            id="but among candidates",
        ),
        pytest.param(
            TRIED,
            known(UNDER_WAY, stack("")),
            Resume(UNDER_WAY.intent, stack("")),
            id="a candidate that was killed is gone on with",
        ),
        pytest.param(
            TRIED,
            known(LIVE, stack()),
            RecordIntent(8, stack()),
            id="what is live is tried as a candidate all the same",
        ),
    ],
)
def test_candidates_and_what_is_there_to_stay_do_not_stand_for_each_other(
    wanted: Intent, facts: Known, move: Move
) -> None:
    assert next_move(wanted, facts, OURS) == move


@pytest.mark.parametrize(
    ("facts", "move"),
    [
        pytest.param(known(LIVE, stack()), RecordIntent(8, stack()), id="it is live"),
        pytest.param(
            known(LIVE, stack(), verified=False), VerifyProvenance(), id="and not verified yet"
        ),
        pytest.param(known(OPEN, stack("")), Resume(OPEN.intent, stack("")), id="it is under way"),
    ],
)
def test_what_reads_values_elsewhere_is_planned_again(facts: Known, move: Move) -> None:
    assert next_move(WANTED, facts, OURS, may_differ=True) == move


@pytest.mark.parametrize(
    ("facts", "error", "named"),
    [
        pytest.param(
            known(FOREIGN, stack()), RefusedInputError, "acme/store", id="another repository's"
        ),
        pytest.param(
            known(None, stack("", tags={})), RefusedInputError, STACK, id="not made by Tiercel"
        ),
        pytest.param(
            known(OTHER, stack(), is_older=True), SupersededError, "release 7", id="superseded"
        ),
        pytest.param(
            Known(verified=True, beaten=MOST_RACES), TransientError, "number", id="always beaten"
        ),
    ],
)
def test_a_refusal_carries_the_error_that_says_why(
    facts: Known, error: type[Exception], named: str
) -> None:
    move = next_move(WANTED, facts, OURS)
    assert isinstance(move, Refuse)
    assert type(move.error) is error
    assert named in str(move.error)


def test_a_foreign_stack_that_is_gone_claims_no_name() -> None:
    assert next_move(WANTED, known(FOREIGN, None), OURS) == RecordIntent(8, None)


@dataclass
class World:
    """Answers every question at random, as other runs and people would make it."""

    data: st.DataObject
    moves: list[Move] = field(default_factory=list)

    def answer(self, move: Move, facts: Known) -> Known:
        self.moves.append(move)
        match move:
            case ReadLedger():
                return facts.with_ledger(self.data.draw(releases))
            case ReadLasting():
                return replace(facts, lasting=self.data.draw(releases))
            case ObserveStack():
                return replace(facts, stack=self.data.draw(stacks))
            case VerifyProvenance():
                return replace(facts, verified=True)
            case AskWhetherOlder():
                return replace(facts, is_older=self.data.draw(st.booleans()))
            case _:
                return facts.beaten_again()


def _release(number: int, result: str, changes: dict[str, str]) -> Release:
    ended = outcome(status=ReleaseStatus(result), stack_token=f"release-{number}-attempt-1")
    return release(None if result == "open" else ended, number=number, **changes)


releases = st.none() | st.builds(
    _release,
    st.integers(1, 9),
    st.sampled_from([str(one) for one in ReleaseStatus]),
    st.sampled_from([{}, {"repository": "acme/store"}, {"commit": "2" * 40}]),
)
stacks = st.none() | st.builds(
    stack,
    st.integers(1, 9).map(lambda number: f"release-{number}-attempt-1") | st.just("by-hand"),
    tags=st.sampled_from([OURS, {}]),
)


def _owner_and_token(wanted: Intent, move: RecordIntent | Resume, facts: Known) -> None:
    latest, found = facts.latest, facts.stack
    assert facts.verified
    assert latest is not UNASKED
    assert found is not UNASKED
    assert move.stack == found
    assert not (found and latest and latest.intent.repository != wanted.repository)
    assert not (found and already_live(latest, wanted, found.token))
    if isinstance(move, RecordIntent):
        assert move.number > (latest.intent.number if latest else 0)


@given(st.data())
def test_whatever_the_world_answers_a_run_ends_and_changes_nothing_unverified(
    data: st.DataObject,
) -> None:
    world, facts = World(data), Known()
    for _ in range(10 * MOST_RACES):
        move = next_move(WANTED, facts, OURS)
        match move:
            case RecordIntent() | Resume():
                _owner_and_token(WANTED, move, facts)
            case AlreadyLive(latest, found):
                assert already_live(latest, WANTED, found.token)
        if isinstance(move, Resume | AlreadyLive | Refuse):
            break
        if isinstance(move, ObserveStack) and not facts.verified:
            assert isinstance(facts.latest, Release)
            assert facts.latest.status is ReleaseStatus.SUCCEEDED
        facts = world.answer(move, facts)
    else:
        pytest.fail(f"no end after {len(world.moves)} moves")


def test_a_run_that_was_beaten_asks_everything_again_but_what_it_verified() -> None:
    before = known(OTHER, stack(), is_older=False, looked_again=True)
    assert before.beaten_again() == Known(verified=True, beaten=1)
    assert Known(beaten=1).beaten_again() == Known(beaten=2)
