"""Gates that a word opens: which, for whom, and that nothing else is open by it."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.approvals.test_approval_gate import ADA, BOB, BY_AWS, NOW, gate, waiting, word
from tiercel.domain.approvals.overrides import opened_by_words, with_opened
from tiercel.domain.approvals.plans import AskedBy
from tiercel.domain.gates.results import Decision, GateResult
from tiercel.domain.organization.gate_settings import OverridableGate
from tiercel.domain.release.opened_gates import OpenedGate, each_once

OPENS = BY_AWS | {"overrides": ("windows", "soak")}
ALLOWED: Any = {"overridable": ("windows",)}


def result(name: str, decision: Decision = Decision.WAIT) -> GateResult:
    return GateResult(gate=name, decision=decision, reason="so", remedy="wait")


def opened(name: str = "windows") -> OpenedGate:
    return OpenedGate(gate=name, by="ada", vouched_by="aws", at=NOW, reason="cannot wait")


@pytest.mark.parametrize(
    ("why", "judged", "gates"),
    [
        ("an approver's word", gate(word(**OPENS), **ALLOWED), ["windows"]),
        ("nothing may be opened", gate(word(**OPENS)), []),
        ("a word that opens nothing", gate(word(**BY_AWS), **ALLOWED), []),
        ("a decline", gate(word(**OPENS, approves=False), **ALLOWED), []),
        ("of who asked",
         gate(word(**OPENS), promotion=waiting(asked_by=AskedBy(github=11)), **ALLOWED), []),
        ("of an author",
         gate(word(**OPENS), promotion=waiting(authors=frozenset({11})), **ALLOWED), []),
        ("nobody's principal", gate(word(**OPENS | {"account": "arn"}), **ALLOWED), []),
    ],
)  # fmt: skip
def test_a_gate_is_opened_by_a_word_that_counts_where_the_file_lets_it(
    why: str, judged: Any, gates: list[str]
) -> None:
    assert [one.gate for one in opened_by_words(judged, NOW)] == gates, why


def test_the_first_of_several_words_tells_who_opened_a_gate() -> None:
    both = gate(word(**OPENS), word(BOB, **OPENS), **ALLOWED)
    (one,) = opened_by_words(both, NOW)
    assert (one.by, one.reason, one.at) == (ADA.name, "looked at it", word().at)


def test_what_is_opened_says_by_whom_and_what_it_would_say_else() -> None:
    (windows, soak) = with_opened([result("windows"), result("soak")], [opened()], ["windows"])
    assert (windows.decision, soak) == (Decision.ALLOW, result("soak"))
    assert windows.reason == "opened by ada (aws): cannot wait; else wait: so"


def test_what_the_file_lists_no_longer_stays_closed_whoever_opened_it() -> None:
    assert with_opened([result("windows")], [opened()], ()) == (result("windows"),)


def test_what_allows_stays_as_it_is() -> None:
    allows = result("windows", Decision.ALLOW)
    assert with_opened([allows], [opened()], ["windows"]) == (allows,)


_NAMES = st.sampled_from(["windows", "soak", "checks", "hold", "drift"])
_RESULTS = st.lists(st.builds(result, _NAMES, st.sampled_from(list(Decision))), max_size=6)


@given(_RESULTS, st.lists(_NAMES), st.sets(_NAMES))
def test_nothing_but_what_is_opened_and_listed_changes(
    results: list[GateResult], names: list[str], listed: set[str]
) -> None:
    heard = with_opened(results, [opened(one) for one in names], listed)
    for before, after in zip(results, heard, strict=True):
        open_now = before.gate in names and before.gate in listed
        assert after.decision is (Decision.ALLOW if open_now else before.decision)


def test_a_hold_and_drift_can_never_be_listed() -> None:
    assert set(get_args(OverridableGate)) == {"windows", "soak", "checks"}


def test_the_same_opening_in_several_releases_is_told_once() -> None:
    assert each_once([opened()], [opened(), opened("soak")]) == (opened("soak"), opened())
