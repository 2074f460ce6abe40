"""`make prove`: hold the policies, and the sandbox that enforces them, against iam-simulate.

A demo is run for its journal, unless one is given. `--record` writes the demo's calls to
`demo_calls.json`, which the tests take in place of a demo. The last line has the scores; the
exit code is 1 when one of them is not as it must be.
"""
# ruff: noqa: T201 - this is a command

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.oracle import proof
from tests.oracle.broken_demos import BROKEN, play
from tests.oracle.journal import Call, calls_in, read_calls, write_calls
from tests.oracle.judges import UnavailableError, iam_simulate, sandbox_evaluator
from tests.oracle.mutants import UNSEEN
from tests.oracle.needs import needs
from tests.oracle.replay import Replay, may_be_replayed
from tests.oracle.world import TOPOLOGY
from tiercel.sandbox.aws.journal import read_journal
from tiercel.sandbox.lifecycle import down, up
from tiercel.sandbox.machine.layout import Layout

_GENERATED = 10_000
_SHOWN = 20


def main() -> int:
    """Prove, print and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--journal", type=Path, help="the journal of a demo that has been run")
    parser.add_argument("--record", action="store_true", help="keep the calls for the tests")
    options = parser.parse_args()
    calls = calls_in(read_journal(options.journal)) if options.journal else _calls_of_a_demo()
    if options.record:
        write_calls(calls)
    elif new := len(set(calls) - set(read_calls())):
        print(f"{new} calls are new since `demo_calls.json` was written: use --record")
    try:
        scores, others = _scores(calls), [_replayed(calls), _told()]
    except UnavailableError as error:
        print(error, file=sys.stderr)
        return 1
    for score in (*scores, *others):
        for fault in score.faults[:_SHOWN]:
            print(f"{score.name}: {fault[:1000]}")
    print("mutants that change no verdict:")
    for label, reason in UNSEEN.items():
        print(f"  {label}: {reason}")
    print("without an Allow, a refusal that names it, and a message that says what to do:")
    print(f"  {', '.join(map(str, others))}")
    print(", ".join(map(str, scores)))
    return 1 if any(score.faults for score in (*scores, *others)) else 0


def _scores(calls: list[Call]) -> list[proof.Score]:
    with iam_simulate() as oracle, sandbox_evaluator() as sandbox:
        print(f"{len(calls)} distinct calls of a demo")
        allowed = proof.judged(oracle, proof.allowed_requests(calls))
        refused = proof.judged(oracle, proof.denied_requests(calls))
        return [
            proof.proved(allowed),
            proof.denied(refused),
            proof.noticed(oracle, [*allowed, *refused], proof.every_mutant()),
            proof.agreed(oracle, sandbox, _GENERATED),
        ]


def _replayed(calls: list[Call]) -> proof.Score:
    made = [call for call in calls if may_be_replayed(call)]
    with iam_simulate() as oracle, TemporaryDirectory(prefix="sandbox-") as state:
        needed = needs(oracle, made)
        print("Allows that the demo does not need, and the named case that does:")
        for need in needed:
            if not need.calls:
                print(f"  {need}")
        try:
            box = up(Path(state), TOPOLOGY, prefect=False, github=False)
            replay = Replay(box, made)
            refused = replay.refusals()
            score = replay.score(needed)
        finally:
            down(Path(state))
    return replace(score, faults=[*refused, *score.faults])


def _told() -> proof.Score:
    print(f"running {len(BROKEN)} demos, each without a permission", flush=True)
    faults = []
    for demo in BROKEN:
        with TemporaryDirectory() as state:
            faults += play(demo, Path(state))
    return proof.Score("demos", len(BROKEN) - len(faults), len(BROKEN), faults)


def _calls_of_a_demo() -> list[Call]:
    tiercel = Path(sys.executable).parent / "tiercel"
    with TemporaryDirectory() as state:
        print("running a demo for its journal; this takes minutes", flush=True)
        try:
            subprocess.run(
                [tiercel, "demo", "--state", state],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            return calls_in(read_journal(Layout(Path(state)).journal))
        finally:
            subprocess.run([tiercel, "sandbox", "down", "--quiet", "--state", state], check=False)


if __name__ == "__main__":
    sys.exit(main())
