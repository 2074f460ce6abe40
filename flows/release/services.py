"""The services of a commit, released side by side and in order of their dependencies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from prefect import get_run_logger

from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.base.errors import RefusedInputError, TiercelError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.services import Service
from tiercel.domain.release.ledger import Intent, Release, already_live
from tiercel.domain.release.promotion import purpose_in, verified_in
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.parameters import resolve_parameters
from tiercel.domain.template.boundary import BOUNDARY_PARAMETER
from tiercel.domain.template.locations import ASSET_BUCKET_PARAMETER
from tiercel.flows.engine.concurrency import all_done, both, call, each, in_dependency_order
from tiercel.flows.release.github import as_github_deployment
from tiercel.flows.release.pages import report_board, report_deployment
from tiercel.flows.release.preparation import PreparedCommit
from tiercel.flows.release.restoring import release_or_restore
from tiercel.flows.release.results import Released
from tiercel.flows.release.sequence import IsOlder, Wish
from tiercel.tasks.records.artifacts import find_artifact
from tiercel.tasks.records.ledger import newest_release
from tiercel.tasks.source.fetch import fetch_commit
from tiercel.tasks.source.history import contains_commit
from tiercel.tasks.stack.stacks import observe_stack

_NOTHING: Mapping[str, Release] = {}


async def release_all(
    prepared: PreparedCommit,
    manifests: Mapping[str, Manifest],
    verified: Mapping[str, Release] = _NOTHING,
) -> dict[str, Released]:
    """Release every service's artifact, and show GitHub and Prefect what became of it.

    A promotion records in which release each of them was `verified`.
    """
    try:
        released = await as_github_deployment(
            prepared, lambda: _deploy_services(prepared, manifests, verified)
        )
    except TiercelError:
        await report_board(prepared.target)
        raise
    await report_deployment(prepared, released)
    return released


def older_in(prepared: PreparedCommit) -> IsOlder:
    """Return the question whether a release contains the commit, and more, to be put to git."""

    async def is_older(newer: Intent) -> bool:
        contains = await call(contains_commit, prepared.commit, newer.commit)
        if contains is None:  # another machine has fetched since
            name = prepared.commit.repository
            await call(fetch_commit, name, prepared.commit.sha, prepared.branch)
            contains = await call(contains_commit, prepared.commit, newer.commit)
        return bool(contains)

    return is_older


async def _deploy_services(
    prepared: PreparedCommit, manifests: Mapping[str, Manifest], verified: Mapping[str, Release]
) -> dict[str, Released]:
    """Release every service's artifact to the commit's environment, dependencies first."""
    is_older = older_in(prepared)

    async def release_one(service: Service, dependencies: dict[str, Released]) -> Released:
        released = {name: released.outputs for name, released in dependencies.items()}
        service, manifest = services[service.name], manifests[service.name]
        wanted = wanted_release(prepared, service, manifest, {**released, **prepared.lent})
        seen = {
            "verified_in": verified_in(verified.get(service.name)),
            "opened": prepared.opened,
        }
        wanted = wanted.model_copy(update=seen)

        async def fill(stack: Stack) -> None:
            if prepared.fill:
                await prepared.fill(service, stack)

        wish = Wish(prepared.target, wanted, manifest, is_older, fill, gate=prepared.gate)
        return await release_or_restore(wish)

    services = prepared.topology.services
    return await in_dependency_order(
        {name: one.without(prepared.lent) for name, one in services.items()}, release_one
    )


async def is_live(prepared: PreparedCommit, manifests: Mapping[str, Manifest]) -> bool:
    """Tell whether every stack runs what the commit wants of it, untouched since its release.

    Where that cannot be told, it is not: the deploy says why.
    """
    target, services = prepared.target, prepared.topology.services

    async def look(service: Service) -> tuple[Release | None, Stack | None]:
        stack = target.names.stack(service.name)
        return await both(
            call(newest_release, target.records, stack), call(observe_stack, target.deployer, stack)
        )

    try:
        seen = dict(zip(services, await each(services.values(), look), strict=True))
        outputs = {name: stack.outputs if stack else {} for name, (_, stack) in seen.items()}
        return all(
            stack is not None
            and already_live(
                latest,
                wanted_release(prepared, services[name], manifests[name], outputs),
                stack.token,
            )
            for name, (latest, stack) in seen.items()
        )
    except TiercelError as error:
        get_run_logger().info("whether it is live cannot be told: %s", error.what)
        return False


def wanted_release(
    prepared: PreparedCommit,
    service: Service,
    manifest: Manifest,
    dependency_outputs: Mapping[str, Mapping[str, str]],
) -> Intent:
    """Return what a commit wants of a service's stack; who asks is added when it is recorded."""
    names, commit = prepared.target.names, prepared.commit
    given = _given(names)
    environment = names.environment.name
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
        flow_run=prepared.target.run,
        at=datetime.now(UTC),
        purpose=purpose_in(names.environment),
        smoke_test=service.smoke_test,
        seed=service.seed,
    )


def parameters_known(
    prepared: PreparedCommit, service: Service, manifest: Manifest
) -> dict[str, str]:
    """Return the values of parameters that no output of another stack decides."""
    names = prepared.target.names
    known = service.parameters_in(names.environment.name) | _given(names)
    declared = {one.name for one in manifest.parameters}
    return {name: value for name, value in known.items() if name in declared}


def _given(names: Names) -> dict[str, str]:
    """Return the values of parameters that packaging added."""
    return {
        ASSET_BUCKET_PARAMETER: names.staging_bucket,
        BOUNDARY_PARAMETER: names.boundary_arn,
    }


async def _published(prepared: PreparedCommit) -> dict[str, Manifest]:
    """Return every service's manifest; RefusedInputError if one is not published."""
    records = prepared.target.records
    found = await all_done(call(find_artifact, records, tree) for tree in prepared.trees.values())
    manifests = dict(zip(prepared.trees, found, strict=True))
    missing = [name for name, manifest in manifests.items() if manifest is None]
    if missing:
        commit = prepared.commit
        raise RefusedInputError(
            "release.not_published",
            f"no artifact is published for {', '.join(missing)}",
            where=f"{commit.repository}@{short_commit(commit.sha)} in s3://{records.bucket}",
            state="nothing was deployed",
            remedy=f"run `tiercel publish {commit.repository} {commit.sha}` first",
        )
    return {name: manifest for name, manifest in manifests.items() if manifest}
