"""verify_pull_request: what a merge would bring is built and tested, and deployed nowhere."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass

from prefect import get_run_logger

from tiercel.domain.artifact.source_tree import SourceTree
from tiercel.domain.base.errors import TiercelError, UnreachableError
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Topology
from tiercel.domain.pages.links import Links
from tiercel.domain.review.statuses import (
    Status,
    StatusState,
    failed_status,
    refused_status,
    status_of,
    summary_status,
    unchanged,
)
from tiercel.domain.review.template_changes import template_changes
from tiercel.domain.review.template_permissions import permission_change, types_of
from tiercel.domain.review.verdicts import ServiceVerdict
from tiercel.flows.engine.concurrency import all_done, call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.naming import tag_flow_run
from tiercel.flows.engine.parameters import (
    CommitParameter,
    PullRequestParameter,
    RepositoryParameter,
)
from tiercel.flows.release.github import comment_on, report_statuses
from tiercel.flows.release.pages import report_verification
from tiercel.flows.release.preparation import (
    ReleaseTarget,
    read_source_trees,
    require_repository,
)
from tiercel.tasks.github.pull_requests import await_mergeability, read_pull_request
from tiercel.tasks.github.verifying import only_verifying
from tiercel.tasks.packaging.builder import build_folder
from tiercel.tasks.packaging.verifier import read_template, verify_service
from tiercel.tasks.source.fetch import MergeRef, fetch_merge_ref
from tiercel.tasks.source.mirrors import server_url
from tiercel.tasks.source.repository import Commit
from tiercel.tasks.source.services import load_services, load_topology
from tiercel.tasks.source.topology_file import config_path
from tiercel.tasks.stack.service_role import read_service_role


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
        return await _verified(repository, number, commit)


async def _verified(repository: str, number: int, commit: str) -> list[Status]:
    topology = await call(load_topology, config_path())
    require_repository(repository, topology)
    pull = await call(read_pull_request, repository, number)
    await tag_flow_run("pull request", repository)
    told = _Told(pull, commit, Links.of(topology, server_url()))
    refused = refused_status(pull, commit, topology)
    if not refused and pull.mergeable is None:
        refused = refused_status(
            await call(await_mergeability, repository, number), commit, topology
        )
    if refused:
        return await _say(told, refused)
    merge = await call(fetch_merge_ref, repository, number, commit)
    await report_statuses(pull, commit, [status_of("", StatusState.PENDING, "verifying")])
    try:
        verdicts = await _verify(topology, merge)
    except UnreachableError:
        raise
    except TiercelError as error:
        return await _say(told, failed_status("", error))
    return await _say(told, summary_status([one.status for one in verdicts]), verdicts)


@dataclass(frozen=True)
class _Told:
    """The pull request, and the head of it that the run was told to verify."""

    pull: PullRequest
    commit: str
    links: Links


async def _say(told: _Told, whole: Status, verdicts: Sequence[ServiceVerdict] = ()) -> list[Status]:
    """Tell GitHub the verdict; the comment only if it speaks of the current head."""
    checks = [*(verdict.status for verdict in verdicts), whole]
    await report_statuses(told.pull, told.commit, checks)
    # Minutes may have passed: a newer head's comment must not give way to an older one's.
    pull = await call(read_pull_request, told.pull.repository, told.pull.number)
    if pull.head_commit == told.commit:
        await comment_on(pull, told.commit, whole, verdicts)
    await report_verification(told.pull, told.commit, checks, told.links)
    for one in checks:
        if one.details:
            get_run_logger().warning("%s", one.details)
    get_run_logger().info("%s", whole.short)
    return checks


async def _verify(topology: Topology, merge: MergeRef) -> list[ServiceVerdict]:
    after = await call(load_services, merge.commit, topology)
    trees = await read_source_trees(merge.commit, after)
    base, known = await _base_of(topology, merge.base)
    one_per_core = asyncio.Semaphore(os.cpu_count() or 1)

    async def verdict(service: Service) -> ServiceVerdict:
        tree = trees[service.name]
        if tree.artifact_id in known:
            return ServiceVerdict(service=service.name, status=unchanged(service.name))
        async with one_per_core:
            allowed = service.as_allowed_by(base.get(service.name))
            return await _verdict(topology, merge, allowed, tree)

    return await all_done(verdict(service) for service in after.services.values())


async def _base_of(topology: Topology, base: Commit) -> tuple[dict[str, Service], set[str]]:
    """Return the base branch's services and artifact ids; none if it describes none yet."""
    try:
        before = await call(load_services, base, topology)
        trees = await read_source_trees(base, before)
    except UnreachableError:
        raise
    except TiercelError:
        return {}, set()
    return dict(before.services), {tree.artifact_id for tree in trees.values()}


async def _verdict(
    topology: Topology, merge: MergeRef, service: Service, tree: SourceTree
) -> ServiceVerdict:
    verifying = ReleaseTarget.of(topology, topology.verifying.name)
    project = verifying.verifier
    try:
        with build_folder() as folder:
            template = await call(
                verify_service, merge.commit, service, tree, topology, folder, project
            )
    except UnreachableError:
        raise
    except TiercelError as error:
        return ServiceVerdict(service=service.name, status=failed_status(service.name, error))
    before = await call(read_template, merge.base, service.template_path)
    role = await call(read_service_role, topology.verifying, types_of(before, template))
    tested = "built and tested" if service.test else "built; it has no tests"
    return ServiceVerdict(
        service=service.name,
        status=status_of(service.name, StatusState.SUCCESS, tested),
        changes=template_changes(before, template),
        permissions=permission_change(before, template, role.handlers, role.policies),
    )
