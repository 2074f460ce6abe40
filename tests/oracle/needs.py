"""What each Allow is for: the calls of a demo, or else the named cases, that need it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.oracle.cast import Row, rows_of
from tests.oracle.journal import Call
from tests.oracle.journal import requests_of as requests_of_call
from tests.oracle.judges import Judge, Verdict
from tests.oracle.mutants import UNSEEN, Mutant, all_mutants, may_matter, subject_of
from tests.oracle.world import (
    SUBJECTS,
    Document,
    Request,
    documents,
    parts_of,
    simulation_of,
)
from tiercel.sandbox.accounts.templates import RenderedPolicy

T = TypeVar("T")


@dataclass(frozen=True)
class Need:
    """An Allow, and who is refused without it."""

    allow: Mutant
    calls: tuple[Call, ...]
    cases: tuple[Row, ...]

    def __str__(self) -> str:
        """Return who needs it, for people; without anybody, the reason why it stays."""
        if self.calls:
            return f"{self.name}: {len(self.calls)} calls of a demo"
        if self.cases:
            return f"{self.name}: {self.cases[0].who}: {self.cases[0].why}"
        return f"{self.name}: {UNSEEN.get(self.allow.label, 'nobody needs it')}"

    @property
    def name(self) -> str:
        """The policy and the statement."""
        return f"{self.allow.name}/{self.allow.sid}"


def allows(policies: Mapping[Document, RenderedPolicy] | None = None) -> list[Mutant]:
    """Return every policy without one of its Allows, each once for both environments."""
    policies = policies or documents()
    return [
        mutant
        for mutant in all_mutants(policies)
        if len(mutant.place) == len(("Statement", 0))
        and policies[subject_of(mutant.name), mutant.name]["Statement"][mutant.place[1]]["Effect"]
        == "Allow"
    ]


def needs(judge: Judge, calls: Sequence[Call]) -> list[Need]:
    """Return what each Allow is for, by the verdicts of a judge."""
    by_call = {call: list(requests_of_call(call)) for call in calls}
    by_row = [(row, list(row.requests())) for row in rows_of("cases")]
    policies, found = documents(), []
    for allow in allows(policies):
        needing = _refused(judge, policies, allow, list(by_call.items()))
        cases = () if needing else _refused(judge, policies, allow, by_row)
        found.append(Need(allow, needing, cases))
    return found


def _refused(
    judge: Judge,
    policies: Mapping[Document, RenderedPolicy],
    allow: Mutant,
    asked: Sequence[tuple[T, Sequence[Request]]],
) -> tuple[T, ...]:
    """Return whose requests, which all are allowed, are not once the Allow is gone."""
    gone = {(name, allow.name) for name in SUBJECTS}
    statement = policies[subject_of(allow.name), allow.name]["Statement"][allow.place[1]]
    there = gone & policies.keys()  # not every policy is one of environments on demand
    mutated = {**policies, **{one: allow.applied(policies[one]) for one in there}}
    concerned = [
        (index, each)
        for index, (_, requests) in enumerate(asked)
        for each in requests
        if may_matter(statement, each.action) and gone & parts_of(each).documents()
    ]
    verdicts = judge.verdicts(simulation_of(each, mutated) for _, each in concerned)
    refused = {
        index
        for (index, _), verdict in zip(concerned, verdicts, strict=True)
        if verdict is not Verdict.ALLOWED
    }
    return tuple(asked[index][0] for index in sorted(refused))
