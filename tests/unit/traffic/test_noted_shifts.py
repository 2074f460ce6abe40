"""Which shifts a release has as its own."""

from __future__ import annotations

from typing import Any, cast

from tests.support.releases import intent
from tiercel.domain.traffic.shifts import Shift
from tiercel.flows.release.stack.wanted_change import StackChange

UNUSED = cast("Any", None)
"""To note a shift, nobody is asked."""


def change_of(number: int) -> StackChange:
    return StackChange(
        access=UNUSED, destroyer=UNUSED, records=UNUSED, names=UNUSED, links=UNUSED,
        intent=intent(number=number), template_key="", outside=(), production=False, tags={},
        express=False, revert_drift=False,
    )  # fmt: skip


def shift(deployment: str, status: str) -> Shift:
    return Shift(
        deployment=deployment, application="app", group="group", configuration="", status=status
    )


def test_a_release_notes_the_shifts_of_its_own_operations_alone_and_each_once() -> None:
    change, failed, own = change_of(5), shift("d-4", "Failed"), shift("d-5", "Succeeded")
    change.note_shifts("release-4-attempt-1", [failed])
    assert change.traffic.shifts == []
    for token in ("release-5-attempt-1", "release-5-attempt-1", "release-5-attempt-2"):
        change.note_shifts(token, [own])
    assert change.traffic.shifts == [own]
