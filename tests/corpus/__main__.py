"""`make corpus`: take the templates of public repositories through the product, and count.

CORPUS is a folder of clones or bare repositories; without it they are fetched from GitHub into
`.tiercel/corpus`. The exit code is 1 when an outcome is not in the closed list, or too few go
through. `--json` has every template with what became of it.
"""
# ruff: noqa: T201 - this is a command

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.peers import PeerMissingError
from benchmarks.place import CONFIG, topology, working_folder
from tests.corpus.checkouts import Subject, checkouts, clone, subjects
from tests.corpus.judge import Judge
from tests.corpus.kinds import Verdict, verdict_of
from tests.corpus.outcome import Outcome
from tests.corpus.peer import TAKES, Peer, check_out, peer
from tests.corpus.product import listing_all
from tests.corpus.report import AT_LEAST, lines, rate
from tests.corpus.stacks import Stacks
from tiercel.cli.terminal.session import use_sandbox
from tiercel.domain.organization.names import Names
from tiercel.sandbox.lifecycle import down, up

_CLONES = Path(".tiercel/corpus")
_GITHUB = "https://github.com"
_TOLD_EVERY = 25


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge, print the table, and return the exit code."""
    options = _options(arguments)
    folder = options.corpus or _CLONES
    if not options.corpus:
        clone(folder, _GITHUB)
    chosen = [one for found in checkouts(folder) for one in subjects(found)]
    chosen = [one for one in chosen if options.only in one.shown][options.offset :: options.every]
    outcomes: list[Outcome] = []
    for outcome in _judged(chosen, options):
        outcomes.append(outcome)
        if len(outcomes) % _TOLD_EVERY == 0:
            print(f"{len(outcomes)} of {len(chosen)} templates", file=sys.stderr, flush=True)
        if options.json:
            options.json.write_text(json.dumps([one.document() for one in outcomes], indent=1))
    print(*lines(outcomes), sep="\n")
    is_closed = all(verdict_of(one.kind) is not Verdict.OPEN for one in outcomes)
    return 0 if is_closed and rate(outcomes) >= AT_LEAST else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, help="a folder of clones or bare repositories")
    parser.add_argument("--json", type=Path, help="write every outcome to a file")
    parser.add_argument("--only", default="", help="templates whose repository:path has this")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth of them")
    parser.add_argument("--offset", type=int, default=0, metavar="N", help="from the Nth on")
    parser.add_argument("--no-stacks", action="store_true", help="create nothing")
    parser.add_argument("--no-sam", action="store_true", help="do not ask the SAM CLI")
    return parser.parse_args(arguments)


def _judged(chosen: Sequence[Subject], options: argparse.Namespace) -> Iterator[Outcome]:
    with working_folder() as folder, ExitStack() as stack:
        listed = listing_all(topology())
        running = up(folder / "sandbox", listed, prefect=False)
        stack.callback(down, running.state)
        use_sandbox(running.state, CONFIG)
        names = Names.of(listed, listed.verifying.name)
        stacks = None if options.no_stacks else Stacks(running, names)
        judge = Judge(topology(), folder / "build", stacks=stacks)
        other: Peer | None = None
        if not options.no_sam:
            try:
                other = stack.enter_context(peer(running))
            except PeerMissingError as error:
                print(f"without the SAM CLI: {error}", file=sys.stderr)
        cloned = ""
        for subject in chosen:
            outcome = judge.judge(subject)
            if other:
                if cloned != subject.checkout.name:
                    shutil.rmtree(folder / "clone", ignore_errors=True)
                    check_out(subject.checkout, folder / "clone")
                    cloned = subject.checkout.name
                outcome.sam = _taken(other, subject, folder, verdict_of(outcome.kind))
            yield outcome


def _taken(sam: Peer, subject: Subject, folder: Path, verdict: Verdict) -> str:
    """Return whether `sam` takes a template; builds are asked only of what has to be corrected.

    For all others it is known: their paths are there, and their runtimes have not ended.
    """
    answer = sam.takes(subject, folder / "clone", folder)
    if answer == TAKES and verdict is Verdict.TEMPLATE:
        return sam.builds(subject, folder / "clone", folder)
    return answer


if __name__ == "__main__":
    sys.exit(main())
