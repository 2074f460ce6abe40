"""Candidates that killed runs left on an environment's own stacks: what ran before comes back."""

from __future__ import annotations

from collections.abc import Iterable

from tiercel.domain.release.candidates import LeftCandidate
from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.reaping.deeds import ReaperDeeds
from tiercel.flows.release.restoring import put_back
from tiercel.tasks.records.lease import is_leased


async def put_candidates_back(deeds: ReaperDeeds, left: Iterable[LeftCandidate]) -> None:
    """Bring back what these candidates took the place of; one that stays holds up no other.

    A stack that a run is at work on is left to that run, and looked at again the next time.
    """

    async def back(one: LeftCandidate) -> bool:
        if await call(is_leased, deeds.own.records, one.stack):
            return False
        if await put_back(deeds.own, one.stack, one.number):
            deeds.put_back.add(one.stack)
        return False

    await each(left, lambda one: deeds.tried(one.stack, back(one)))
