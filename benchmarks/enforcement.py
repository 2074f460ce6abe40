"""What it costs that every call is judged: the same calls with and without, in turn.

python -m benchmarks.enforcement [--rounds N] [--json PATH] [--smoke]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import boto3

from benchmarks.place import topology, working_folder
from benchmarks.report import Report, read_options
from tiercel.domain.organization.names import Names, Role
from tiercel.sandbox.accounts.filling import seed_accounts
from tiercel.sandbox.aws.launch import await_aws, root_secret, start_aws
from tiercel.sandbox.machine import processes
from tiercel.sandbox.machine.layout import Layout
from tiercel.sandbox.machine.processes import HOST

_ENVIRONMENT = "preprod"
_TARGET_MS = 3.0
_WARM_UP = 5
_WITH, _WITHOUT = "with", "without"

Call = Callable[[], object]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report."""
    options = read_options("enforcement", 300, arguments)
    report = Report("enforcement", options)
    with working_folder() as folder, ExitStack() as stack:
        sides = {
            name: stack.enter_context(_emulator(folder / name, enforce=name == _WITH))
            for name in (_WITH, _WITHOUT)
        }
        for call in sides[_WITH]:
            _measure(report, call, {name: calls[call] for name, calls in sides.items()})
    report.write()
    return 0


def _measure(report: Report, call: str, sides: Mapping[str, Call]) -> None:
    """Time a call on both sides in turn, and compare the medians."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(_WARM_UP + report.options.rounds):
        for name in list(sides)[:: 1 if number % 2 == 0 else -1]:
            clock = time.perf_counter()
            sides[name]()
            if number >= _WARM_UP:
                taken[name].append((time.perf_counter() - clock) * 1000)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    report.details[call] = {f"{name}, ms": round(ms, 3) for name, ms in medians.items()}
    report.say(f"{call}: {medians[_WITH]:.2f} ms with, {medians[_WITHOUT]:.2f} ms without")
    more = medians[_WITH] - medians[_WITHOUT]
    report.judge(f"{call}: milliseconds more at the median", more, _TARGET_MS)


@contextmanager
def _emulator(state: Path, *, enforce: bool) -> Iterator[Mapping[str, Call]]:
    """Run the four accounts in a folder; give the calls that are measured."""
    layout = Layout(state)
    layout.create()
    region = topology().environments[_ENVIRONMENT].region
    server = start_aws(layout, 0, region, enforce=enforce)
    try:
        await_aws(layout, server, lambda _: None)
        endpoint = f"http://{HOST}:{server.port}"
        operator = seed_accounts(topology(), endpoint, root_secret(layout), {})[_ENVIRONMENT]
        person = boto3.Session(operator.identifier, operator.secret, region_name=region)
        yield _calls(person, endpoint)
    finally:
        processes.stop([server.process])


def _calls(person: boto3.Session, endpoint: str) -> Mapping[str, Call]:
    """Return calls of roles in both accounts: by own policies, those of a bucket and of keys."""
    names = Names.of(topology(), _ENVIRONMENT)
    sts = person.client("sts", endpoint_url=endpoint)
    role = {"RoleArn": names.role_arn(Role.ORCHESTRATOR), "RoleSessionName": "benchmark"}
    orchestrator = _session(sts.assume_role(**role))
    external_id = names.environment.external_id
    other = {"RoleArn": names.role_arn(Role.DEPLOYER), "RoleSessionName": "benchmark"}
    sts_of_orchestrator = orchestrator.client("sts", endpoint_url=endpoint)
    become = partial(sts_of_orchestrator.assume_role, **other, ExternalId=external_id)
    deployer = _session(become())
    s3, kms = (orchestrator.client(name, endpoint_url=endpoint) for name in ("s3", "kms"))
    place = {"Bucket": names.artifact_bucket, "Key": "benchmark"}
    stacks = deployer.client("cloudformation", endpoint_url=endpoint)
    signed = {"KeyId": names.signing_key_alias, "Message": b"x"}
    return {
        "become the deployer of the other account": become,
        "write an encrypted object": partial(s3.put_object, **place, Body=b"x"),
        "read an encrypted object": partial(s3.get_object, **place),
        "sign with a key": partial(kms.sign, **signed, SigningAlgorithm="ECDSA_SHA_256"),
        "list stacks": stacks.list_stacks,
    }


def _session(answer: Mapping[str, Any]) -> boto3.Session:
    keys = answer["Credentials"]
    region = topology().environments[_ENVIRONMENT].region
    return boto3.Session(
        keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=region
    )


if __name__ == "__main__":
    sys.exit(main())
