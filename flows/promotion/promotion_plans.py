"""The plan of a promotion: every service's change set, made to be looked at and discarded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prefect import get_run_logger

from tiercel.domain.approvals.plans import PlannedChange, PlannedService, PromotionPlan
from tiercel.domain.approvals.waiting import OpenWait, is_begun
from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.base.digests import ConfigurationDigest, digest_of
from tiercel.domain.base.errors import DeployFailedError
from tiercel.domain.organization.access import Records
from tiercel.domain.organization.services import Service
from tiercel.domain.release.ledger import Intent, Release, already_live
from tiercel.domain.review.stack_plans import not_planned
from tiercel.domain.review.templates.template_changes import template_changes
from tiercel.domain.stack.failures import plan_outrun
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.plan import Change, Plan
from tiercel.domain.stack.tokens import promotion_plan
from tiercel.flows.engine.concurrency import both, call, in_dependency_order
from tiercel.flows.engine.groups import in_group
from tiercel.flows.release.preparation import PreparedCommit
from tiercel.flows.release.provenance import require_provenance
from tiercel.flows.release.sequence import live_may_differ, stack_change_of, stage_packages
from tiercel.flows.release.services import parameters_known, wanted_release
from tiercel.flows.release.stack.plan import change_set_request
from tiercel.tasks.records.ledger import newest_release, read_live_releases
from tiercel.tasks.stack.change_sets import discard_plan, discard_refused, plan_changes
from tiercel.tasks.stack.stacks import observe_stack
from tiercel.tasks.verification.unexecuted_plans import (
    copy_templates,
    read_live_stack,
    read_packaged_template,
)


@dataclass(frozen=True)
class _Looked:
    """What is planned for a service, and the outputs that its stack has now."""

    planned: PlannedService
    outputs: dict[str, str]


@dataclass(frozen=True)
class _Subject:
    """A service, its artifact, its stack as it is, and the number of the release that it runs.

    `looking_into` are the records that have the artifact, if it is only looked at and not pulled.
    """

    service: Service
    manifest: Manifest
    stack: Stack | None
    newest: Release | None
    live: int
    looking_into: Records | None = None


async def plan_promotion_of(
    prepared: PreparedCommit,
    manifests: Mapping[str, Manifest],
    carried_on: OpenWait | None = None,
    looking_into: Records | None = None,
) -> PromotionPlan:
    """Return what a promotion would do. Change sets are made, and deleted before this returns.

    What is begun of a promotion that is `carried_on` is not planned again: it is as it was shown.
    Who only looks names the records that have the artifacts: of these the templates are staged,
    and nothing else.
    """
    target, commit = prepared.target, prepared.commit
    found = await call(read_live_releases, target.records)
    live = {one.stack: one.running.intent.number for one in found if one.running}

    async def look(service: Service, before: dict[str, _Looked]) -> _Looked:
        name = target.names.stack(service.name)
        newest, stack = await both(
            call(newest_release, target.records, name), call(observe_stack, target.deployer, name)
        )
        outputs = stack.outputs if stack else {}
        shown = carried_on.plan.of_stack(name) if carried_on else None
        if shown and is_begun(shown, commit.sha, newest):
            return _Looked(shown, outputs)
        runs, manifest = live.get(name, 0), manifests[service.name]
        subject = _Subject(service, manifest, stack, newest, runs, looking_into)
        async with in_group("plan", service.name):
            return _Looked(await _planned(prepared, subject, before), outputs)

    looked = await in_dependency_order(prepared.topology.services, look)
    return PromotionPlan(
        environment=target.names.environment.name,
        repository=commit.repository,
        commit=commit.sha,
        services=tuple(one.planned for one in looked.values()),
    )


async def _planned(
    prepared: PreparedCommit, subject: _Subject, before: Mapping[str, _Looked]
) -> PlannedService:
    """Plan one service, by its template alone where nothing else can be known yet."""
    service, manifest, stack = subject.service, subject.manifest, subject.stack
    if any(not one.planned.unchanged for one in before.values()):
        known = parameters_known(prepared, service, manifest)
        return _service(
            prepared, subject, known, await _by_template(prepared, subject), follows=True
        )
    outputs = {name: one.outputs for name, one in before.items()}
    wanted = wanted_release(prepared, service, manifest, outputs)
    is_sure = not live_may_differ(prepared.target, manifest)
    if stack and is_sure and already_live(subject.newest, wanted, stack.token):
        return _service(prepared, subject, wanted.parameters, (), unchanged=True)
    if not_planned(stack.status if stack else None):
        changes = await _by_template(prepared, subject)
        return _service(prepared, subject, wanted.parameters, changes, follows=True)
    plan = await _shown(prepared, subject, wanted)
    return _service(prepared, subject, wanted.parameters, plan.changes, unchanged=plan.is_empty)


async def _shown(prepared: PreparedCommit, subject: _Subject, wanted: Intent) -> Plan:
    """Make the change set of a stack, look at it, and delete it."""
    target, stack = prepared.target, subject.stack
    if subject.looking_into is None:
        await stage_packages(target, subject.manifest)
    else:
        await _require_genuine(prepared, subject.looking_into, subject.manifest)
        staging = target.deployer, target.names.staging_bucket
        await call(copy_templates, subject.looking_into, subject.manifest, *staging)
    change = stack_change_of(target, wanted, subject.manifest)
    contents = [wanted.template_sha256, wanted.parameters, stack and stack.token, target.run]
    name = promotion_plan(digest_of(contents))
    request = change_set_request(change, name, creates=False)
    try:
        plan = await call(plan_changes, target.deployer, request)
    except DeployFailedError:
        await call(discard_refused, target.deployer, request)
        raise
    if plan is None:
        raise plan_outrun(change.where)
    await call(discard_plan, target.deployer, plan)
    get_run_logger().info("%s: would change: %s", subject.service.name, plan.summary())
    return plan


async def _require_genuine(prepared: PreparedCommit, records: Records, manifest: Manifest) -> None:
    """Verify an artifact that nobody has pulled before CloudFormation is shown its template."""
    promotes = prepared.target.names.environment.promotes_from
    names = prepared.source if promotes else prepared.target.names
    await require_provenance(records.access, names, manifest)


async def _by_template(prepared: PreparedCommit, subject: _Subject) -> tuple[Change, ...]:
    """Return what the text of the template tells about a stack."""
    target, name = prepared.target, prepared.target.names.stack(subject.service.name)
    records = subject.looking_into or target.records
    after = await call(read_packaged_template, records, subject.manifest)
    live = await call(read_live_stack, target.deployer, name) if subject.stack else None
    return template_changes(live.template if live else None, after)


def _service(
    prepared: PreparedCommit,
    subject: _Subject,
    parameters: Mapping[str, str],
    changes: tuple[Change, ...],
    *,
    follows: bool = False,
    unchanged: bool = False,
) -> PlannedService:
    manifest = subject.manifest
    return PlannedService(
        service=subject.service.name,
        stack=prepared.target.names.stack(subject.service.name),
        live=subject.live,
        artifact_id=manifest.artifact_id,
        artifact_digest=manifest.digest,
        template_sha256=manifest.template.sha256,
        configuration_digest=ConfigurationDigest(digest_of(dict(parameters))),
        changes=tuple(PlannedChange(**one.model_dump()) for one in changes),
        follows=follows,
        unchanged=unchanged,
    )
