"""plan_promotion: what merging a release pull request would change in Prod is shown on it."""

from __future__ import annotations

from prefect import get_run_logger

from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.base.errors import TiercelError, UnreachableError
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import PROD, Topology
from tiercel.domain.pages.pull_request.promotion import plan_marker, pull_request_promotion_page
from tiercel.domain.release.ledger import Release
from tiercel.domain.release.promotion import require_promoted
from tiercel.domain.review.stack_plans import StackPlan
from tiercel.domain.review.statuses import StatusState, refused_status, status_of
from tiercel.domain.review.templates.template_changes import all_changes
from tiercel.domain.review.unverified import not_verified_yet, widened_in
from tiercel.domain.review.verdicts import ServiceVerdict
from tiercel.flows.engine.artifacts import show_page
from tiercel.flows.engine.concurrency import all_done, call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.parameters import (
    CommitParameter,
    PullRequestParameter,
    RepositoryParameter,
)
from tiercel.flows.promotion.candidates import ArtifactVerdict, verdicts_on
from tiercel.flows.release.github import run_link
from tiercel.flows.release.preparation import PreparedCommit, prepare_merge, require_repository
from tiercel.flows.release.provenance import require_provenance
from tiercel.flows.verification.parts import unexecuted_plan
from tiercel.tasks.github.pull_requests import (
    await_mergeability,
    read_pull_request,
    upsert_comment,
)
from tiercel.tasks.github.transport.verifying import only_verifying
from tiercel.tasks.records.artifacts import find_artifact
from tiercel.tasks.source.services import load_topology
from tiercel.tasks.source.topology_file import config_path
from tiercel.tasks.verification.unexecuted_plans import read_live_stack, read_verified_templates


@lifecycle_flow("plan-promotion", "plan promotion", PROD)
async def plan_promotion(
    repository: RepositoryParameter, number: PullRequestParameter, commit: CommitParameter
) -> list[str]:
    """Show on a release pull request what its merge would change in Prod.

    It is planned from the artifacts that Preprod verified and signed, as far as it has, by change
    sets that are deleted again and that nobody can execute. As long as it has not verified all, the
    run ends as waiting. Returns the names of the services that were planned.

    Args:
        repository: On GitHub, as `owner/name`. The worker's tiercel.toml has to allow it.
        number: Its number on GitHub; it has to go into Prod's branch.
        commit: The full id of its newest commit. If there is a newer one, nothing is planned.
    """
    with only_verifying():
        topology = await call(load_topology, config_path())
        name = require_repository(repository, topology)
        pull = await _mergeable(await call(read_pull_request, name, number))
        reason = _not_planned_at_all(topology, pull, commit)
        if reason:
            get_run_logger().info("no plan of #%d: %s", number, reason)
            return []
        return await _planned(await prepare_merge(name, number, commit, PROD), pull)


async def _mergeable(pull: PullRequest) -> PullRequest:
    """Return the pull request once GitHub knows whether it can be merged."""
    if pull.mergeable is None and pull.is_open:
        return await call(await_mergeability, pull.repository, pull.number)
    return pull


def _not_planned_at_all(topology: Topology, pull: PullRequest, commit: str) -> str:
    """Return why a pull request is not planned, nothing if it is."""
    if pull.base_branch != topology.environment(PROD).branch:
        return "it does not go into production's branch"
    if pull.from_fork:
        return "it comes from a fork"
    refused = refused_status(pull, commit, topology)
    return refused.description if refused else ""


async def _planned(prepared: PreparedCommit, pull: PullRequest) -> list[str]:
    """Plan every service, and show it; raise WaitingError if some are not verified."""
    services, environment = prepared.topology.services, prepared.target.names.environment
    verdicts = await verdicts_on(prepared, prepared.source, prepared.source_records)
    found = await all_done(
        _verdict(prepared, pull, service, verdicts[name]) for name, service in services.items()
    )
    unverified = [name for name in services if not verdicts[name].release]
    text = pull_request_promotion_page(pull, environment, found, unverified, run_link())
    # Minutes may have passed: a newer head's comment must not give way to an older one's.
    now = await call(read_pull_request, pull.repository, pull.number)
    if now.head_commit == pull.head_commit:
        await call(upsert_comment, now, plan_marker(environment.name), text)
    repository = pull.repository.rpartition("/")[2]
    title = f"Plan of {environment.name} for #{pull.number} of {pull.repository}"
    await show_page(f"plan-{environment.name}-{repository}-{pull.number}", title, text)
    if unverified:
        raise not_verified_yet(pull, environment, unverified)
    return list(services)


async def _verdict(
    prepared: PreparedCommit, pull: PullRequest, service: Service, verdict: ArtifactVerdict
) -> ServiceVerdict:
    """Return what would change of one service; what keeps it from being planned is a reason."""
    verified = verdict.release
    if verified is None:
        why = "was rejected" if verdict.rejected else "is not verified"
        source = prepared.source.environment.name
        return _said(service, StackPlan(reason=f"it {why} in {source}"))
    try:
        manifest = await _trusted(prepared, service, verified)
        return await _compared(prepared, pull, service, manifest)
    except UnreachableError:
        raise
    except TiercelError as error:
        get_run_logger().warning("%s: no plan: %s: %s", service.name, error.code, error.what)
        return _said(service, StackPlan(reason=f"there is no plan: {error.what}"))


async def _trusted(prepared: PreparedCommit, service: Service, verified: Release) -> Manifest:
    """Return the artifact that the source environment verified, its signature checked."""
    source, theirs = prepared.source, prepared.source_records
    found = await call(find_artifact, theirs, prepared.trees[service.name])
    target = prepared.target.names.environment.name
    manifest = require_promoted(found, verified, source.environment.name, target)
    await require_provenance(theirs.access, source, manifest)
    return manifest


async def _compared(
    prepared: PreparedCommit, pull: PullRequest, service: Service, manifest: Manifest
) -> ServiceVerdict:
    target = prepared.target
    artifact = await call(read_verified_templates, prepared.source_records, manifest)
    plan = await unexecuted_plan(target, pull, service, artifact)
    live = await call(read_live_stack, target.deployer, target.names.stack(service.name))
    before, after = ({"": live.template} if live else {}), {"": artifact.template}
    return ServiceVerdict(
        service=service.name,
        status=status_of(service.name, StatusState.SUCCESS, "planned"),
        changes=all_changes(before, after),
        plan=plan,
        widens=widened_in(plan, before, after),
    )


def _said(service: Service, plan: StackPlan) -> ServiceVerdict:
    status = status_of(service.name, StatusState.ERROR, plan.reason)
    return ServiceVerdict(service=service.name, status=status, plan=plan)
