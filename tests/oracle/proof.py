"""The four parts of the proof, each a score with what went wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.oracle import cast, differential
from tests.oracle.forged import forged_runs
from tests.oracle.journal import Call, requests_of
from tests.oracle.judges import Judge, Verdict
from tests.oracle.mutants import UNSEEN, Judged, Mutant, all_mutants, survivors
from tests.oracle.world import Request, documents, simulation_of

_LEAST_SHARE_OF_MUTANTS = 0.95


@dataclass(frozen=True)
class Score:
    """How many of those asked came out as they must, and what is wrong, for people."""

    name: str
    held: int
    asked: int
    faults: Sequence[str] = ()

    def __str__(self) -> str:
        return f"{self.name} {self.held}/{self.asked}"


def allowed_requests(calls: Iterable[Call]) -> list[Request]:
    """Return what must be allowed: the calls of a demo, and the named cases."""
    made = [request for call in calls for request in requests_of(call)]
    named = cast.requests_of(cast.rows_of("cases"))
    return list({str(each): each for each in (*made, *named)}.values())


def denied_requests(calls: Iterable[Call]) -> list[Request]:
    """Return what must be denied: the attacks, and Prod's calls made with Preprod's means."""
    return [*cast.requests_of(cast.rows_of("attacks")), *forged_runs(calls)]


def judged(judge: Judge, requests: Sequence[Request]) -> list[Judged]:
    """Return each request with its verdict under the policies as they are."""
    policies = documents()
    verdicts = judge.verdicts(simulation_of(request, policies) for request in requests)
    return [Judged(*pair) for pair in zip(requests, verdicts, strict=True)]


def proved(answers: Sequence[Judged]) -> Score:
    """Tell how many requests are allowed."""
    faults = [_said(each) for each in answers if each.verdict is not Verdict.ALLOWED]
    return Score("proved", len(answers) - len(faults), len(answers), faults)


def denied(answers: Sequence[Judged]) -> Score:
    """Tell how many attacks are denied."""
    faults = [_said(each) for each in answers if each.verdict is Verdict.ALLOWED]
    return Score("denied", len(answers) - len(faults), len(answers), faults)


def noticed(judge: Judge, answers: Sequence[Judged], mutants: Sequence[Mutant]) -> Score:
    """Tell how many mutants change a verdict; those that need not are listed with a reason."""
    unseen = {each.label for each in survivors(judge, documents(), answers, mutants)}
    known = {each.label for each in mutants} & UNSEEN.keys()
    faults = [f"no verdict needs {label}" for label in sorted(unseen - UNSEEN.keys())]
    faults += [f"a verdict does need {label}" for label in sorted(known - unseen)]
    held = len(mutants) - len(unseen)
    if held < _LEAST_SHARE_OF_MUTANTS * len(mutants):
        faults.append(f"only {held} of {len(mutants)} mutants change a verdict")
    return Score("mutants", held, len(mutants), faults)


def every_mutant() -> list[Mutant]:
    """Return the mutants of every policy."""
    return all_mutants(documents())


def agreed(oracle: Judge, sandbox: Judge, count: int) -> Score:
    """Tell on how many generated requests the sandbox decides as the oracle does."""
    asked = list(differential.simulations(count))
    pairs = zip(oracle.verdicts(asked), sandbox.verdicts(asked), asked, strict=True)
    faults = [
        f"AWS {expected}, sandbox {found}: {simulation}"
        for expected, found, simulation in pairs
        if expected is not found
    ]
    return Score("differential", count - len(faults), count, faults)


def _said(each: Judged) -> str:
    request = each.request
    told = f" with {dict(request.context)}" if request.context else ""
    call = f"{request.action} on {request.resource}{told}"
    return f"{each.verdict}: {request.principal or 'nobody'} {call}"
