"""Whose word lets a promotion go on, and what makes it void."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.topology import topology_of
from tiercel.domain.approvals.approval_gate import ApprovalGate
from tiercel.domain.approvals.plans import AskedBy, WaitingPromotion
from tiercel.domain.approvals.words import Voucher, Word, word_key
from tiercel.domain.base.digests import PlanDigest, Sha256
from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.gates.results import Decision
from tiercel.domain.gates.windows import WindowGate
from tiercel.domain.organization.approvers import Approver, vouches_for_a_person
from tiercel.domain.organization.gate_settings import GateSettings

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
PLAN = PlanDigest(Sha256("ab" * 32))
OTHER = PlanDigest(Sha256("cd" * 32))
SSO = "arn:aws:sts::333333333333:assumed-role/AWSReservedSSO_Release_0123456789abcdef/bob@acme.test"
ADA = Approver(name="ada", github=11, aws="arn:aws:iam::333333333333:user/people/ada")
BOB = Approver(name="bob", github=12, aws=SSO)
EVE = Approver(name="eve", github=13)
PEOPLE = (ADA, BOB, EVE)


def waiting(**changed: Any) -> WaitingPromotion:
    values: dict[str, Any] = {
        "number": 1,
        "environment": "prod",
        "repository": "acme/shop",
        "commit": "c" * 40,
        "plan_digest": PLAN,
        "asked_by": AskedBy(github=1),
        "authors": frozenset({2}),
        "pull_request": 7,
        "head_commit": "d" * 40,
        "at": NOW - timedelta(hours=1),
        "expires_at": NOW + timedelta(hours=71),
    }
    return WaitingPromotion(**values | changed)


def word(approver: Approver = ADA, **changed: Any) -> Word:
    aws = changed.get("vouched_by") is Voucher.AWS
    values: dict[str, Any] = {
        "plan_digest": PLAN,
        "approves": True,
        "by": approver.name,
        "vouched_by": Voucher.GITHUB,
        "account": approver.aws if aws else str(approver.github),
        "reason": "looked at it",
        "at": NOW - timedelta(minutes=10),
        "evidence": f"review {approver.github} on {'d' * 40}",
    }
    return Word(**values | changed)


def gate(
    *words: Word,
    required: int = 1,
    plan: PlanDigest = PLAN,
    promotion: WaitingPromotion | None = None,
    **configured: Any,
) -> ApprovalGate:
    configured.setdefault("approvers", PEOPLE)
    settings = GateSettings(approvals=required, **configured)
    return ApprovalGate(
        settings=settings, waiting=promotion or waiting(), plan_digest=plan, words=words
    )


def says(one: ApprovalGate, now: datetime = NOW) -> Decision:
    return one.judge(now).decision


ALLOW, WAIT, REFUSE = Decision.ALLOW, Decision.WAIT, Decision.REFUSE
BY_AWS: dict[str, Any] = {"vouched_by": Voucher.AWS, "evidence": "f" * 64}


@pytest.mark.parametrize(
    ("why", "judged", "decision"),
    [
        ("none is demanded", gate(required=0), ALLOW),
        ("nobody has said anything", gate(), WAIT),
        ("one other person on GitHub", gate(word()), ALLOW),
        ("one other person by AWS", gate(word(BOB, **BY_AWS)), ALLOW),
        ("one of two", gate(word(), required=2), WAIT),
        ("one person in two ways", gate(word(), word(**BY_AWS), required=2), WAIT),
        ("two people", gate(word(), word(BOB), required=2), ALLOW),
        ("somebody who is no approver", gate(word(Approver(name="mal", github=66))), WAIT),
        ("an approver's name, another account", gate(word(account="66")), WAIT),
        ("another's principal", gate(word(**BY_AWS | {"account": SSO})), WAIT),
        ("no principal at all", gate(word(EVE, **BY_AWS | {"account": ""})), WAIT),
        ("for another plan", gate(word(plan_digest=OTHER)), WAIT),
        ("the plan is another by now", gate(word(), plan=OTHER), REFUSE),
        ("the word is of tomorrow", gate(word(at=NOW + timedelta(hours=1))), WAIT),
        ("by a clock a little ahead", gate(word(at=NOW + timedelta(minutes=4))), ALLOW),
        ("the word has expired", gate(word(at=NOW - timedelta(hours=72))), WAIT),
        ("the wait has expired", gate(word(), promotion=waiting(expires_at=NOW)), REFUSE),
        ("who asked", gate(word(), promotion=waiting(asked_by=AskedBy(github=11))), WAIT),
        ("who asked, by his principal",
         gate(word(), promotion=waiting(asked_by=AskedBy(principal=ADA.aws))), WAIT),
        ("another than who asked by his principal",
         gate(word(BOB), promotion=waiting(asked_by=AskedBy(principal=ADA.aws))), ALLOW),
        ("an author", gate(word(), promotion=waiting(authors=frozenset({2, 11}))), WAIT),
        ("one, and nobody knows who asked",
         gate(word(), promotion=waiting(asked_by=AskedBy())), WAIT),
        ("two, and nobody knows who asked",
         gate(word(), word(BOB), promotion=waiting(asked_by=AskedBy())), ALLOW),
        ("a principal that no approver has asked",
         gate(word(), promotion=waiting(asked_by=AskedBy(principal=SSO + "x"))), WAIT),
        ("one, and not all authors are known",
         gate(word(), promotion=waiting(all_authors=False)), WAIT),
        ("two, and not all authors are known",
         gate(word(), word(BOB), promotion=waiting(all_authors=False)), ALLOW),
        ("two, and neither who asked nor all authors are known",
         gate(word(), word(BOB), promotion=waiting(all_authors=False, asked_by=AskedBy())), WAIT),
        ("declined", gate(word(), word(BOB, approves=False)), REFUSE),
        ("declined by who asked",
         gate(word(BOB), word(approves=False), promotion=waiting(asked_by=AskedBy(github=11))),
         REFUSE),
        ("declined by nobody's account", gate(word(), word(BOB, approves=False, account="66")),
         ALLOW),
        ("another plan was declined", gate(word(), word(BOB, approves=False, plan_digest=OTHER)),
         ALLOW),
    ],
)  # fmt: skip
def test_enough_other_people_approve_this_very_plan(
    why: str, judged: ApprovalGate, decision: Decision
) -> None:
    assert says(judged) is decision, why


def test_a_word_counts_by_the_approvers_that_are_listed_now() -> None:
    assert says(gate(word(), approvers=(BOB, EVE))) is WAIT
    assert says(gate(word(), approvers=(ADA.model_copy(update={"github": 99}), BOB))) is WAIT


def test_what_does_not_count_says_why() -> None:
    found = gate(word(), promotion=waiting(authors=frozenset({11}))).judge(NOW)
    assert "ada is an author" in found.reason
    assert PLAN in found.remedy
    assert "#7" in found.remedy


def test_a_plan_stays_declined_until_the_hours_of_the_word_are_over() -> None:
    declined = word(BOB, approves=False, at=NOW - timedelta(hours=1))
    later = waiting(number=2, at=NOW, expires_at=NOW + timedelta(hours=72))
    gate = ApprovalGate(
        settings=GateSettings(approvals=1, approval_hours=2, approvers=PEOPLE),
        waiting=later,
        plan_digest=PLAN,
        words=(declined, word(ADA, at=NOW)),
    )
    results = [gate.judge(NOW + timedelta(minutes=one)) for one in (1, 59, 60)]
    assert [one.decision for one in results] == [Decision.REFUSE, Decision.REFUSE, Decision.ALLOW]
    assert "until 2026-12-01 13:00 UTC" in results[0].remedy


def test_a_decline_keeps_nobody_from_having_another_plan_shown() -> None:
    declined, other = word(BOB, approves=False), gate(plan=OTHER).judge(NOW)
    assert gate(declined, plan=OTHER).judge(NOW).remedy == other.remedy
    assert gate(declined).judge(NOW).remedy != other.remedy


@pytest.mark.parametrize(
    ("begun_until", "words", "decision", "declined"),
    [
        (None, (word(),), REFUSE, False),
        # The hour of the wait ends nothing that was begun; a decline does at any time.
        (NOW + timedelta(hours=1), (word(),), ALLOW, False),
        (NOW + timedelta(hours=1), (), WAIT, False),
        (NOW + timedelta(hours=1), (word(), word(BOB, approves=False)), REFUSE, True),
        (NOW, (word(),), REFUSE, False),
        (NOW, (word(), word(BOB, approves=False)), REFUSE, True),
    ],
)
def test_what_was_begun_has_its_own_time_and_ends_when_somebody_declines(
    begun_until: datetime | None, words: tuple[Word, ...], decision: Decision, declined: bool
) -> None:
    over = gate(*words, promotion=waiting(expires_at=NOW))
    begun = over.model_copy(update={"begun_until": begun_until})
    assert says(begun) is decision
    assert (begun.declined(NOW) is not None) is declined


def test_the_same_evidence_is_the_same_word() -> None:
    assert word_key(word()) == word_key(word(at=NOW, reason="again"))
    assert word_key(word()) != word_key(word(BOB))


def _moments(first: int, last: int) -> st.SearchStrategy[datetime]:
    return st.integers(first, last).map(lambda hours: NOW + timedelta(hours=hours))


_PEOPLE = st.sampled_from(PEOPLE)
_WORDS = st.builds(
    word,
    _PEOPLE,
    approves=st.booleans(),
    vouched_by=st.sampled_from(list(Voucher)),
    at=_moments(-11 * 24, 24),
    plan_digest=st.sampled_from([PLAN, OTHER]),
)
_PROMOTIONS = st.builds(
    lambda asker, authors: waiting(asked_by=asker, authors=authors),
    st.sampled_from([AskedBy(), AskedBy(github=11), AskedBy(github=1), AskedBy(principal=SSO)]),
    st.frozensets(st.sampled_from([2, 11, 12, 13])),
)


@given(st.lists(_WORDS, max_size=5), _WORDS, _PROMOTIONS, st.integers(0, 3))
def test_to_add_an_approval_never_refuses_what_was_allowed(
    words: list[Word], added: Word, promotion: WaitingPromotion, required: int
) -> None:
    approval = added.model_copy(update={"approves": True})
    before = says(gate(*words, required=required, promotion=promotion))
    after = says(gate(approval, *words, required=required, promotion=promotion))
    order = list(Decision)
    assert order.index(after) <= order.index(before)


@given(st.lists(_WORDS, max_size=5), _WORDS, _PROMOTIONS, st.integers(1, 3))
def test_to_add_a_decline_or_an_author_never_allows(
    words: list[Word], added: Word, promotion: WaitingPromotion, required: int
) -> None:
    before = says(gate(*words, required=required, promotion=promotion))
    decline = added.model_copy(update={"approves": False})
    declined = says(gate(*words, decline, required=required, promotion=promotion))
    authors = promotion.authors | {int(PEOPLE[0].github)}
    written = promotion.model_copy(update={"authors": authors})
    order = list(Decision)
    assert order.index(declined) >= order.index(before)
    assert order.index(says(gate(*words, required=required, promotion=written))) >= order.index(
        before
    )


@given(
    st.lists(st.sampled_from(["mon-fri 09:00-16:00", "sat 10:00-24:00"]), max_size=2),
    st.lists(st.dates(NOW.date() - timedelta(7), NOW.date() + timedelta(7)), max_size=3),
    st.dates(NOW.date() - timedelta(7), NOW.date() + timedelta(7)),
    _moments(-7 * 24, 7 * 24),
)
def test_to_add_a_freeze_never_allows(windows: Any, frozen: Any, added: Any, now: Any) -> None:
    def at(days: Any) -> Decision:
        freezes = tuple(f"{day}..{day} the year's end" for day in days)
        settings = GateSettings(windows=tuple(windows), freezes=freezes)
        return WindowGate(settings=settings).judge(now).decision

    assert at([*frozen, added]) is not ALLOW or at(frozen) is ALLOW


PERSON = '{name = "ada", github = 11, aws = "arn:aws:iam::333333333333:user/ada"}'


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (f"approvals = 2\napprovers = [{PERSON}]", "2 of 1 approvers"),
        (f'approvers = [{PERSON}, {{name = "ada", github = 12}}]', "the name ada"),
        (f'approvers = [{PERSON}, {{name = "bob", github = 11}}]', "the github 11"),
        (f'approvers = [{PERSON}, {PERSON.replace("ada", "bob", 1).replace("11", "12")}]',
         "the aws"),
        ('approvers = [{name = "ada"}]', "missing"),
        ('approvers = [{name = "ada", github = 11, aws = "arn:aws:iam::333333333333:root"}]',
         "wrong form"),
        (f"approvers = [{PERSON.replace('iam', 'sts').replace('user', 'assumed-role/Admin')}]",
         "pinned_session_names"),
        ('overridable = ["windows"]', "without `approvals`"),
        (f'approvals = 1\napprovers = [{PERSON}]\noverridable = ["hold"]', "'windows'"),
    ],
)  # fmt: skip
def test_approvers_whom_nobody_can_tell_apart_are_refused(written: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        topology_of("acme/shop", more=f"[environments.prod.gates]\n{written}\n")
    assert said in refused.value.why


@pytest.mark.parametrize(
    ("principal", "is_one"),
    [
        ("arn:aws:iam::333333333333:user/ada", True),
        ("arn:aws-cn:iam::333333333333:user/people/ada", True),
        (SSO, True),
        ("arn:aws:sts::333333333333:assumed-role/Pinned/ada", True),
        ("arn:aws:sts::444444444444:assumed-role/Pinned/ada", False),
        ("arn:aws:sts::333333333333:assumed-role/Pinned2/ada", False),
        ("arn:aws:sts::333333333333:assumed-role/XAWSReservedSSO_Release/ada", False),
        ("arn:aws:sts::333333333333:federated-user/ada", False),
        ("arn:aws:iam::333333333333:root", False),
        ("arn:aws:iam::333333333333:role/AWSReservedSSO_Release", False),
        (SSO + "\n", False),
        ("", False),
    ],
)
def test_only_principals_whose_name_nobody_chooses_are_people(principal: str, is_one: bool) -> None:
    pinned = ("arn:aws:iam::333333333333:role/Pinned",)
    assert vouches_for_a_person(principal, pinned) is is_one
