"""deploy_to_preprod: published artifacts become running stacks."""

from __future__ import annotations

from collections.abc import Mapping

from prefect import flow

from domain.errors import RefusedInputError
from domain.manifest import Manifest
from domain.topology import Service
from flows.concurrency import all_done, call, in_dependency_order
from flows.github_reports import as_github_deployment
from flows.naming import flow_run_name
from flows.preparation import Candidate, prepare
from flows.release import ReleaseTarget, release_service
from flows.reports import report_deployment
from flows.results import Released
from tasks.artifacts import find_artifact
from tasks.identity import caller_arn


@flow(name="deploy-to-preprod", flow_run_name=flow_run_name("deploy", "preprod"))
async def deploy_to_preprod(repository: str, commit: str) -> dict[str, Released]:
    """Deploy the artifacts of a commit to Preprod's RuntimeAccount.

    Args:
        repository: The GitHub repository as `owner/name`; tiercel.toml has to list it.
        commit: A commit id, or the name of a branch whose newest commit is meant.
    """
    candidate = await prepare(repository, commit, "preprod")
    manifests = await _published(candidate)
    released = await as_github_deployment(candidate, lambda: deploy_services(candidate, manifests))
    await report_deployment(candidate, released)
    return released


async def deploy_services(
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
