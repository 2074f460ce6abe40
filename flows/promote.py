"""promote_to_prod: the very artifacts that Preprod verified become Prod's stacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from prefect import get_run_logger

from tiercel.domain.artifact.manifest import Manifest, moved_words
from tiercel.domain.artifact.provenance import provenance_key
from tiercel.domain.artifact.source_tree import SourceTree
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import PROD
from tiercel.domain.release.ledger import Release
from tiercel.domain.release.promotion import (
    require_promoted,
    require_pulled,
)
from tiercel.flows.engine.concurrency import all_done, both, call, each
from tiercel.flows.engine.groups import in_group
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.parameters import RepositoryParameter, RevisionParameter
from tiercel.flows.promotion.announcement import announce, decide_version
from tiercel.flows.promotion.live_export import telling_what_is_live
from tiercel.flows.promotion.promotion_gates import first_gates, require_all_verified, require_gates
from tiercel.flows.promotion.refusals import require_not_refused
from tiercel.flows.promotion.waiting import end_of_promotion, require_word
from tiercel.flows.promotion.ways_back import after_ways_back
from tiercel.flows.release.preparation import PreparedCommit, prepare
from tiercel.flows.release.provenance import countersign, require_provenance
from tiercel.flows.release.results import Released
from tiercel.flows.release.services import release_all
from tiercel.tasks.aws.objects import copy_package
from tiercel.tasks.aws.signing import SigningKey, read_signing_key
from tiercel.tasks.records.artifacts import find_artifact, write_manifest
from tiercel.tasks.records.provenance import find_provenance

_HALF_WAY = "this stack stays as it is; stacks that it depends on may have been released"


@lifecycle_flow("promote-to-prod", "promote", PROD)
async def promote_to_prod(
    repository: RepositoryParameter, commit: RevisionParameter
) -> dict[str, Released]:
    """Release to Prod what Preprod verified for the same source, tag it and announce it.

    Where Prod demands approvals it is planned, shown, and waits for somebody's word: this run ends,
    in the state Waiting, and another one goes on once the word has come.

    Args:
        repository: On GitHub, as `owner/name`. The worker's tiercel.toml has to allow it.
        commit: A commit of Prod's branch, by its id, or the branch for its newest commit.
    """
    prepared = await prepare(repository, commit, PROD)
    version = await decide_version(prepared)
    async with after_ways_back(prepared):
        return await _promoted(prepared, version)


async def _promoted(prepared: PreparedCommit, version: str | None) -> dict[str, Released]:
    await require_not_refused(prepared)
    verified = await require_all_verified(prepared)
    gates = await first_gates(prepared, verified)
    manifests = await _all_pulled(prepared, verified)
    approved = await require_word(prepared, manifests, gates)
    opened = replace(prepared, opened=approved.opened)
    again = partial(require_gates, opened, verified, _HALF_WAY)
    gated = replace(opened, gate=approved.gate(opened, again))
    async with telling_what_is_live(prepared.topology, prepared.target):
        released = await release_all(gated, manifests, verified)
    if version:
        await announce(opened, version, released)
    await end_of_promotion(prepared, approved)
    return released


async def _all_pulled(
    prepared: PreparedCommit, verified: Mapping[str, Release]
) -> dict[str, Manifest]:
    """Copy every service's artifact, all at once."""
    services = prepared.topology.services.values()
    pulled = await all_done(_pulled(prepared, one, verified[one.name]) for one in services)
    return dict(zip(verified, pulled, strict=True))


async def _pulled(prepared: PreparedCommit, service: Service, verified: Release) -> Manifest:
    """Have an artifact in Prod's InfrastructureAccount; it is copied where it is not there yet."""
    source, target = prepared.source, prepared.target.names.environment.name
    own, tree = prepared.target.records, prepared.trees[service.name]
    (pulled, known), key = await both(
        both(
            call(find_artifact, own, tree),
            call(find_provenance, own, tree),
        ),
        call(read_signing_key, own.access, prepared.target.names.signing_key_arn),
    )
    require_pulled(pulled, verified, source.environment.name, target)
    if pulled and provenance_key(pulled, key.arn) in known:
        get_run_logger().info("%s: pulled already", service.name)
        return pulled
    async with in_group("pull", service.name):
        written = await _copied(prepared, tree, verified, key, known)
    # Another run may have been faster.
    require_pulled(written, verified, source.environment.name, target)
    return written


async def _copied(
    prepared: PreparedCommit,
    tree: SourceTree,
    verified: Release,
    key: SigningKey,
    known: list[str],
) -> Manifest:
    """Copy an artifact, each digest and the signature checked.

    Prod's own key signs it there, before the manifest is written.
    """
    source, target = prepared.source, prepared.target.names.environment.name
    theirs, own = prepared.source_records, prepared.target.records
    found = await call(find_artifact, theirs, tree)
    manifest = require_promoted(found, verified, source.environment.name, target)
    provenance = await require_provenance(theirs.access, source, manifest)
    async with in_group("copy", manifest.service, at_once=True):
        copied = await each(
            manifest.objects,
            lambda package: call(
                copy_package, theirs.access, theirs.bucket, own.access, own.bucket, package
            ),
        )
    verb = f"pulled from {source.environment.name}"
    get_run_logger().info("%s: %s", manifest.service, moved_words(sum(copied), len(copied), verb))
    await countersign(prepared, manifest, key, known, provenance)
    return await call(write_manifest, own, manifest)
