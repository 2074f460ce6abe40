"""deploy_to_preprod: published artifacts become running stacks."""

from __future__ import annotations

from collections.abc import Mapping

from domain.errors import RefusedInputError, TiercelError
from domain.manifest import Manifest
from domain.topology import Service
from flows.concurrency import all_done, call, in_dependency_order
from flows.github_reports import as_github_deployment
from flows.lifecycle import lifecycle_flow
from flows.parameters import Repository, Revision
from flows.preparation import Candidate, prepare
from flows.release import ReleaseTarget, release_service
from flows.reports import report_board, report_deployment
from flows.results import Released
from tasks.artifacts import find_artifact
from tasks.identity import caller_arn


@lifecycle_flow("deploy-to-preprod", "deploy", "preprod")
async def deploy_to_preprod(repository: Repository, commit: Revision) -> dict[str, Released]:
    """Deploy the artifacts of a commit to Preprod's RuntimeAccount.

    Args:
        repository: On GitHub, as `owner/name`. The worker's tiercel.toml has to allow it.
        commit: A commit of Preprod's branch, by its id, or a branch for its newest commit.
    """
    candidate = await prepare(repository, commit, "preprod")
    return await release_all(candidate, await _published(candidate))


async def release_all(
    candidate: Candidate, manifests: Mapping[str, Manifest]
) -> dict[str, Released]:
    """Release every service's artifact, and show GitHub and Prefect what became of it."""
    try:
        released = await as_github_deployment(
            candidate, lambda: _deploy_services(candidate, manifests)
        )
    except TiercelError:
        await report_board(candidate)
        raise
    await report_deployment(candidate, released)
    return released


async def _deploy_services(
    candidate: Candidate, manifests: Mapping[str, Manifest]
) -> dict[str, Released]:
    """Release every service's artifact to the candidate's environment, dependencies first."""
    requested_by = await call(caller_arn, candidate.names.environment.region)
    target = ReleaseTarget(candidate, requested_by)

    async def release(service: Service, dependencies: dict[str, Released]) -> Released:
        outputs = {name: released.outputs for name, released in dependencies.items()}
        return await release_service(target, service, manifests[service.name], outputs)

    return await in_dependency_order(candidate.topology.services, release)


async def _published(candidate: Candidate) -> dict[str, Manifest]:
    """Return every service's manifest; RefusedInputError if one is not published."""
    bucket = candidate.names.artifact_bucket
    found = await all_done(
        call(find_artifact, candidate.orchestrator, bucket, tree)
        for tree in candidate.trees.values()
    )
    manifests = dict(zip(candidate.trees, found, strict=True))
    missing = [name for name, manifest in manifests.items() if manifest is None]
    if missing:
        commit = candidate.commit
        raise RefusedInputError(
            f"no artifact is published for {', '.join(missing)}",
            where=f"{commit.repository}@{commit.sha[:7]} in s3://{bucket}",
            state="nothing was deployed",
            remedy=f"run `tiercel publish {commit.repository} {commit.sha}` first",
        )
    return {name: manifest for name, manifest in manifests.items() if manifest}
