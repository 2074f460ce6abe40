"""Attempts by people: to approve one's own, to count twice, to approve what is another by now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from tests.adversary.frame import Attack, Kind, Removal
from tests.support.promotion_plans import plan, planned
from tests.support.topology import topology_of
from tests.unit.approvals.scene import (
    ADA,
    BOB,
    NOW,
    STRANGER,
    Scene,
    Voucher,
    review,
    settings,
    sign,
    signed,
    waiting,
    word,
)
from tiercel.domain.approvals.plans import AskedBy
from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.organization.approvers import Approver

_GATE = "domain.approvals.approval_gate"
_SETTINGS = "domain.organization.gate_settings:GateSettings"
_BY_AWS: dict[str, Any] = {"vouched_by": Voucher.AWS, "evidence": "f" * 64}
OWN = (Removal(f"{_GATE}:ApprovalGate._partial", "_is(approver, self.waiting.asked_by)", "False"),)
AUTHOR = (
    Removal(f"{_GATE}:ApprovalGate._partial", "approver.github in self.waiting.authors", "False"),
)
NOBODY_ASKED = (
    Removal(f"{_GATE}:ApprovalGate.demanded", "0 if self._asker_is_told() else 1", "0"),
)
TOO_LONG = (Removal(f"{_GATE}:ApprovalGate.demanded", "0 if self.waiting.all_authors else 1", "0"),)
ACCOUNT = Removal(
    f"{_GATE}:ApprovalGate._unvouched", "word.account == str(approver.github)", "True"
)
PRINCIPAL = Removal(
    f"{_GATE}:ApprovalGate._unvouched", "not approver.aws or word.account != approver.aws", "False"
)
POSING = Removal(
    f"{_GATE}:ApprovalGate._unvouched",
    "not vouches_for_a_person(word.account, self.settings.pinned_session_names)",
    "False",
)
CHOSEN = Removal(
    f"{_SETTINGS}._approvers_that_can_be_told_apart",
    "approver.aws and not vouches_for_a_person(approver.aws, self.pinned_session_names)",
    "False",
)
VOID = (Removal(f"{_GATE}:ApprovalGate._void", "self.plan_digest != shown", "False"),)
EXPIRED_WAIT = (Removal(f"{_GATE}:ApprovalGate._void", "now >= until", "False"),)
EXPIRED_WORD = (
    Removal(
        f"{_GATE}:ApprovalGate._untimely",
        "word.at + timedelta(hours=self.settings.approval_hours) <= now",
        "False",
    ),
)
TO_COME = (Removal(f"{_GATE}:ApprovalGate._untimely", "word.at > now + CLOCKS_APART", "False"),)
DECLINED = (Removal(f"{_GATE}:ApprovalGate.judge", "self._void(now) or self._declined(now)",
                    "self._void(now)"),)  # fmt: skip
PEOPLE = (
    Removal(f"{_GATE}:ApprovalGate.judge", "{one.by: one for one", "{one.evidence: one for one"),
)
NUMBER = (Removal(f"{_GATE}:ApprovalGate.judge", "len(approving) >= self.demanded", "True"),)
THIS_PLAN = (Removal(f"{_GATE}:_of_another_plan", "word.plan_digest == digest", "True"),)


def _by_aws(principal: str, **changed: Any) -> Scene:
    return Scene(**changed).offer(sign(signed(), principal))


def _asked(asker: AskedBy) -> dict[str, Any]:
    return {"promotion": waiting(asked_by=asker)}


def _wrote(*authors: int) -> dict[str, Any]:
    return {"promotion": waiting(authors=frozenset(authors))}


def _struck_off() -> Scene:
    """Whose principal another person has now, after his word was recorded."""
    people = (ADA.model_copy(update={"aws": "arn:aws:iam::333333333333:user/ada2"}), BOB)
    return Scene(recorded=(word(**_BY_AWS),), settings=settings(approvers=people))


def _posing(principal: str, *pinned: str) -> Callable[[None], bool]:
    """A session with a chosen name, in a file that was read before names had to be pinned."""
    poser = Approver.model_construct(name="ada", github=11, aws=principal)

    def deed(_: None) -> bool:
        configured = settings(approvers=(poser, BOB), pinned_session_names=pinned)
        try:
            return _by_aws(principal, settings=configured).goes_on()
        except ValidationError:
            return False

    return deed


def _configured(written: str) -> Callable[[None], bool]:
    def deed(_: None) -> bool:
        try:
            topology_of("acme/shop", more=f"[environments.prod.gates]\napprovals = 1\n{written}\n")
        except ConfigurationError:
            return False
        return True

    return deed


def _planned_anew(**changed: Any) -> Callable[[None], bool]:
    """What was shown is approved, and something else is planned after the word."""

    def deed(_: None) -> bool:
        shown, now = plan().digest, plan(planned(**changed)).digest
        given = sign(signed(plan_digest=shown), ADA.aws)
        promotion = waiting(plan_digest=shown)
        return Scene(promotion=promotion, plan=now).offer(given).goes_on() and shown != now

    return deed


def _is(scene: Callable[[], Scene]) -> Callable[[None], bool]:
    return lambda _: scene().goes_on()


def _two(*words: Any, **changed: Any) -> Scene:
    return Scene(recorded=words, settings=settings(approvals=2), **changed)


ADAS_ARN = f'aws = "{ADA.aws}"'
_CHOSEN = "arn:aws:sts::333333333333:assumed-role/Developer/ada"
_ROWS: tuple[tuple[str, str, tuple[Removal, ...], Callable[[None], bool]], ...] = (
    ("who opened the release pull request approves it", "never who asked", OWN,
     _is(lambda: Scene(reviews=(review(),), **_asked(AskedBy(github=11))))),
    ("who opened the release pull request approves by AWS", "never who asked", OWN,
     _is(lambda: _by_aws(ADA.aws, **_asked(AskedBy(github=11))))),
    ("who asked has renamed his account", "never who asked", OWN,
     _is(lambda: Scene(reviews=(review(),), **_asked(AskedBy(github=11, name="someone-else"))))),
    ("who started it with his principal approves on GitHub", "never who asked", OWN,
     _is(lambda: Scene(reviews=(review(),), **_asked(AskedBy(principal=ADA.aws))))),
    ("who started it with his principal approves with it", "never who asked", OWN,
     _is(lambda: _by_aws(ADA.aws, **_asked(AskedBy(principal=ADA.aws))))),
    ("an author approves on GitHub", "never an author", AUTHOR,
     _is(lambda: Scene(reviews=(review(),), **_wrote(2, 11)))),
    ("an author approves by AWS", "never an author", AUTHOR,
     _is(lambda: _by_aws(ADA.aws, **_wrote(11)))),
    ("who pushed with another author's name in git approves", "never an author", AUTHOR,
     _is(lambda: Scene(reviews=(review(user=BOB.github),), **_wrote(12)))),
    ("an author far back in a very long release approves it",
     "one more where not all authors are known", TOO_LONG,
     _is(lambda: Scene(reviews=(review(),), promotion=waiting(all_authors=False)))),
    ("who starts it by Prefect's form approves it", "one more where nobody knows who asked",
     NOBODY_ASKED, _is(lambda: Scene(reviews=(review(),), **_asked(AskedBy())))),
    ("who types another's name into a form approves it", "one more where nobody knows who asked",
     NOBODY_ASKED, _is(lambda: Scene(reviews=(review(),), **_asked(AskedBy(name="bob"))))),
    ("who starts it with a principal that is not listed approves it",
     "one more where nobody knows who asked", NOBODY_ASKED,
     _is(lambda: Scene(reviews=(review(),), **_asked(AskedBy(principal=STRANGER))))),
    ("an approver's principal was replaced after his word", "principals as they are listed now",
     (PRINCIPAL,), _is(_struck_off)),
    *(
        (name, "sessions whose name nobody chooses", (CHOSEN, POSING), deed)
        for name, deed in (
            ("a session poses by its name", _posing(_CHOSEN)),
            ("a session poses with a role pinned in another account",
             _posing(_CHOSEN, "arn:aws:iam::444444444444:role/Developer")),
            ("a session poses with a role whose name begins like a pinned one",
             _posing(_CHOSEN, "arn:aws:iam::333333333333:role/Dev")),
            ("a session poses with a role that is called like Identity Center's",
             _posing("arn:aws:sts::333333333333:assumed-role/xAWSReservedSSO_Release/ada")),
            ("the root of an account approves", _posing("arn:aws:iam::333333333333:root")),
            ("a federated user approves",
             _posing("arn:aws:sts::333333333333:federated-user/ada")),
        )
    ),
    ("a session with a chosen name is configured", "no such session in the file",
     (CHOSEN,),
     _configured(f'approvers = [{{name = "ada", github = 11, aws = "{_CHOSEN}"}}]')),
    *(
        (name, "no two approvers with one account",
         (Removal(f"{_SETTINGS}._approvers_that_can_be_told_apart", "twice is not None",
                  "False"),),
         _configured(f"approvers = [{first}, {second}]"))
        for name, first, second in (
            ("one account on GitHub is two approvers",
             '{name = "ada", github = 11}', '{name = "ada2", github = 11}'),
            ("one principal is two approvers",
             f'{{name = "ada", github = 11, {ADAS_ARN}}}',
             f'{{name = "ada2", github = 12, {ADAS_ARN}}}'),
        )
    ),
    ("another artifact is promoted than was approved", "the plan of now", VOID,
     _planned_anew(artifact_digest="9" * 64)),
    ("other parameters are promoted than were approved", "the plan of now", VOID,
     _planned_anew(configuration_digest="9" * 64)),
    ("another template is promoted than was approved", "the plan of now", VOID,
     _planned_anew(template_sha256="9" * 64)),
    ("the stack was rolled back after the approval", "the plan of now", VOID,
     _planned_anew(live=99)),
    ("a change disappears from what was approved", "the plan of now", VOID,
     _planned_anew(changes=())),
    ("a word of another plan is recorded under this one", "words on this plan", THIS_PLAN,
     _is(lambda: Scene(recorded=(word(**_BY_AWS, plan_digest="9" * 64),)))),
    ("the wait is over", "an end of the wait", EXPIRED_WAIT,
     _is(lambda: Scene(reviews=(review(),), promotion=waiting(expires_at=NOW)))),
    ("the word has expired", "an end of a word", EXPIRED_WORD,
     _is(lambda: Scene(recorded=(word(**_BY_AWS, at=NOW - timedelta(hours=73)),)))),
    ("the review is older than a word may be", "an end of a word", EXPIRED_WORD,
     _is(lambda: Scene(reviews=(review(submitted_at=NOW - timedelta(hours=73),
                                       updated_at=NOW - timedelta(hours=73)),)))),
    ("a word is dated ahead, so that it never ends", "no word of tomorrow", TO_COME,
     _is(lambda: Scene(recorded=(word(**_BY_AWS, at=NOW + timedelta(days=300)),)))),
    ("the clock of who vouches is an hour ahead", "no word of tomorrow", TO_COME,
     _is(lambda: Scene(recorded=(word(**_BY_AWS, at=NOW + timedelta(hours=1)),)))),
    ("it goes on although an approver declines", "a decline ends it", DECLINED,
     _is(lambda: Scene(recorded=(word(**_BY_AWS), word(BOB, approves=False))))),
    ("it goes on although a review declines", "a decline ends it", DECLINED,
     _is(lambda: Scene(reviews=(review(), review(number=2, user=12, state="CHANGES_REQUESTED"))))),
    ("it goes on after the review that declined was dismissed", "a decline ends it", DECLINED,
     _is(lambda: Scene(reviews=(review(), review(number=2, user=12, state="DISMISSED")),
                       recorded=(word(BOB, approves=False),)))),
    ("one person approves in two ways", "people are counted", PEOPLE,
     _is(lambda: _two(word(**_BY_AWS), reviews=(review(),)))),
    ("one person signs twice", "people are counted", PEOPLE,
     _is(lambda: _two(word(**_BY_AWS), word(**_BY_AWS | {"evidence": "e" * 64})))),
    ("nobody has approved it", "as many as are demanded", NUMBER, _is(Scene)),
    ("one of two has approved it", "as many as are demanded", NUMBER,
     _is(lambda: _two(word(**_BY_AWS)))),
)  # fmt: skip


def attempts() -> Iterator[Attack[None]]:
    for name, protection, removals, deed in _ROWS:
        yield Attack(name, Kind.FORGE, protection, removals, deed)
