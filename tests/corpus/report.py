"""The outcomes of all templates as a table, and whether they are as they must be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tests.corpus.kinds import KINDS, Verdict, verdict_of
from tests.corpus.outcome import Outcome
from tests.corpus.peer import TAKES

AT_LEAST = 0.85
_SHOWN = 2


def lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Lay the outcomes out: a line for each kind with its count and examples, then the rates."""
    counted = Counter(one.kind for one in outcomes)
    for verdict in Verdict:
        kinds = [kind for kind, _ in counted.most_common() if verdict_of(kind) is verdict]
        if kinds:
            yield f"{sum(counted[kind] for kind in kinds):5}  {verdict}"
        for kind in kinds:
            yield f"       {counted[kind]:5}  {kind}: {KINDS.get(kind, ('', 'unknown'))[1]}"
            found = [one for one in outcomes if one.kind == kind]
            if verdict is not Verdict.GOES:
                yield from (f"                {one.shown}" for one in found[:_SHOWN])
    yield from rates(outcomes)


def rates(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Say which lines are needed, and which share of what sam takes goes through."""
    words = Counter(word for one in outcomes if _goes(one) for word in one.words)
    told = ", ".join(f"{word} {count}" for word, count in words.most_common()) or "none"
    yield f"of those that go, so many need a line in a configuration: {told}"
    taken = [one for one in outcomes if one.sam == TAKES]
    for title, some in (
        ("all that sam takes", taken),
        ("of these, those with functions or SAM's types", [one for one in taken if one.serverless]),
        ("all that sam and CloudFormation take", [one for one in taken if not _is_of_aws(one)]),
    ):
        yield f"{title}: {_share(some)}"
    yield _refusals(taken)


def _refusals(taken: Sequence[Outcome]) -> str:
    """Say for how many of those that do not go the closed list has the reason."""
    refused = [one for one in taken if not _goes(one)]
    counted = Counter(verdict_of(one.kind) for one in refused)
    told = "; ".join(f"{count} {verdict}" for verdict, count in counted.most_common())
    return f"of all that sam takes, {len(refused)} do not go: {told or 'none'}"


def _is_of_aws(one: Outcome) -> bool:
    return verdict_of(one.kind) is Verdict.OF_AWS


def _share(some: Sequence[Outcome]) -> str:
    measured = [one for one in some if verdict_of(one.kind) is not Verdict.UNREADABLE]
    gaps = [one for one in measured if verdict_of(one.kind) is Verdict.GAP]
    go = [one for one in measured if _goes(one)]
    return (
        f"{len(go)} of {len(measured)} go ({_percent(len(go), len(measured))}); "
        f"{len(gaps)} more are verified and planned for types that the sandbox lacks "
        f"({_percent(len(go) + len(gaps), len(measured))} with them)"
    )


def rate(outcomes: Iterable[Outcome]) -> float:
    """Return the share of what sam takes that goes through or is only the sandbox's to take."""
    taken = [
        one
        for one in outcomes
        if one.sam == TAKES and verdict_of(one.kind) is not Verdict.UNREADABLE
    ]
    passed = [one for one in taken if _goes(one) or verdict_of(one.kind) is Verdict.GAP]
    return len(passed) / len(taken) if taken else 1.0


def _goes(one: Outcome) -> bool:
    return verdict_of(one.kind) is Verdict.GOES


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"
