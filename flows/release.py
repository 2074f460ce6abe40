"""The deploy sequence of one stack: observe, stage, plan, execute, verify, record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from prefect import get_run_logger

from domain.access import Access
from domain.assets import ASSET_BUCKET_PARAMETER
from domain.boundary import BOUNDARY_PARAMETER
from domain.errors import SmokeTestFailedError, TiercelError, UnreachableError
from domain.ledger import (
    Intent,
    Outcome,
    ReleaseStatus,
    already_live,
    check_owner,
    resumable,
)
from domain.manifest import Manifest
from domain.names import Names
from domain.parameters import resolve_parameters
from domain.topology import Service
from flows.concurrency import call, side_by_side
from flows.preparation import Candidate
from flows.results import Released
from flows.stack_change import StackChange, bring_up
from tasks.cloudformation import Stack, observe_stack
from tasks.ledger import newest_release, record_intent, record_outcome
from tasks.smoke_tests import smoke_test
from tasks.storage import copy_package


@dataclass(frozen=True)
class ReleaseTarget:
    """Where a commit's services go, and who asked for it."""

    candidate: Candidate
    requested_by: str

    @property
    def names(self) -> Names:
        """The names of the environment's resources."""
        return self.candidate.names


async def release_service(
    target: ReleaseTarget,
    service: Service,
    manifest: Manifest,
    dependency_outputs: Mapping[str, Mapping[str, str]],
) -> Released:
    """Bring one service's stack to the artifact, or find that it is there already.

    An open intent of an earlier run with the same wish is taken up again.
    """
    bucket, logger = target.names.artifact_bucket, get_run_logger()
    access, stack_access = target.candidate.orchestrator, target.candidate.deployer
    wanted = _intent(target, service, manifest, dependency_outputs)
    stack = await call(observe_stack, stack_access, wanted.stack)
    latest = await call(newest_release, access, bucket, wanted.stack)
    check_owner(latest, wanted, stack_exists=stack is not None)
    if stack and latest and already_live(latest, wanted, stack.token):
        logger.info("%s: unchanged, release %d is live", service.name, latest.intent.number)
        return Released(latest, stack, changed=False)
    if latest and resumable(latest, wanted):
        intent = latest.intent
        logger.info("%s: going on with release %d", service.name, intent.number)
    else:
        number = latest.intent.number + 1 if latest else 1
        intent = await call(
            record_intent, access, bucket, wanted.model_copy(update={"number": number})
        )
    return await _released(target, service, manifest, intent, stack)


async def _released(
    target: ReleaseTarget,
    service: Service,
    manifest: Manifest,
    intent: Intent,
    stack: Stack | None,
) -> Released:
    """Carry out an intent and write down what became of it."""
    started = datetime.now(UTC)
    access, bucket = target.candidate.orchestrator, target.names.artifact_bucket
    try:
        stack, plan_digest, answer = await _carried_out(target, service, manifest, intent, stack)
    except UnreachableError:
        raise  # nobody knows yet how it ends: the intent stays open and the next run goes on
    except TiercelError as error:
        failed = Outcome(
            status=ReleaseStatus.FAILED,
            deployed=isinstance(error, SmokeTestFailedError),
            at=datetime.now(UTC),
            seconds=(datetime.now(UTC) - started).total_seconds(),
            message=str(error),
        )
        await call(record_outcome, access, bucket, intent, failed)
        raise
    outcome = Outcome(
        status=ReleaseStatus.SUCCEEDED,
        deployed=True,
        at=datetime.now(UTC),
        seconds=(datetime.now(UTC) - started).total_seconds(),
        stack_id=stack.stack_id,
        stack_token=stack.token,
        plan_digest=plan_digest,
        outputs=stack.outputs,
        smoke_test=answer,
    )
    release = await call(record_outcome, access, bucket, intent, outcome)
    get_run_logger().info("%s: release %d is live", service.name, intent.number)
    return Released(release, stack, changed=True)


async def _carried_out(
    target: ReleaseTarget,
    service: Service,
    manifest: Manifest,
    intent: Intent,
    stack: Stack | None,
) -> tuple[Stack, str, str]:
    """Return the stack, the digest of the plan that made it, and the smoke test's answer."""
    names, access = target.names, target.candidate.deployer
    await _stage(access, names, manifest)
    change = StackChange(
        access=access,
        names=names,
        links=target.candidate.links,
        intent=intent,
        template_key=manifest.template.key,
        production=names.environment.name == "prod",
    )
    stack, plan_digest = await bring_up(change, stack)
    answer = ""
    if service.smoke_test:
        answer = await call(smoke_test, access, stack, service.smoke_test)
        get_run_logger().info("%s: smoke test passed: %s", service.name, answer)
    return stack, plan_digest, answer


async def _stage(access: Access, names: Names, manifest: Manifest) -> None:
    created = await side_by_side(
        lambda package=package: call(  # type: ignore[misc]
            copy_package, access, names.artifact_bucket, access, names.staging_bucket, package
        )
        for package in manifest.objects
    )
    get_run_logger().info(
        "%s: %d of %d packages staged, the others were there",
        manifest.service,
        sum(created),
        len(created),
    )


def _intent(
    target: ReleaseTarget,
    service: Service,
    manifest: Manifest,
    dependency_outputs: Mapping[str, Mapping[str, str]],
) -> Intent:
    """Return what is wanted; its number is given when it is recorded."""
    names, commit = target.names, target.candidate.commit
    return Intent(
        stack=names.stack(service.name),
        number=1,
        service=service.name,
        environment=names.environment.name,
        repository=commit.repository,
        commit=commit.sha,
        artifact_id=manifest.artifact_id,
        artifact_digest=manifest.digest,
        template_sha256=manifest.template.sha256,
        parameters=resolve_parameters(
            service,
            names.environment.name,
            manifest.parameters,
            dependency_outputs,
            {
                ASSET_BUCKET_PARAMETER: names.staging_bucket,
                BOUNDARY_PARAMETER: names.boundary_arn,
            },
        ),
        requested_by=target.requested_by,
        flow_run=target.candidate.run,
        at=datetime.now(UTC),
    )
