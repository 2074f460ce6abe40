"""What allows a promotion, what lets it wait and until when, what refuses it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.codes import because
from tests.support.topology import topology_of
from tiercel.domain.base.errors import ConfigurationError, RefusedInputError
from tiercel.domain.gates.holds import (
    HoldEvent,
    HoldGate,
    hold_key,
    newest_hold_number,
    require_rollback_allowed,
)
from tiercel.domain.gates.results import Decision, GateResult, judged, require_open, worst
from tiercel.domain.gates.verification import CheckGate, SoakGate
from tiercel.domain.gates.windows import WindowGate
from tiercel.domain.organization.gate_settings import GateSettings
from tiercel.domain.pages.gates_page import gates_page

ALLOW, WAIT, REFUSE = Decision.ALLOW, Decision.WAIT, Decision.REFUSE
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)  # a Monday
SPRING = datetime(2026, 3, 1, tzinfo=UTC)
BERLIN = "Europe/Berlin"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window_gate(*windows: str, freezes: tuple[str, ...] = (), zone: str = "UTC") -> WindowGate:
    return WindowGate(settings=GateSettings(windows=windows, freezes=freezes, timezone=zone))


@pytest.mark.parametrize(
    ("windows", "freezes", "zone", "now", "until"),
    [
        ((), (), "UTC", "2026-11-30 03:00", None),
        (("mon-fri 09:00-16:00",), (), "UTC", "2026-11-30 09:00", None),
        (("mon-fri 09:00-16:00",), (), "UTC", "2026-11-30 08:59", "2026-11-30 09:00"),
        (("mon-fri 09:00-16:00",), (), "UTC", "2026-11-30 16:00", "2026-12-01 09:00"),
        (("mon-fri 09:00-16:00",), (), "UTC", "2026-11-28 12:00", "2026-11-30 09:00"),
        (("mon 09:00-16:00",), (), "UTC", "2026-11-30 16:00", "2026-12-07 09:00"),
        (("fri-mon 22:00-24:00",), (), "UTC", "2026-11-29 23:59", None),
        (("fri-mon 22:00-24:00",), (), "UTC", "2026-12-01 00:00", "2026-12-04 22:00"),
        (("mon 09:00-10:00", "mon 14:00-15:00"), (), "UTC", "2026-11-30 11:00", "2026-11-30 14:00"),
        # By the wall clock: 09:00 in Berlin is 08:00 UTC in winter and 07:00 in summer.
        (("mon-fri 09:00-16:00",), (), BERLIN, "2026-11-30 08:00", None),
        (("mon-fri 09:00-16:00",), (), BERLIN, "2026-11-30 07:59", "2026-11-30 08:00"),
        (("mon-fri 09:00-16:00",), (), BERLIN, "2026-06-01 07:00", None),
        # Monday morning in Auckland is Sunday evening in UTC.
        (("mon 08:00-09:00",), (), "Pacific/Auckland", "2026-11-29 19:30", None),
        # Clocks are put on from 02:00 to 03:00: what opens in between opens with the new hour,
        (("sun 02:30-05:00",), (), BERLIN, "2026-03-29 00:30", "2026-03-29 01:00"),
        # and what lies in between altogether is left out that day.
        (("sun 02:10-02:50",), (), BERLIN, "2026-03-29 00:30", "2026-04-05 00:10"),
        # Clocks are put back from 03:00 to 02:00: both hours count.
        (("sun 02:00-03:00",), (), BERLIN, "2026-10-25 00:30", None),
        (("sun 02:00-03:00",), (), BERLIN, "2026-10-25 01:30", None),
        (("sun 02:00-03:00",), (), BERLIN, "2026-10-25 02:00", "2026-11-01 01:00"),
        # Freezes are whole days, the last one among them, of the same place.
        ((), ("2026-12-19..2027-01-03 year's end",), "UTC", "2026-12-18 23:59", None),
        ((), ("2026-12-19..2027-01-03 year's end",), "UTC", "2026-12-19 00:00", "2027-01-04 00:00"),
        ((), ("2026-12-19..2027-01-03 x",), BERLIN, "2026-12-18 23:00", "2027-01-03 23:00"),
        ((), ("2028-02-29..2028-02-29 leap",), "UTC", "2028-02-29 12:00", "2028-03-01 00:00"),
        ((), ("2028-02-28..2028-03-01 leap",), "UTC", "2028-02-29 12:00", "2028-03-02 00:00"),
        (
            ("mon 09:00-10:00",),
            ("2026-12-01..2026-12-07 a", "2026-12-08..2026-12-14 b"),
            "UTC",
            "2026-12-01 09:00",
            "2026-12-21 09:00",
        ),
        # A freeze that ends on the day on which clocks are put on.
        ((), ("2026-03-28..2026-03-29 x",), BERLIN, "2026-03-29 12:00", "2026-03-29 22:00"),
    ],
)
def test_a_promotion_waits_for_the_next_minute_that_is_allowed(
    windows: tuple[str, ...], freezes: tuple[str, ...], zone: str, now: str, until: str | None
) -> None:
    gate = window_gate(*windows, freezes=freezes, zone=zone)

    found = gate.judge(utc(now))

    assert found.decision is (ALLOW if until is None else WAIT)
    assert found.until == (utc(until) if until else None)
    if found.until:
        assert gate.judge(found.until).decision is ALLOW
        assert gate.judge(found.until - timedelta(minutes=1)).decision is WAIT


@pytest.mark.parametrize("last", ["9999-12-31", "9999-12-30"])
def test_a_freeze_until_further_notice_has_no_end(last: str) -> None:
    found = window_gate(freezes=(f"2026-01-01..{last} the audit",), zone=BERLIN).judge(NOON)

    assert (found.decision, found.until) == (WAIT, None)


@pytest.mark.parametrize(
    ("minutes", "verified", "decision", "until"),
    [
        (0, {"orders": NOON}, ALLOW, None),
        (60, {}, ALLOW, None),
        (60, {"orders": NOON - timedelta(minutes=60)}, ALLOW, None),
        (60, {"orders": NOON - timedelta(minutes=59)}, WAIT, NOON + timedelta(minutes=1)),
        (
            60,
            {"orders": NOON - timedelta(hours=9), "web": NOON},
            WAIT,
            NOON + timedelta(hours=1),
        ),
    ],
)
def test_what_was_verified_has_to_be_so_old(
    minutes: int, verified: dict[str, datetime], decision: Decision, until: datetime | None
) -> None:
    found = SoakGate(minutes=minutes, verified=verified).judge(NOON)

    assert (found.decision, found.until) == (decision, until)


@pytest.mark.parametrize(
    ("required", "states", "decision"),
    [
        ((), None, ALLOW),
        (("ci",), None, REFUSE),
        (("ci",), {"ci": "success"}, ALLOW),
        (("ci",), {"ci": "pending"}, REFUSE),
        (("ci",), {"ci": "failure"}, REFUSE),
        (("ci",), {"CI": "success"}, REFUSE),
        (("ci", "lint"), {"ci": "success", "lint": "skipped"}, REFUSE),
        (("ci", "lint"), {"ci": "success", "lint": "success", "more": "failure"}, ALLOW),
    ],
)
def test_a_check_that_is_demanded_has_passed(
    required: tuple[str, ...], states: dict[str, str] | None, decision: Decision
) -> None:
    assert CheckGate(required=required, found=states).judge(NOON).decision is decision


def event(*, holds: bool = True, everything: bool = False, number: int = 3) -> HoldEvent:
    return HoldEvent(
        number=number, holds=holds, everything=everything, by="ada", reason="slow \u202e", at=NOON
    )


@pytest.mark.parametrize(
    ("found", "hotfix", "passes", "decision"),
    [
        (None, False, False, ALLOW),
        (event(holds=False), False, False, ALLOW),
        (event(), False, False, REFUSE),
        (event(), True, False, REFUSE),
        (event(), False, True, REFUSE),
        (event(), True, True, ALLOW),
        (event(everything=True), True, True, REFUSE),
    ],
)
def test_a_held_line_is_passed_by_a_hotfix_alone_and_by_that_only_if_it_may(
    found: HoldEvent | None, hotfix: bool, passes: bool, decision: Decision
) -> None:
    result = HoldGate(event=found, hotfix=hotfix, hotfix_passes=passes).judge(NOON)

    assert result.decision is decision
    assert "\u202e" not in result.reason


@pytest.mark.parametrize("found", [None, event(), event(holds=False, everything=True)])
def test_a_rollback_passes_whatever_does_not_hold_everything(found: HoldEvent | None) -> None:
    require_rollback_allowed(found, "prod")


def test_a_rollback_is_stopped_by_a_hold_of_everything() -> None:
    with pytest.raises(RefusedInputError, check=because("rollback.held")):
        require_rollback_allowed(event(everything=True), "prod")


def test_the_newest_event_is_told_by_its_number() -> None:
    keys = [hold_key(2), hold_key(11), "holds/notes.txt", "ledger/holds/00000099.json"]

    assert newest_hold_number(keys) == 11
    assert newest_hold_number([]) == 0


def test_everything_that_is_closed_is_told_at_once() -> None:
    gates = (
        HoldGate(event=event()),
        SoakGate(minutes=60, verified={"web": NOON}),
        CheckGate(required=("ci",), found={"ci": "success"}),
    )
    results = judged(gates, NOON)

    with pytest.raises(RefusedInputError, check=because("promotion.gate_closed")) as refused:
        require_open(results, "prod", "nothing was changed")

    assert refused.value.what == "hold, soak: nothing is promoted to prod now"
    assert "until 2026-11-30 13:00 UTC" in refused.value.why
    assert worst(results) is REFUSE
    require_open(judged(gates[2:], NOON), "prod", "")
    assert worst(()) is ALLOW


@pytest.mark.parametrize(
    "more",
    [
        'windows = ["mon 9:00-10:00"]',
        'windows = ["mon 10:00-09:00"]',
        'windows = ["monday 09:00-10:00"]',
        'windows = ["mon 09:00-25:00"]',
        'freezes = ["2027-02-29..2027-03-01 no leap year"]',
        'freezes = ["2027-01-03..2026-12-19 backwards"]',
        'freezes = ["2026-12-19..2027-01-03"]',
        'timezone = "Europe/Atlantis"',
        'timezone = "../../etc/passwd"',
        "soak_minutes = -1",
    ],
)
def test_what_cannot_be_meant_is_refused(more: str) -> None:
    with pytest.raises(ConfigurationError):
        topology_of("acme/shop", more=f"[environments.prod.gates]\n{more}\n")


def test_gates_are_of_an_environment_that_promotes() -> None:
    with pytest.raises(ConfigurationError, match="nothing is promoted to it"):
        topology_of("acme/shop", more="[environments.preprod.gates]\nsoak_minutes = 5\n")


_DAYS = st.sampled_from(["mon-fri", "sat-sun", "mon", "fri-mon"])
_HOURS = st.sampled_from(["09:00-16:00", "00:00-24:00", "02:30-03:30"])
_WINDOWS = st.lists(st.builds(lambda days, hours: f"{days} {hours}", _DAYS, _HOURS), max_size=2)
_FREEZES = st.builds(
    lambda first, days: f"{first}..{first + timedelta(days=days)} why",
    st.dates(date(2026, 3, 1), date(2026, 4, 30)),
    st.integers(0, 9),
)
_STATES = st.dictionaries(
    st.sampled_from(["ci", "lint"]), st.sampled_from(["success", "pending"]), max_size=2
)
_EVENTS = st.one_of(st.none(), st.builds(event, holds=st.booleans(), everything=st.booleans()))


def _decision(facts: dict[str, Any], now: datetime) -> Decision:
    configured = GateSettings(
        windows=tuple(facts["windows"]), freezes=tuple(facts["freezes"]), timezone=BERLIN
    )
    gates = (
        WindowGate(settings=configured),
        SoakGate(minutes=facts["soak"], verified={"web": NOON}),
        CheckGate(required=tuple(facts["required"]), found=facts["states"]),
        HoldGate(event=facts["event"], hotfix=facts["hotfix"], hotfix_passes=facts["passes"]),
    )
    return worst(judged(gates, now))


_FACTS = st.fixed_dictionaries(
    {
        "windows": _WINDOWS,
        "freezes": st.lists(_FREEZES, max_size=1),
        "soak": st.sampled_from([0, 60]),
        "required": st.lists(st.sampled_from(["ci", "lint"]), unique=True),
        "states": st.one_of(st.none(), _STATES),
        "event": _EVENTS,
        "hotfix": st.booleans(),
        "passes": st.booleans(),
    }
)
_STRICTER: dict[str, Any] = {
    "freezes": lambda facts, freeze: [*facts["freezes"], freeze],
    "soak": lambda facts, _: facts["soak"] + 60 * 24 * 365,
    "required": lambda _, __: ["ci", "lint"],
    "event": lambda _, __: event(everything=True),
    "passes": lambda _, __: False,
}


@settings(max_examples=60)
@given(
    _FACTS,
    st.sampled_from(sorted(_STRICTER)),
    _FREEZES,
    st.integers(0, 60 * 24 * 60).map(lambda minutes: SPRING + timedelta(minutes=minutes)),
)
def test_what_is_demanded_besides_never_allows_what_was_not_allowed(
    facts: dict[str, Any], what: str, freeze: str, now: datetime
) -> None:
    """A freeze, more time, another check, a hold: none of them opens a gate."""
    before = _decision(facts, now)
    after = _decision(facts | {what: _STRICTER[what](facts, freeze)}, now)

    order = list(Decision)
    assert order.index(after) >= order.index(before)


def test_a_result_says_until_when() -> None:
    found = GateResult(gate="soak", decision=WAIT, reason="", until=NOON)

    assert found.words == "wait until 2026-11-30 12:00 UTC"


def test_the_page_shows_every_gate_and_runs_nothing_of_what_people_wrote() -> None:
    hostile = event().model_copy(update={"reason": "<script>|x|\n# title"})
    results = judged((HoldGate(event=hostile), SoakGate(minutes=0, verified={})), NOON)

    text = gates_page("prod", "abc1234", results)

    assert "| hold | **refuse** |" in text
    assert "| soak | **allow** |" in text
    assert "<script>" not in text
    assert "\n# title" not in text
