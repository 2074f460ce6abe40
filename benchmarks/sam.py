"""Publishing and deploying one SAM function, beside `sam deploy` of the same template.

python -m benchmarks.sam [--rounds N] [--json PATH] [--smoke]
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from benchmarks.calls import Mark
from benchmarks.measure import Series, in_turn, ratio, ratio_of, timed
from benchmarks.peers import PeerMissingError, environment_of, run, sam_cli
from benchmarks.place import CONFIG, forget, sandbox, work_in, working_folder
from benchmarks.report import ROOT, Report, read_options
from benchmarks.small_function import SmallFunction
from tiercel.sandbox.lifecycle import Sandbox

_AT_MOST = 0.3
_COMMANDS_AT_MOST = 0.8


@dataclass
class Peer:
    """`sam deploy` of the folder, to a stack of its own in Preprod's RuntimeAccount."""

    sam: Path
    running: Sandbox
    folder: Path
    bucket: str = "sam-deploys"

    def create_bucket(self) -> None:
        """Create the bucket that `sam deploy` uploads to."""
        environment = self.running.environ("preprod-runtime-root")
        session = boto3.Session(profile_name="preprod-runtime-root")
        session.client("s3", endpoint_url=self.running.aws_endpoint).create_bucket(
            Bucket=self.bucket,
            CreateBucketConfiguration={"LocationConstraint": environment["AWS_REGION"]},
        )

    def deploy(self) -> None:
        """Deploy what the folder holds."""
        run(
            [
                *(self.sam, "deploy", "--template-file", "template.json"),
                *("--stack-name", "sam-greeter", "--s3-bucket", self.bucket),
                *("--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset"),
                *("--no-fail-on-empty-changeset", "--no-progressbar"),
            ],
            self.folder,
            environment_of(self.running, "preprod-runtime-root"),
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report."""
    options = read_options("sam", 5, arguments)
    report = Report("sam", options)
    try:
        sam = sam_cli()
    except PeerMissingError as error:
        report.details["skipped"] = str(error)
        report.say(f"skipped: {error}")
        report.write()
        return 0
    with working_folder() as folder, sandbox(folder / "sandbox") as running:
        work_in(running)
        _compare(report, sam, running, folder / "work")
    report.write()
    return 0


def _compare(report: Report, sam: Path, running: Sandbox, folder: Path) -> None:
    function = SmallFunction(running, folder)
    peer = Peer(sam, running, function.folder / function.service)
    peer.create_bucket()
    python = sys.executable
    flows, deploys, command = Series("publish and deploy flows"), Series("sam deploy"), Series(
        "tiercel publish and deploy, two processes"
    )  # fmt: skip
    for number in range(report.options.rounds + 1):
        commit = function.change()
        forget()
        mark = Mark.now(running)
        ours = timed(lambda commit=commit: _release(function, commit))  # type: ignore[misc]
        calls_of_ours = mark.calls()
        mark = Mark.now(running)
        theirs = timed(peer.deploy)
        calls_of_sam = mark.calls()
        if number or report.options.smoke:  # the first round creates the stacks
            flows.samples.append(ours)
            deploys.samples.append(theirs)
            commit = function.change()
            command.samples.append(timed(_command(function.repository, commit, running)))
        if report.options.smoke:
            break
    starts = in_turn(
        report.options.rounds,
        {
            "start of sam": lambda: run([sam, "--version"]),
            "start of a worker's flow run (imports)": lambda: run(
                [
                    python,
                    "-c",
                    "import prefect.engine; from tiercel.flows import deploy, publish",
                ],
                ROOT,
            ),
        },
    )
    report.add(flows, command, deploys, *starts.values())
    report.add_ratio("flows / sam deploy", ratio_of(flows, deploys), at_most=_AT_MOST)
    report.add_ratio(
        "two processes of tiercel / sam deploy",
        ratio_of(command, deploys),
        at_most=_COMMANDS_AT_MOST,
    )
    start = starts["start of sam"].seconds.median
    report.add_ratio(
        "flows / sam deploy without its start",
        ratio((s.seconds for s in flows.samples), (s.seconds - start for s in deploys.samples)),
    )
    report.details["calls"] = {
        "flows": dict(sorted(calls_of_ours.items())),
        "sam deploy": dict(sorted(calls_of_sam.items())),
    }


def _release(function: SmallFunction, commit: str) -> None:
    from benchmarks.publishing import deploy, publish  # noqa: PLC0415 - imports Prefect

    publish(function.repository, commit)
    deploy(function.repository, commit)


def _command(repository: str, commit: str, running: Sandbox) -> Callable[[], Any]:
    tiercel = Path(sys.executable).with_name("tiercel")
    place = ["--local", "--sandbox", "--state", str(running.state), "--config", str(CONFIG)]
    # Compiled as if it had been installed, as the peer is: images forbid Python to keep that.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}

    def both() -> None:
        for word in ("publish", "deploy"):
            run([tiercel, word, repository, commit, *place], environment=environment)

    return both


if __name__ == "__main__":
    sys.exit(main())
