"""Attempts with signatures: replayed, altered, of another host, by whoever is no approver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from tests.adversary.frame import Attack, Kind, Removal
from tests.unit.approvals.attempts_of_people import PRINCIPAL, TO_COME
from tests.unit.approvals.scene import (
    ADA,
    ANSWER,
    NOW,
    PREPROD,
    STRANGER,
    XML,
    Scene,
    review,
    settings,
    sign,
    signed,
)
from tiercel.domain.approvals.signed_words import SignedWord, principal_in
from tiercel.domain.gates.holds import HoldEvent, newest_hold_number

_SIGNED = "domain.approvals.signed_words"
_HEADERS = f"{_SIGNED}:signed_headers"
SAID = (Removal(_HEADERS, '" ".join([_said(word), *word.overrides])', '"approve"'),)
FOR_PLAN = (Removal(_HEADERS, '"x-tiercel-plan": word.plan_digest', '"x-tiercel-plan": ""'),)
FOR_US = (Removal(_HEADERS, "names.prefix", '""'),)
FOR_REASON = (Removal(_HEADERS, "sha256_hex(word.reason.encode())", '""'),)
HOST = (Removal(_HEADERS, "names.sts_host", '"sts.us-east-1.amazonaws.com"'),)
BODY_TYPE = (
    Removal(_HEADERS, '"application/x-www-form-urlencoded; charset=utf-8"', '"text/plain"'),
)
APPROVER = (
    Removal(f"{_SIGNED}:aws_word", "one.aws and one.aws == principal", "principal"),
    PRINCIPAL,
)
MINUTES = (Removal(f"{_SIGNED}:is_fresh", "abs(now - signed_at) < GOOD_FOR", "True"),)
OWN_KEY = (
    Removal(
        f"{_SIGNED}:is_shown_to_sts",
        "word.key == key and word.plan_digest == digest and is_fresh(word.at, now)",
        "True",
    ),
)
THE_CALL = (
    Removal(f"{_SIGNED}:principal_in",
            'root.tag != f"{_ANSWER}GetCallerIdentityResponse" or len(results) != 1',
            "not (results := list(root.iter(f'{_ANSWER}GetCallerIdentityResult')))"),
)  # fmt: skip
XML_ALONE = (Removal(f"{_SIGNED}:principal_in", 'not content_type.startswith("text/xml") or ', ""),)
NO_ENTITIES = (Removal(f"{_SIGNED}:principal_in", ' or b"<!" in answer', ""),)
ONE_CALLER = (Removal(f"{_SIGNED}:principal_in", "len(arns) != 1 or ", ""),)
_HOLDS = "domain.gates.holds:HoldGate.judge"
HELD = (Removal(_HOLDS, "self.event is None or not self.event.holds", "True"),)
HOTFIX = (Removal(_HOLDS, "self.hotfix and self.hotfix_passes and", "self.hotfix and"),)
HELD_FOR_ALL = (Removal(_HOLDS, " and not self.event.everything", ""),)
NEWEST_HOLD = (Removal("domain.gates.holds:newest_hold_number", "max(", "min("),)
_WINDOWS = "domain.gates.windows"
HOURS = (Removal(f"{_WINDOWS}:WindowGate.judge", " and calendar.in_window(now)", ""),)
FREEZE = (Removal(f"{_WINDOWS}:WindowGate.judge", "freeze is None and ", ""),)
WALL_CLOCK = (Removal(f"{_WINDOWS}:_Calendar.in_window", "moment.astimezone(self.zone)", "moment"),)
SOAK = (Removal("domain.gates.verification:SoakGate.judge", "now >= until", "True"),)
CHECKS = (Removal("domain.gates.verification:CheckGate.judge", "if state != PASSED", "if False"),)
_OPENED = "domain.approvals.overrides:opened_by_words"
_LISTED = "gate in approvals.settings.overridable"
OVERRIDABLE = (
    Removal(_OPENED, f"if {_LISTED}", ""),
    Removal("domain.approvals.overrides:with_opened", "if one.gate in overridable", ""),
)
NAMED = (
    Removal(_OPENED, f"one.overrides\n        if {_LISTED}", "approvals.settings.overridable"),
)
COUNTING = (Removal(_OPENED, "approvals.counting(now)", "approvals.words"),)
_RATHER_NOT: dict[str, Any] = {"windows": ("tue 20:00-21:00",), "overridable": ("windows",)}


def _altered(**changed: Any) -> Callable[[None], bool]:
    """Somebody alters what an approver has signed for something else."""

    def deed(_: None) -> bool:
        given = sign(signed(**changed), ADA.aws)
        meant = {one: getattr(signed(), one) for one in changed}
        return Scene().offer(given.model_copy(update=meant)).goes_on()

    return deed


def _signed_with(headers: dict[str, str]) -> Callable[[None], bool]:
    """An approver was led to sign another request, whose signature is handed over."""
    return lambda _: Scene().offer(sign(signed(), ADA.aws, instead=headers)).goes_on()


def _by(principal: str) -> Callable[[None], bool]:
    return lambda _: Scene().offer(sign(signed(), principal)).goes_on()


def _at(hours: float) -> Callable[[None], bool]:
    moment = (NOW + timedelta(hours=hours)).strftime("%Y%m%dT%H%M%SZ")
    return lambda _: Scene().offer(sign(signed(signed_at=moment), ADA.aws)).goes_on()


def _renamed(_: None) -> bool:
    """An old signature under the key of a fresh one."""
    given = sign(signed(signed_at="20261130T120000Z"), ADA.aws)
    return Scene().offer(given, signed(signature="a" * 64).key).goes_on()


def _of_preprod(_: None) -> bool:
    return Scene().offer(sign(signed(), ADA.aws, PREPROD)).goes_on()


def _answered(answer: str, content_type: str = XML) -> Callable[[None], bool]:
    def deed(_: None) -> bool:
        try:
            return principal_in(content_type, answer.encode()) == ADA.aws
        except ValueError:
            return False

    return deed


def _approved(*, given: SignedWord | None = None, more: dict[str, Any] | None = None,
              **configured: Any) -> Callable[[None], bool]:  # fmt: skip
    """Whoever has to approve does, and another gate is closed."""

    def deed(_: None) -> bool:
        scene = Scene(settings=settings(**configured), **more or {})
        return scene.offer(sign(given or signed(), ADA.aws)).goes_on()

    return deed


def _held(*, everything: bool = False) -> HoldEvent:
    return HoldEvent(number=1, holds=True, everything=everything, by="x", reason="x", at=NOW)


def _overridden_by_author(_: None) -> bool:
    """Somebody else approves, and who is an author opens the gate."""
    scene = Scene(settings=settings(**_RATHER_NOT), reviews=(review(user=13),))
    scene.promotion = scene.promotion.model_copy(update={"authors": frozenset({11})})
    return scene.offer(sign(signed(overrides=("windows",)), ADA.aws)).goes_on()


ANSWERED = ANSWER.format(arn=ADA.aws)
INNER = ANSWERED.partition(">")[2].rpartition("</")[0]
CHOSEN = (
    '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    f"<SubjectFromWebIdentityToken>{INNER}</SubjectFromWebIdentityToken>"
    "</AssumeRoleWithWebIdentityResponse>"
)
_ROWS: tuple[tuple[str, str, tuple[Removal, ...], Callable[[None], bool]], ...] = (
    ("a signature for another plan is shown for this one", "the digest is signed", FOR_PLAN,
     _altered(plan_digest="12" * 32)),
    ("a decline becomes an approval", "what is said is signed", SAID, _altered(approves=False)),
    ("another reason is put under a signature", "the reason is signed", FOR_REASON,
     _altered(reason="do not")),
    ("a word for Preprod is shown to Prod", "the environment is signed", FOR_US, _of_preprod),
    ("a signature for STS elsewhere is shown here", "one host", HOST,
     _signed_with({"host": "sts.us-east-1.amazonaws.com"})),
    ("a signature for another kind of body is shown", "one body", BODY_TYPE,
     _signed_with({"content-type": "text/plain"})),
    ("a stranger signs", "principals that are listed", APPROVER, _by(STRANGER)),
    ("a signature of an hour ago is replayed", "signatures of these minutes", MINUTES, _at(-1)),
    ("a signature of yesterday is replayed", "signatures of these minutes", MINUTES, _at(-24)),
    ("a signature is made ahead", "signatures of these minutes", (*MINUTES, *TO_COME), _at(1)),
    ("an old signature has the key of a fresh one", "its own key", OWN_KEY, _renamed),
    ("another answer of STS carries text that the caller chose", "the answer to one call",
     THE_CALL, _answered(CHOSEN)),
    ("an answer is wrapped in another one", "the answer to one call", THE_CALL,
     _answered(f"<a>{ANSWERED}</a>")),
    ("an answer is of another content type", "XML alone", XML_ALONE,
     _answered(ANSWERED, "text/html")),
    ("an answer brings entities of its own", "no declarations", NO_ENTITIES,
     _answered(f'<!DOCTYPE a [<!ENTITY who "{ADA.aws}">]>' + ANSWER.format(arn="&who;"))),
    ("an answer names two callers", "one caller", ONE_CALLER,
     _answered(ANSWER.format(arn=f"{ADA.aws}</Arn><Arn>{STRANGER}"))),
    ("it goes on while the line is held", "hold", HELD, _approved(more={"hold": _held()})),
    ("a hotfix passes although nobody says that it may", "hold, for hotfixes", HOTFIX,
     _approved(more={"hold": _held(), "hotfix": True})),
    ("a hotfix passes what is held for all", "hold, for all", HELD_FOR_ALL,
     _approved(more={"hold": _held(everything=True), "hotfix": True}, hotfix_passes_hold=True)),
    ("an earlier resume lifts a later hold", "the newest hold", NEWEST_HOLD,
     lambda _: newest_hold_number(["holds/00000001.json", "holds/00000002.json"]) == 1),
    ("it goes on outside of its hours", "windows", HOURS,
     _approved(windows=("tue 20:00-21:00",))),
    ("it goes on in a freeze", "freezes", FREEZE,
     _approved(freezes=("2026-12-01..2026-12-02 inventory",))),
    ("it goes on by the hour of another place", "the wall clock", WALL_CLOCK,
     _approved(windows=("tue 12:00-13:00",), timezone="Europe/Berlin")),
    ("it goes on before its time is over", "soak", SOAK,
     _approved(soak_minutes=60, more={"verified": NOW - timedelta(minutes=30)})),
    ("it goes on while a check is missing", "checks", CHECKS, _approved(checks=("ci",))),
    ("it goes on while a check has failed", "checks", CHECKS,
     _approved(checks=("ci",), more={"checks": {"ci": "failure"}})),
    ("a gate is opened that nobody may open", "gates that may be opened", OVERRIDABLE,
     _approved(given=signed(overrides=("windows",)), windows=("tue 20:00-21:00",))),
    ("a hold is opened like a gate", "gates that may be opened", OVERRIDABLE,
     _approved(given=signed(overrides=("hold",)), overridable=("windows",),
               more={"hold": _held()})),
    ("a gate is opened by an approval that does not name it", "gates that are named", NAMED,
     _approved(**_RATHER_NOT)),
    ("an author opens a gate", "words that count", COUNTING, _overridden_by_author),
)  # fmt: skip


def attempts() -> Iterator[Attack[None]]:
    for name, protection, removals, deed in _ROWS:
        yield Attack(name, Kind.FORGE, protection, removals, deed)
