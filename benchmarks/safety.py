"""The price of safety: a deploy with ledger and lease against the same one without.

    python -m benchmarks.safety [--rounds N] [--json PATH] [--smoke]

Both sides make the product's own calls in the order of flows/release/sequence.py, without
Prefect, with latency. See docs/understand/performance.md.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchmarks.measure import Series, ratio_of, timed
from benchmarks.place import sandbox, topology, work_in, working_folder
from benchmarks.report import Report, read_options
from tiercel.domain.artifact.manifest import PackagedObject, object_key
from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.organization.access import Records, deployer, orchestrator
from tiercel.domain.organization.names import Names, Role
from tiercel.domain.release.lease import Lease
from tiercel.domain.release.ledger import Intent, Outcome, ReleaseStatus
from tiercel.domain.stack.tokens import change_set_name

if TYPE_CHECKING:
    from tiercel.tasks.stack.change_sets import ChangeSetRequest

AWS_MS, STACK_SECONDS = 60, 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report."""
    options = read_options("safety", 5, arguments)
    report = Report("safety", options)
    milliseconds, seconds = (0, 0.0) if options.smoke else (AWS_MS, STACK_SECONDS)
    report.say(f"with {milliseconds} ms a call and {seconds:g} s a stack operation")
    with (
        working_folder() as folder,
        sandbox(folder / "sandbox", latency_ms=milliseconds, stack_seconds=seconds) as running,
    ):
        work_in(running)
        names = Names.of(topology(), "preprod")
        safe, bare = _Deploys(names, "safe", safe=True), _Deploys(names, "bare", safe=False)
        series = {safe: Series("with ledger and lease"), bare: Series("without")}
        for number in range(options.rounds + 1):
            for side in (safe, bare) if number % 2 else (bare, safe):
                side.publish()
                sample = timed(side.deploy)
                if number:  # the first round creates the stacks and the clients
                    series[side].samples.append(sample)
    report.add(*series.values())
    report.add_ratio(
        "deploy with ledger and lease / without",
        ratio_of(series[safe], series[bare]),
        at_most=None if options.smoke else 1.15,
    )
    report.write()
    return 0


@dataclass(eq=False)
class _Deploys:
    """Updates of one stack, each with a new template."""

    names: Names
    service: str
    safe: bool
    number: int = 0
    template: bytes = b""

    def publish(self) -> None:
        """Put the next template into the artifact bucket, which is no part of a deploy."""
        from tiercel.tasks.aws.objects import create_object  # noqa: PLC0415 - imports Prefect

        self.number += 1
        queue = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": self.number}}
        name = f"{self.service} {self.number}"
        document = {"Description": name, "Resources": {"Queue": queue}}
        self.template = json.dumps(document).encode()
        ours, bucket = orchestrator(self.names, "bench"), self.names.artifact_bucket
        create_object(ours, bucket, self._package.key, self.template)

    @property
    def _package(self) -> PackagedObject:
        sha256 = sha256_hex(self.template)
        key = object_key(sha256, "template")
        return PackagedObject(key=key, sha256=sha256, size=len(self.template))

    def deploy(self) -> None:
        """Stage, plan, execute and wait; in between what makes it safe."""
        from tiercel.tasks.aws.objects import copy_package  # noqa: PLC0415
        from tiercel.tasks.records.lease import give_back_lease, take_lease  # noqa: PLC0415
        from tiercel.tasks.records.ledger import newest_release, record_intent, record_outcome  # noqa: PLC0415
        from tiercel.tasks.stack.change_sets import execute_plan, plan_changes  # noqa: PLC0415
        from tiercel.tasks.stack.stacks import observe_stack  # noqa: PLC0415
        from tiercel.tasks.stack.waiting.operation import wait_for_stack  # noqa: PLC0415

        names, stack = self.names, self.names.stack(self.service)
        ours, theirs = orchestrator(names, "bench"), deployer(names, "bench")
        bucket = names.artifact_bucket
        package = self._package
        found = observe_stack.fn(theirs, stack)
        if self.safe:
            newest_release.fn(Records(ours, bucket), stack)
            record_intent.fn(Records(ours, bucket), self._intent())
        copy_package.fn(theirs, bucket, theirs, names.staging_bucket, package)
        request = self._request(creates=found is None)
        plan = plan_changes.fn(theirs, request)
        if plan is None:
            raise RuntimeError("nobody else deploys here")
        held = None
        if self.safe:
            held = take_lease.fn(
                Records(ours, bucket), Lease(stack=stack, holder="b", fencing=1, seconds=60)
            )
            newest_release.fn(Records(ours, bucket), stack)
            observe_stack.fn(theirs, stack)
        execute_plan.fn(theirs, plan, request.name)
        wait_for_stack.fn(theirs, stack, self.service)
        observe_stack.fn(theirs, stack)
        if held:
            record_outcome.fn(Records(ours, bucket), self._intent(), self._outcome())
            give_back_lease(held)

    def _request(self, *, creates: bool) -> ChangeSetRequest:
        from tiercel.tasks.stack.change_sets import ChangeSetRequest  # noqa: PLC0415

        package = self._package
        return ChangeSetRequest(
            stack=self.names.stack(self.service),
            name=change_set_name(self.number, 1),
            creates_stack=creates,
            template_url=self.names.object_url(self.names.staging_bucket, package.key),
            template_sha256=package.sha256,
            parameters={},
            service_role=self.names.role_arn(Role.CLOUDFORMATION),
        )

    def _intent(self) -> Intent:
        sha256 = self._package.sha256
        return Intent(
            stack=self.names.stack(self.service),
            number=self.number,
            service=self.service,
            environment=self.names.environment.name,
            repository="acme/bench",
            commit=sha256[:40],
            artifact_id=sha256,
            artifact_digest=sha256,
            template_sha256=sha256,
            parameters={},
            requested_by="bench",
            flow_run="bench",
            at=_TIME,
        )

    def _outcome(self) -> Outcome:
        return Outcome(status=ReleaseStatus.SUCCEEDED, deployed=True, at=_TIME, seconds=0.0)


_TIME = datetime(2026, 1, 1, tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
