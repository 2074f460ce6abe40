"""The gate of people: so many others have approved this very plan, and nobody declines it."""

from __future__ import annotations

from datetime import datetime, timedelta

from tiercel.domain.approvals.plans import AskedBy, WaitingPromotion
from tiercel.domain.approvals.words import Voucher, Word
from tiercel.domain.base.digests import PlanDigest, short
from tiercel.domain.base.values import Frozen
from tiercel.domain.gates.results import Decision, GateResult
from tiercel.domain.organization.approvers import Approver, vouches_for_a_person
from tiercel.domain.organization.gate_settings import GateSettings

APPROVALS_GATE = "approvals"
CLOCKS_APART = timedelta(minutes=5)
"""So much later than now a word may have been given, by the clock of who vouches for it."""


class ApprovalGate(Frozen):
    """What approvers have said of the promotion that waits; `plan_digest` is what is planned now.

    Every word is judged by itself, with the approvers that the worker's file lists now.
    """

    settings: GateSettings
    waiting: WaitingPromotion
    plan_digest: PlanDigest
    words: tuple[Word, ...]
    begun_until: datetime | None = None
    """Until when what was begun on a word may be brought to its end; None if it is not begun."""

    def judge(self, now: datetime) -> GateResult:
        """Allow what enough approvers approve; refuse another plan, and what was declined."""
        if not self.settings.approvals:
            return _result(Decision.ALLOW, "none is demanded")
        refusal = self._void(now) or self._declined(now)
        if refusal:
            return _result(Decision.REFUSE, refusal, self._way_on(now))
        approving = {one.by: one for one in self.counting(now) if one.approves}
        told = ", ".join(approving[name].told for name in sorted(approving))
        if len(approving) >= self.demanded:
            return _result(Decision.ALLOW, f"approved by {told}")
        return _result(Decision.WAIT, self._missing(told, now), self._remedy())

    def declined(self, now: datetime) -> GateResult | None:
        """Return the refusal of who declines, None if nobody does: half-way nothing else counts."""
        why = self._declined(now)
        return _result(Decision.REFUSE, why, self._way_on(now)) if why else None

    def counting(self, now: datetime) -> tuple[Word, ...]:
        """Return the words that count: a decline of any approver, an approval of another person."""
        return tuple(one for one in self.words if not self.objection(one, now))

    @property
    def demanded(self) -> int:
        """How many approve at least: one more where nobody can tell who asked, for it may be he.

        And one more where not all authors are known: he may be one of them.
        """
        asker = 0 if self._asker_is_told() else 1
        author = 0 if self.waiting.all_authors else 1
        return self.settings.approvals + asker + author

    def objection(self, word: Word, now: datetime) -> str:
        """Return why a word does not count, nothing if it does."""
        approver = self.settings.approver(word.by)
        if approver is None:
            return f"{word.by} is no approver"
        return (
            _of_another_plan(word, self.waiting.plan_digest)
            or self._unvouched(word, approver)
            or self._untimely(word, now)
            or (self._partial(approver) if word.approves else "")
        )

    def _void(self, now: datetime) -> str:
        shown = self.waiting.plan_digest
        if self.plan_digest != shown:
            return f"{short(shown)} was shown, and {short(self.plan_digest)} is planned by now"
        begun, until = self.begun_until, self.begun_until or self.waiting.expires_at
        if now >= until:
            return f"it {'could go on' if begun else 'waited'} until {until:%Y-%m-%d %H:%M} UTC"
        return ""

    def _declined(self, now: datetime) -> str:
        return "; ".join(f"declined by {one.told}: {one.why}" for one in self._declines(now))

    def _declines(self, now: datetime) -> list[Word]:
        return [one for one in self.counting(now) if not one.approves]

    def _way_on(self, now: datetime) -> str:
        """Say what to do after a refusal: a plan stays declined, however often it is shown.

        What is planned by now may be another plan, of which nobody has said anything yet.
        """
        declines = self._declines(now)
        if not declines or self.plan_digest != self.waiting.plan_digest:
            return "promote again: its plan is shown anew"
        last = max(one.at for one in declines) + timedelta(hours=self.settings.approval_hours)
        return f"promote what mends it: this plan stays declined until {last:%Y-%m-%d %H:%M} UTC"

    def _unvouched(self, word: Word, approver: Approver) -> str:
        if word.vouched_by is Voucher.GITHUB:
            known = word.account == str(approver.github)
            return "" if known else f"{word.account} is not {approver.name}'s account on GitHub"
        if not approver.aws or word.account != approver.aws:
            return f"{word.account} is not {approver.name}'s principal"
        if not vouches_for_a_person(word.account, self.settings.pinned_session_names):
            return f"{word.account}: whoever assumes that role chooses the session's name"
        return ""

    def _untimely(self, word: Word, now: datetime) -> str:
        if word.at > now + CLOCKS_APART:
            return f"{word.by}'s word is of {word.at:%Y-%m-%d %H:%M} UTC, which is still to come"
        if word.at + timedelta(hours=self.settings.approval_hours) <= now:
            return f"{word.by}'s word has expired"
        return ""

    def _partial(self, approver: Approver) -> str:
        """Return why an approver may not approve this one."""
        if _is(approver, self.waiting.asked_by):
            return f"{approver.name} asked for it"
        if approver.github in self.waiting.authors:
            return f"{approver.name} is an author of what is promoted"
        return ""

    def _asker_is_told(self) -> bool:
        """Tell whether it is known which person asked: a principal may be any of an approver's."""
        asker = self.waiting.asked_by
        return asker.github is not None or any(_is(one, asker) for one in self.settings.approvers)

    def _missing(self, told: str, now: datetime) -> str:
        objections = sorted({why for one in self.words if (why := self.objection(one, now))})
        found = f"approved by {told}" if told else "nobody has approved it"
        extra = "" if self._asker_is_told() else ", one of them because nobody knows who asked"
        if not self.waiting.all_authors:
            extra += ", one of them because it brings too many commits to know all authors"
        return "; ".join([f"{found}; {self.demanded} demanded{extra}", *objections])

    def _remedy(self) -> str:
        plan, environment = self.waiting.plan_digest, self.waiting.environment
        typed = f"`tiercel approve {environment} {plan} --reason ...`"
        number = self.waiting.pull_request
        review = f", or approve #{number} with that digest in the review's text" if number else ""
        return f"{typed}{review}"


def _of_another_plan(word: Word, digest: PlanDigest) -> str:
    return "" if word.plan_digest == digest else f"{word.by}'s word is for another plan"


def _is(approver: Approver, asker: AskedBy) -> bool:
    return approver.github == asker.github or (
        bool(asker.principal) and approver.aws == asker.principal
    )


def _result(decision: Decision, reason: str, remedy: str = "") -> GateResult:
    return GateResult(gate=APPROVALS_GATE, decision=decision, reason=reason, remedy=remedy)
