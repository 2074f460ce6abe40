"""What is said of a pull request besides its verdict: plans, packages, its environment."""

from __future__ import annotations

from dataclasses import dataclass

from prefect import get_run_logger

from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.artifact.source_tree import SourceTree
from tiercel.domain.base.digests import digest_of
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.ephemeral.environments import EphemeralRecord
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.access import Access, Records
from tiercel.domain.organization.names import Role
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Topology
from tiercel.domain.review.extras import Packages, made_from, packaged_bytes
from tiercel.domain.review.planning_refusals import planning_refusals
from tiercel.domain.review.stack_plans import (
    PlannedValues,
    StackPlan,
    not_asked,
    not_planned,
    planned_values,
)
from tiercel.domain.stack.tokens import outside_name, pull_request_plan
from tiercel.domain.template.boundary import BOUNDARY_PARAMETER
from tiercel.domain.template.locations import ASSET_BUCKET_PARAMETER
from tiercel.flows.engine.concurrency import call
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.records.artifacts import find_artifact
from tiercel.tasks.records.ephemeral import read_environments
from tiercel.tasks.stack.change_sets import ChangeSetRequest, plan_changes
from tiercel.tasks.verification.unexecuted_plans import (
    discard_plans,
    planner,
    read_live_stack,
    stage_templates,
)
from tiercel.tasks.verification.verifier import Verified


@dataclass(frozen=True)
class _Question:
    """One service of a pull request, in the environment that a merge would be deployed to."""

    target: ReleaseTarget
    pull: PullRequest
    service: Service
    verified: Verified

    @property
    def stack(self) -> str:
        return self.target.names.stack(self.service.name)


async def stack_plan(
    topology: Topology,
    target: ReleaseTarget,
    pull: PullRequest,
    service: Service,
    verified: Verified,
    *,
    is_new: bool,
) -> StackPlan:
    """Return what CloudFormation says would change, or why it was not asked or gave no answer.

    Nothing of this fails a verification: the pull request's code has passed by then.
    """
    reason = not_asked(topology, pull, is_new=is_new)
    if reason:
        return StackPlan(reason=reason)
    return await unexecuted_plan(target, pull, service, verified)


async def unexecuted_plan(
    target: ReleaseTarget, pull: PullRequest, service: Service, verified: Verified
) -> StackPlan:
    """Return what CloudFormation says would change of a service's stack in an environment.

    A template that would be carried out by being planned is not shown to it. The change set is
    made in a session that can execute none, and is deleted whatever comes of it.
    """
    try:
        return await _asked(_Question(target, pull, service, verified))
    except TiercelError as error:
        get_run_logger().warning("%s: no plan: %s: %s", service.name, error.code, error.what)
        return StackPlan(reason=f"there is no plan: {error.what}")


async def _asked(question: _Question) -> StackPlan:
    """Ask for a plan, unless the template would be carried out by that."""
    service, verified, names = question.service, question.verified, question.target.names
    access = await call(
        planner, question.target.deployer, names, question.stack, question.pull.number
    )
    live = await call(read_live_stack, access, question.stack)
    reason = not_planned(live.status if live else None)
    if live is None or reason:
        return StackPlan(reason=reason)
    given = {
        ASSET_BUCKET_PARAMETER: names.staging_bucket,
        BOUNDARY_PARAMETER: names.boundary_arn,
    }
    parameters = verified.manifest.parameters
    values = planned_values(service, names.environment.name, parameters, given, live.parameters)
    if values.lacking:
        return StackPlan(reason=f"no value is known yet of {', '.join(values.lacking)}")
    refusals = planning_refusals(verified.documents, live.template, values.values, live.parameters)
    if refusals:
        return StackPlan(reason="; ".join(refusals))
    return await _planned(question, access, values)


async def _planned(question: _Question, access: Access, values: PlannedValues) -> StackPlan:
    """Make the change set, look at it, and delete it whatever comes of it."""
    request, number = _request(question, values), question.pull.number
    staging = question.target.names.staging_bucket
    deployer, packaged = question.target.deployer, question.verified.packaged
    await call(stage_templates, deployer, staging, packaged)
    own = (request.name, outside_name(request.name))
    try:
        plan = await call(plan_changes, access, request)
    finally:
        await call(discard_plans, access, request.stack, number, own)
    if plan is None:
        return StackPlan(reason="another run has changed the stack meanwhile")
    get_run_logger().info("%s: would change: %s", question.service.name, plan.summary())
    return StackPlan.of(plan)


async def packages(records: Records, verified: Verified, base: SourceTree | None) -> Packages:
    """Return the size of what was packaged, and of what the base has, if that was ever built."""
    found: Manifest | None = None
    try:
        found = await call(find_artifact, records, base) if base else None
    except TiercelError as error:
        get_run_logger().warning("the base's packages are not known: %s", error.what)
    return Packages(after=packaged_bytes(verified.manifest), before=found and packaged_bytes(found))


async def environments_of(
    topology: Topology, records: Records, pull: PullRequest
) -> tuple[EphemeralRecord, ...]:
    """Return the environments on demand that were made from a pull request and are there."""
    if topology.ephemeral is None:
        return ()
    try:
        found = await call(read_environments, records)
    except TiercelError as error:
        get_run_logger().warning("environments on demand are not known: %s", error.what)
        return ()
    return made_from(found.readable, pull)


def _request(question: _Question, values: PlannedValues) -> ChangeSetRequest:
    names, template = question.target.names, question.verified.manifest.template
    contents = digest_of([template.sha256, values.values, question.target.run])
    return ChangeSetRequest(
        stack=question.stack,
        name=pull_request_plan(question.pull.number, question.pull.head_commit, contents),
        creates_stack=False,
        template_url=names.object_url(names.staging_bucket, template.key),
        template_sha256=template.sha256,
        parameters=values.values,
        previous=values.previous,
        service_role=names.role_arn(Role.CLOUDFORMATION),
        tags={**question.target.tags, **names.stack_tags(question.service.name)},
    )
