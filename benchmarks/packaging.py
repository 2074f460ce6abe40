"""Packaging many files, cold and unchanged, beside the AWS CLI and the SAM CLI.

python -m benchmarks.packaging [--rounds N] [--json PATH] [--smoke]
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import boto3

from benchmarks.big_function import BigFunction
from benchmarks.file_tree import FULL, SMALL, FileTree
from benchmarks.measure import Sample, Series, ratio, timed
from benchmarks.peers import PeerMissingError, aws_cli, environment_of, run, sam_cli
from benchmarks.place import forget, sandbox, work_in, working_folder
from benchmarks.report import ROOT, Report, read_options
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.packaging.archive import zip_folder

_COLD, _UNCHANGED = 0.6, 0.05
_BUCKET = "peer-packages"
_PROFILE = "preprod-infrastructure-root"
_FLOW = "publish flow"

Kind = dict[str, Series]


@dataclass
class Peer:
    """A tool that packages the folder's template into a bucket of its own."""

    name: str
    command: Sequence[str | Path]
    running: Sandbox

    def package(self, template: Path) -> None:
        """Package a template."""
        run(
            [
                *(*self.command, "package", "--template-file", template),
                *("--s3-bucket", _BUCKET, "--output-template-file", template.with_suffix(".out")),
            ],
            template.parent,
            environment_of(self.running, _PROFILE),
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report."""
    options = read_options("packaging", 5, arguments)
    report = Report("packaging", options)
    tree = SMALL if options.smoke else FULL
    with working_folder() as folder, sandbox(folder / "sandbox") as running:
        work_in(running)
        _check_bytes(report, tree, folder)
        function = BigFunction(running, folder / "work", tree)
        peers = _peers(report, running)
        _compare(report, function, peers)
    report.write()
    return 0


def _check_bytes(report: Report, tree: FileTree, folder: Path) -> None:
    """Package the same files twice, the second time written backwards at another time."""
    first, second = folder / "first", folder / "second"
    tree.write(first)
    for path in sorted(first.rglob("*"), reverse=True):
        if path.is_file():
            target = second / path.relative_to(first)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    found = {zip_folder(place, folder / "check.zip", "check") for place in (first, second)}
    report.details["zip_sha256"] = sorted(found)
    report.details["same_bytes_as_everywhere"] = found == {tree.zip_sha256}
    report.say(f"same bytes as on every machine: {found == {tree.zip_sha256}}")


def _peers(report: Report, running: Sandbox) -> list[Peer]:
    """Return the peers that are there, and their bucket."""
    region = running.regions[_PROFILE]
    boto3.Session(profile_name=_PROFILE).client(
        "s3", endpoint_url=running.aws_endpoint
    ).create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": region})
    peers = []
    tools: dict[str, Callable[[], list[str | Path]]] = {
        "aws cloudformation package": lambda: [aws_cli(), "cloudformation"],
        "sam package": lambda: [sam_cli()],
    }
    for name, command in tools.items():
        try:
            peers.append(Peer(name, command(), running))
        except PeerMissingError as error:
            report.details[f"skipped {name}"] = str(error)
            report.say(f"{name} is skipped: {error}")
    return peers


def _compare(report: Report, function: BigFunction, peers: list[Peer]) -> None:
    from benchmarks.publishing import publish  # noqa: PLC0415 - imports Prefect

    cold: Kind = {}
    unchanged: Kind = {}
    starts: Kind = {}
    publish(function.repository, function.change())  # the mirror has the history after this
    publish(*function.empty)
    for _ in range(report.options.rounds):
        commit = function.change()
        forget()
        for kind in (cold, unchanged):
            _add(kind, _FLOW, timed(partial(publish, function.repository, commit)))
            for peer in peers:
                _add(kind, peer.name, timed(partial(peer.package, function.template)))
        _measure_starts(starts, function, peers)
    report.say(f"cold: {function.tree.files} files, {function.tree.megabytes:.0f} MB")
    report.add(*_renamed(cold, "cold"))
    report.say("unchanged")
    report.add(*_renamed(unchanged, "unchanged"))
    report.add(*starts.values())
    for title, measured, limit in (("cold", cold, _COLD), ("unchanged", unchanged, _UNCHANGED)):
        _judge(report, title, measured, starts, limit)
    report.details["parts_of_cold_seconds"] = function.parts()


def _measure_starts(starts: Kind, function: BigFunction, peers: list[Peer]) -> None:
    from benchmarks.publishing import publish  # noqa: PLC0415 - imports Prefect

    forget()
    _add(starts, f"{_FLOW}: start", timed(partial(publish, *function.empty)))
    for peer in peers:
        _add(starts, f"{peer.name}: start", timed(partial(peer.package, function.empty_template)))
    imports = [sys.executable, "-c", "import prefect.engine, tiercel.flows.publish"]
    _add(starts, "start of a worker's flow run (imports)", timed(partial(run, imports, ROOT)))


def _judge(report: Report, title: str, measured: Kind, starts: Kind, limit: float) -> None:
    """Compare with each peer, the starts taken off on both sides; the target is the fastest peer.

    A start is the same command for a template without files. What is told first leaves our
    start in.
    """
    peers = [name for name in measured if name != _FLOW]
    our_start = starts[f"{_FLOW}: start"].seconds.median
    for ours, taken_off in ((_FLOW, 0.0), (f"{_FLOW} without its start", our_start)):
        medians = []
        for name in peers:
            start = starts[f"{name}: start"].seconds.median
            found = ratio(
                (max(s.seconds - taken_off, 0.0) for s in measured[_FLOW].samples),
                (s.seconds - start for s in measured[name].samples),
            )
            medians.append(found.median)
            report.add_ratio(f"{title}: {ours} / {name}", found)
    if medians:
        report.judge(f"{title}: {ours} / the faster peer", max(medians), limit)


def _add(kind: Kind, name: str, sample: Sample) -> None:
    kind.setdefault(name, Series(name)).samples.append(sample)


def _renamed(series: Kind, kind: str) -> list[Series]:
    return [Series(f"{kind}: {one.name}", one.samples) for one in series.values()]


if __name__ == "__main__":
    sys.exit(main())
