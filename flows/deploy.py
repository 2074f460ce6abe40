"""deploy_to_preprod: published artifacts become running stacks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from domain.assets import ASSET_BUCKET_PARAMETER
from domain.boundary import BOUNDARY_PARAMETER
from domain.errors import RefusedInputError, SupersededError, TiercelError
from domain.gitflow import PRODUCTION_ENVIRONMENT
from domain.ledger import Intent, Purpose
from domain.manifest import Manifest
from domain.parameters import resolve_parameters
from domain.topology import Service
from flows.concurrency import all_done, call, in_dependency_order
from flows.github_reports import as_github_deployment
from flows.lifecycle import lifecycle_flow
from flows.parameters import Repository, Revision
from flows.preparation import Candidate, prepare
from flows.reports import report_board, report_deployment, report_superseded
from flows.restoring import release_or_restore
from flows.results import Released
from flows.superseding import superseding_commit
from tasks.artifacts import find_artifact
from tasks.git_fetch import fetch_commit
from tasks.git_history import contains_commit


@lifecycle_flow("deploy-to-preprod", "deploy", "preprod")
async def deploy_to_preprod(repository: Repository, commit: Revision) -> dict[str, Released]:
    """Deploy the artifacts of a commit to Preprod's RuntimeAccount.

    Args:
        repository: On GitHub, as `owner/name`. The worker's tiercel.toml has to allow it.
        commit: A commit of Preprod's branch, by its id, or a branch for its newest commit.
    """
    candidate = await prepare(repository, commit, "preprod")
    newer = await superseding_commit(candidate)
    if newer:
        return await _superseded(candidate, f"commit {newer[:7]} is newer and published")
    try:
        return await release_all(candidate, await _published(candidate))
    except SupersededError as error:
        return await _superseded(candidate, error.what)


async def _superseded(candidate: Candidate, by: str) -> dict[str, Released]:
    """Say why nothing is deployed. That is no failure: what is newer is deployed by its own run."""
    await report_superseded(candidate, by)
    return {}


async def release_all(
    candidate: Candidate, manifests: Mapping[str, Manifest]
) -> dict[str, Released]:
    """Release every service's artifact, and show GitHub and Prefect what became of it."""
    try:
        released = await as_github_deployment(
            candidate, lambda: _deploy_services(candidate, manifests)
        )
    except TiercelError:
        await report_board(candidate.target)
        raise
    await report_deployment(candidate, released)
    return released


async def _deploy_services(
    candidate: Candidate, manifests: Mapping[str, Manifest]
) -> dict[str, Released]:
    """Release every service's artifact to the candidate's environment, dependencies first."""

    async def is_older(newer: Intent) -> bool:
        contains = await call(contains_commit, candidate.commit, newer.commit)
        if contains is None:  # another machine has fetched since
            branch, name = candidate.names.environment.branch, candidate.commit.repository
            await call(fetch_commit, name, candidate.commit.sha, branch)
            contains = await call(contains_commit, candidate.commit, newer.commit)
        return bool(contains)

    async def release_one(service: Service, dependencies: dict[str, Released]) -> Released:
        outputs = {name: released.outputs for name, released in dependencies.items()}
        manifest = manifests[service.name]
        wanted = wanted_release(candidate, service, manifest, outputs)
        return await release_or_restore(candidate.target, wanted, manifest, is_older)

    return await in_dependency_order(candidate.topology.services, release_one)


def wanted_release(
    candidate: Candidate,
    service: Service,
    manifest: Manifest,
    dependency_outputs: Mapping[str, Mapping[str, str]],
) -> Intent:
    """Return what a commit wants of a service's stack; who asks is added when it is recorded."""
    names, commit = candidate.names, candidate.commit
    given = {
        ASSET_BUCKET_PARAMETER: names.staging_bucket,
        BOUNDARY_PARAMETER: names.boundary_arn,
    }
    environment = names.environment.name
    promoted = environment == PRODUCTION_ENVIRONMENT
    return Intent(
        stack=names.stack(service.name),
        number=1,
        service=service.name,
        environment=environment,
        repository=commit.repository,
        commit=commit.sha,
        artifact_id=manifest.artifact_id,
        artifact_digest=manifest.digest,
        template_sha256=manifest.template.sha256,
        parameters=resolve_parameters(
            service, environment, manifest.parameters, dependency_outputs, given
        ),
        requested_by="",
        flow_run=candidate.run,
        at=datetime.now(UTC),
        purpose=Purpose.PROMOTION if promoted else Purpose.DEPLOY,
        smoke_test=service.smoke_test,
    )


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
