"""Candidates: which releases verified a commit's artifacts, and trying those that none has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.base.errors import TiercelError, combined
from tiercel.domain.organization.access import Records
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.services import Service, deployment_order
from tiercel.domain.release.ledger import Purpose, Release
from tiercel.domain.release.promotion import verified_release
from tiercel.domain.stack.observed import Stack
from tiercel.flows.engine.concurrency import all_done, both, call, each, in_dependency_order
from tiercel.flows.release.preparation import PreparedCommit
from tiercel.flows.release.restoring import put_back
from tiercel.flows.release.results import Released
from tiercel.flows.release.sequence import Wish, release
from tiercel.flows.release.services import older_in, wanted_release
from tiercel.tasks.records.ledger import read_history, read_rejected_artifacts
from tiercel.tasks.records.verifications import read_candidates
from tiercel.tasks.stack.stacks import observe_stack


@dataclass(frozen=True)
class ArtifactVerdict:
    """The release that verified an artifact, if one did, and whether it was ever rejected."""

    release: Release | None
    rejected: bool


async def verdicts_on(
    prepared: PreparedCommit, verifying: Names, theirs: Records
) -> dict[str, ArtifactVerdict]:
    """Return what the verifying environment's records say of each service's artifact.

    A release of its own stack counts, and a candidate wherever it was tried. Rejections count in
    that environment and in the one that the commit goes to.
    """
    own, names = prepared.target.records, prepared.target.names

    async def look(service: Service) -> ArtifactVerdict:
        artifact_id, stack = prepared.trees[service.name].artifact_id, verifying.stack(service.name)
        (history, candidates), (there, here) = await both(
            both(
                call(read_history, theirs, stack),
                call(read_candidates, theirs, service.name, artifact_id),
            ),
            both(
                call(read_rejected_artifacts, theirs, stack),
                call(read_rejected_artifacts, own, names.stack(service.name)),
            ),
        )
        rejected = there.keys() | here.keys()
        return ArtifactVerdict(
            verified_release(history, artifact_id, rejected, candidates),
            artifact_id in rejected or any(one.rejection for one in candidates),
        )

    services = prepared.topology.services
    found = await all_done(look(service) for service in services.values())
    return dict(zip(services, found, strict=True))


async def try_in_place(
    prepared: PreparedCommit, manifests: Mapping[str, Manifest], due: Collection[str]
) -> dict[str, Released]:
    """Release what is due as candidates to the environment's own stacks; return what is verified.

    A service that is verified already is left as it is, and its stack gives the outputs that the
    others need. Whatever becomes of it, what ran before is brought back.
    """
    services = prepared.topology.services
    others = [name for name in services if name not in due]
    outputs = await each(others, lambda name: _outputs_now(prepared, name))
    kept = {name: one for name, one in services.items() if name in due}
    alone = replace(
        prepared,
        topology=prepared.topology.with_services(kept),
        lent=dict(zip(others, outputs, strict=True)),
    )
    try:
        released = await release_candidates(alone, manifests, due)
    except TiercelError as failure:
        await _failed_and_put_back(prepared, failure)
        raise
    await put_all_back(prepared)
    return released


async def release_candidates(
    prepared: PreparedCommit, manifests: Mapping[str, Manifest], due: Collection[str]
) -> dict[str, Released]:
    """Release every service of a commit, dependencies first, what is due as candidates.

    Each is smoke-tested under its stack's lease, and none is gone back from: a candidate that
    fails leaves its verdict. What is not due verifies nothing and takes nothing back.
    """
    is_older, services = older_in(prepared), prepared.topology.services
    tried = {"purpose": Purpose.CANDIDATE, "branch": prepared.branch}

    async def release_one(service: Service, dependencies: dict[str, Released]) -> Released:
        given = {name: one.outputs for name, one in dependencies.items()}
        service, manifest = services[service.name], manifests[service.name]
        wanted = wanted_release(prepared, service, manifest, {**given, **prepared.lent})
        if service.name in due:
            wanted = wanted.model_copy(update=tried)

        async def fill(stack: Stack) -> None:
            if prepared.fill:
                await prepared.fill(service, stack)

        return await release(Wish(prepared.target, wanted, manifest, is_older, fill))

    return await in_dependency_order(
        {name: one.without(prepared.lent) for name, one in services.items()}, release_one
    )


async def _failed_and_put_back(prepared: PreparedCommit, failure: TiercelError) -> None:
    """Raise how the candidates failed, and what could not be put back after that."""
    try:
        await put_all_back(prepared)
    except TiercelError as second:
        raise combined([failure, second]) from failure


async def put_all_back(prepared: PreparedCommit) -> None:
    """Bring back what candidates took the place of on the stacks of a commit's services.

    One after the other, dependencies first, as they were deployed.
    """
    target = prepared.target
    for service in deployment_order(prepared.topology.services):
        stack = target.names.stack(service)
        try:
            await put_back(target, stack)
        except TiercelError as error:
            raise error.but(
                state=f"{error.state}; stack {stack} may still run a candidate",
                remedy=f"{error.remedy}; then verify the candidate again, or deploy",
            ) from error


async def _outputs_now(prepared: PreparedCommit, service: str) -> Mapping[str, str]:
    target = prepared.target
    stack = await call(observe_stack, target.deployer, target.names.stack(service))
    return stack.outputs if stack else {}
