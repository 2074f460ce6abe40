"""verify_pull_request: what a merge would bring is built and tested, and deployed nowhere."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

from prefect import get_run_logger

from tiercel.domain.artifact.source_tree import SourceTree
from tiercel.domain.base.errors import TiercelError, UnreachableError
from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.gitflow.branches import environment_fed_by
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Topology
from tiercel.domain.pages.links import Links
from tiercel.domain.review.comparison import Described, compared, is_same
from tiercel.domain.review.statuses import (
    Status,
    StatusState,
    failed_status,
    placed,
    refused_status,
    status_of,
    summary_status,
    told_where_it_belongs,
    unchanged,
)
from tiercel.domain.review.templates.template_changes import all_changes
from tiercel.domain.review.templates.template_permissions import permission_change, types_of
from tiercel.domain.review.templates.widening import widened
from tiercel.domain.review.verdicts import Reviewed, ServiceVerdict, stacks_left
from tiercel.flows.engine.concurrency import all_done, both, call
from tiercel.flows.engine.groups import in_group
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.naming import tag_flow_run
from tiercel.flows.engine.parameters import (
    CommitParameter,
    PullRequestParameter,
    RepositoryParameter,
)
from tiercel.flows.promotion.gates import promotion_statuses
from tiercel.flows.release.github import comment_on, mark_findings_of, report_statuses
from tiercel.flows.release.pages import report_verification
from tiercel.flows.release.preparation import (
    ReleaseTarget,
    read_source_trees,
    require_repository,
)
from tiercel.flows.verification.ending import ended_by_verdict, say_undecided
from tiercel.flows.verification.parts import environments_of, packages, stack_plan
from tiercel.tasks.aws.caller import console_url
from tiercel.tasks.github.pull_requests import await_mergeability, read_pull_request
from tiercel.tasks.github.transport.verifying import only_verifying
from tiercel.tasks.packaging.builder import build_folder
from tiercel.tasks.source.fetch import MergeRef, fetch_merge_ref
from tiercel.tasks.source.mirrors import server_url
from tiercel.tasks.source.repository import Commit
from tiercel.tasks.source.services import load_other_settings, load_services, load_topology
from tiercel.tasks.source.topology_file import config_path
from tiercel.tasks.stack.service_role import read_service_role
from tiercel.tasks.verification.nested_templates import with_nested_templates
from tiercel.tasks.verification.verifier import read_template, verify_service

_NO_SERVICE = "source.no_service"
_NOTHING = Reviewed()
"""What is said of a pull request that is not built."""


@lifecycle_flow("verify-pull-request", "verify", "pull request")
async def verify_pull_request(
    repository: RepositoryParameter, number: PullRequestParameter, commit: CommitParameter
) -> list[Status]:
    """Build and test what a pull request would bring, and say so on GitHub.

    Args:
        repository: On GitHub, as `owner/name`. The worker's tiercel.toml has to allow it.
        number: Its number on GitHub.
        commit: The full id of its newest commit. If there is a newer one, nothing is built.
    """
    with only_verifying():
        return ended_by_verdict(await _verified(repository, number, commit))


async def _verified(repository: str, number: int, commit: str) -> list[Status]:
    topology = await call(load_topology, config_path())
    repository = require_repository(repository, topology)
    pull = await call(read_pull_request, repository, number)
    await tag_flow_run("pull request", repository)
    fed = environment_fed_by(topology, pull.base_branch)
    told = _Told(
        pull, commit, fed.name if fed else "", Links.of(topology, server_url(), console_url())
    )
    refused = refused_status(pull, commit, topology)
    if not refused and pull.mergeable is None:
        refused = refused_status(
            await call(await_mergeability, repository, number), commit, topology
        )
    if refused:
        return await _say(told, refused)
    merge = await call(fetch_merge_ref, repository, number, commit)
    pending = [status_of("", StatusState.PENDING, "verifying")]
    await report_statuses(pull, commit, placed(told.environment, pending))
    try:
        review = await _reviewed(topology, merge, pull)
    except UnreachableError as error:
        await say_undecided(pull, commit, told.environment, error)
        raise
    except TiercelError as error:
        return await _say(told, failed_status("", error))
    gone = len(review.comparison.gone) if review.comparison else 0
    services = [one.status for one in review.services]
    whole = summary_status(services, review.promotions, gone=gone)
    return await _say(told, told_where_it_belongs(whole, pull, topology), review)


@dataclass(frozen=True)
class _Told:
    """The pull request, the head of it that the run was told to verify, and what its base feeds."""

    pull: PullRequest
    commit: str
    environment: str
    links: Links


@in_group("tell GitHub")
async def _say(told: _Told, whole: Status, review: Reviewed = _NOTHING) -> list[Status]:
    """Tell GitHub the verdict; the comment only if it speaks of the current head."""
    found = [*(one.status for one in review.services), *review.promotions, whole]
    checks = placed(told.environment, found)
    await report_statuses(told.pull, told.commit, checks)
    await mark_findings_of(told.pull, told.commit, told.environment, checks)
    # Minutes may have passed: a newer head's comment must not give way to an older one's.
    pull = await call(read_pull_request, told.pull.repository, told.pull.number)
    if pull.head_commit == told.commit:
        await comment_on(pull, told.commit, whole, review)
    await report_verification(told.pull, told.commit, checks, told.links)
    for one in checks:
        if one.details:
            # As the message itself, of which the lines stay lines.
            get_run_logger().warning(one.details)
    get_run_logger().info("%s", whole.short)
    return checks


async def _reviewed(topology: Topology, merge: MergeRef, pull: PullRequest) -> Reviewed:
    """Verify every service of which something changes, and compare all else."""
    after = await _described(topology, merge.commit)
    before = await _base_of(topology, merge.base)
    comparison = compared(before, after) if before else None
    verdicts, promotions = await both(
        _verdicts(topology, merge, pull, before, after),
        promotion_statuses(topology, merge.base, pull),
    )
    left = stacks_left(topology, comparison.gone) if comparison else ()
    fed = environment_fed_by(topology, pull.base_branch)
    later = [one.name for one in topology.pullers_of(fed.name)] if fed else []
    records = ReleaseTarget.of(topology, topology.verifying.name).records
    return Reviewed(
        verdicts,
        promotions,
        comparison,
        left,
        environment=fed.name if fed else "",
        later=later,
        on_demand=await environments_of(topology, records, pull),
    )


async def _described(topology: Topology, commit: Commit) -> Described:
    services = await call(load_services, commit, topology)
    trees = await read_source_trees(commit, services)
    return Described(services.services, trees, await call(load_other_settings, commit))


async def _base_of(topology: Topology, base: Commit) -> Described | None:
    """Return what the base branch describes, nothing at first; None if that cannot be read."""
    try:
        return await _described(topology, base)
    except UnreachableError:
        raise
    except TiercelError as error:
        return Described({}, {}, {}) if error.code == _NO_SERVICE else None


async def _verdicts(
    topology: Topology,
    merge: MergeRef,
    pull: PullRequest,
    before: Described | None,
    after: Described,
) -> list[ServiceVerdict]:
    one_per_core = asyncio.Semaphore(os.cpu_count() or 1)
    described = topology.with_services(dict(after.services))

    async def verdict(service: Service) -> ServiceVerdict:
        if before and is_same(before, after, service.name):
            return ServiceVerdict(service=service.name, status=unchanged(service.name))
        async with one_per_core, in_group("verify", service.name):
            base = before.services.get(service.name) if before else None
            trees = after.trees[service.name], before.trees.get(service.name) if before else None
            return await _verdict(described, merge, pull, service, base, trees)

    return await all_done(verdict(service) for service in after.services.values())


async def _verdict(
    topology: Topology,
    merge: MergeRef,
    pull: PullRequest,
    service: Service,
    base: Service | None,
    trees: tuple[SourceTree, SourceTree | None],
) -> ServiceVerdict:
    """Build and test a service, and compare its template with that of the stack it has so far."""
    verifying = ReleaseTarget.of(topology, topology.verifying.name)
    project = verifying.verifier
    try:
        with build_folder() as folder:
            verified = await call(
                verify_service,
                merge.commit,
                service.as_allowed_by(base),
                trees[0],
                topology,
                folder,
                project,
            )
    except UnreachableError:
        raise
    except TiercelError as error:
        return ServiceVerdict(service=service.name, status=failed_status(service.name, error))
    before, after = await both(
        _templates_before(merge.base, base),
        call(with_nested_templates, merge.commit, service.template_path, verified.template),
    )
    types = types_of(*before.values(), *after.values())
    role, plan = await both(
        call(read_service_role, topology.verifying, types),
        stack_plan(topology, verifying, pull, service, verified, is_new=base is None),
    )
    tested = "built and tested" if service.test else "built; it has no tests"
    if verified.notes:
        tested += "; the linter failed on its template"
    return ServiceVerdict(
        service=service.name,
        status=status_of(service.name, StatusState.SUCCESS, tested, "\n".join(verified.notes)),
        changes=all_changes(before, after),
        permissions=permission_change(before, after, role.handlers, role.policies),
        plan=plan,
        widens=widened(before, after),
        packages=await packages(verifying.records, verified, trees[1]),
    )


async def _templates_before(commit: Commit, base: Service | None) -> dict[str, TemplateDocument]:
    """Return the template that a service had and those nested in it; none if it is new."""
    if base is None:
        return {}
    template = await call(read_template, commit, base.template_path)
    return await call(with_nested_templates, commit, base.template_path, template)
