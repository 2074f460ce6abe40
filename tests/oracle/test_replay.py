"""A demo's calls, made again without one permission after the other."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.oracle.journal import read_calls
from tests.oracle.judges import Judge
from tests.oracle.mutants import UNSEEN
from tests.oracle.needs import Need, needs
from tests.oracle.replay import Replay, may_be_replayed, one_of_each_kind
from tests.oracle.world import TOPOLOGY
from tiercel.sandbox.lifecycle import down, up

CALLS = one_of_each_kind(call for call in read_calls() if may_be_replayed(call))


@pytest.fixture(scope="module")
def replay() -> Iterator[Replay]:
    state = Path(tempfile.mkdtemp(prefix="sandbox-"))
    try:
        yield Replay(up(state, TOPOLOGY, prefect=False, github=False), CALLS)
    finally:
        down(state)
        shutil.rmtree(state)


@pytest.fixture(scope="module")
def needed(oracle: Judge) -> list[Need]:
    return needs(oracle, CALLS)


def test_every_allow_is_for_a_call_of_a_demo_or_for_a_named_case(needed: list[Need]) -> None:
    idle = {need.allow.label for need in needed if not need.calls and not need.cases}
    assert idle <= UNSEEN.keys()
    assert sum(bool(need.calls) for need in needed) > 20


def test_with_every_allow_no_call_of_a_demo_is_refused(replay: Replay) -> None:
    assert replay.refusals() == []


def test_without_an_allow_that_a_demo_needs_the_refusal_names_it(
    replay: Replay, needed: list[Need]
) -> None:
    """After the one above, which creates what the calls are about."""
    assert replay.score(needed).faults == []


def test_an_allow_without_which_nothing_is_refused_is_found(
    replay: Replay, needed: list[Need]
) -> None:
    by_role = {need.allow.name: need for need in needed if need.calls}
    wrong = replace(
        by_role["deployer-permissions"], calls=by_role["orchestrator-permissions"].calls[:1]
    )
    score = replay.score([wrong])
    assert score.held == 0
    assert "not refused" in score.faults[0]
