"""A burst of pushes in memory: runs whose steps overlap, which decide by the product's rules."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tiercel.domain.base.errors import SupersededError
from tiercel.domain.release.ledger import (
    Intent,
    Outcome,
    Release,
    ReleaseStatus,
    already_live,
    resumable,
)
from tiercel.domain.release.superseding import may_be_older, require_still_wanted
from tiercel.domain.stack.tokens import change_set_name

_DEATHS = 0.03
"""The chance of a run to die at one of its steps; it is started again later."""
_BIRTHS = 0.3
"""The chance that the next event arrives before anything else happens."""


@dataclass(frozen=True)
class Entry:
    """What a ledger says of one release."""

    number: int
    commit: str
    artifact: str
    succeeded: bool


def numbers(ledger: dict[str, Any]) -> list[Entry]:
    """The entries of a ledger by number, from its objects."""
    intents = {key: entry for key, entry in ledger.items() if key.endswith("intent.json")}
    entries = []
    for key, intent in sorted(intents.items()):
        outcome = ledger.get(key.replace("intent.json", "outcome.json"), {})
        entries.append(
            Entry(
                intent["number"],
                intent["commit"],
                intent["artifact_digest"],
                outcome.get("status") == ReleaseStatus.SUCCEEDED,
            )
        )
    return entries


@dataclass
class Burst:
    """Commits in a line; `events` has the number of a commit for each push that arrives."""

    events: list[int]
    chance: random.Random
    published: set[int] = field(default_factory=set)
    ledger: dict[int, Release] = field(default_factory=dict)
    executed: list[int] = field(default_factory=list)
    token: str = ""
    holder: int | None = None

    def play(self) -> None:
        """Let all runs end; which one takes its next step is chance."""
        waiting = list(self.events)
        running: dict[int, tuple[int, Iterator[None]]] = {}
        born = 0
        while waiting or running:
            if waiting and (not running or self.chance.random() < _BIRTHS):
                commit = waiting.pop()
                running[born] = commit, self._run(born, commit)
                born += 1
                continue
            name = self.chance.choice(list(running))
            commit, run = running[name]
            if self.chance.random() < _DEATHS:
                waiting.insert(0, commit)
            elif not _has_ended(run):
                continue
            del running[name]
            if self.holder == name:  # given back, or taken over from the dead
                self.holder = None

    def _run(self, name: int, commit: int) -> Iterator[None]:
        """Publish and deploy a commit, in the steps of flows/deploy.py and flows/release."""
        self.published.add(commit)
        yield
        if max(self.published) > commit:
            return
        yield
        wanted = _wanted(commit)
        while True:
            latest = self._latest()
            yield
            if latest and already_live(latest, wanted, self.token):
                return
            if latest and may_be_older(latest, wanted) and int(latest.intent.commit) > commit:
                return
            intent = self._recorded(wanted, latest)
            yield
            if intent:
                break
        while self.holder not in (None, name):
            yield
        self.holder = name
        yield
        try:
            require_still_wanted(self._latest(), intent)
        except SupersededError:
            self._end(intent, ReleaseStatus.SUPERSEDED)
            return
        yield
        token = change_set_name(intent.number, 1)
        if self.token != token:
            self.executed.append(commit)
            self.token = token
        yield
        self._end(intent, ReleaseStatus.SUCCEEDED)

    def _latest(self) -> Release | None:
        return self.ledger[max(self.ledger)] if self.ledger else None

    def _recorded(self, wanted: Intent, latest: Release | None) -> Intent | None:
        """Take the next number, or go on with an open release of the same wish."""
        if latest and resumable(latest, wanted):
            return latest.intent
        number = latest.intent.number + 1 if latest else 1
        taken = self.ledger.get(number)
        if taken:
            return taken.intent if resumable(taken, wanted) else None
        intent = wanted.model_copy(update={"number": number})
        self.ledger[number] = Release(intent=intent)
        return intent

    def _end(self, intent: Intent, status: ReleaseStatus) -> None:
        release = self.ledger[intent.number]
        if release.outcome is None:
            deployed = status is ReleaseStatus.SUCCEEDED
            outcome = Outcome(
                status=status, deployed=deployed, at=_TIME, seconds=0.0, stack_token=self.token
            )
            self.ledger[intent.number] = release.model_copy(update={"outcome": outcome})

    def check(self) -> None:
        assert self.executed[-1] == max(self.events), f"the newest is not live: {self.executed}"
        assert self.executed == sorted(set(self.executed)), f"twice, or too late: {self.executed}"
        succeeded = [r.intent.commit for r in self.ledger.values() if r.outcome]
        assert str(max(self.events)) in succeeded


def _has_ended(run: Iterator[None]) -> bool:
    """Take one step more."""
    return next(run, _END) is _END


_END = object()
_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def _wanted(commit: int) -> Intent:
    return Intent(
        stack="acme-preprod-burst", number=1, service="burst", environment="preprod",
        repository="acme/burst", commit=str(commit), artifact_id="ab", artifact_digest=str(commit),
        template_sha256="cd", parameters={}, requested_by="", flow_run="", at=_TIME,
    )  # fmt: skip
