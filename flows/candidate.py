"""verify_candidate: what a hotfix or a release branch brings is verified before it is promoted."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from prefect import get_run_logger

from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.organization.topology import PREPROD
from tiercel.domain.release.candidates import require_not_rejected
from tiercel.domain.release.ledger import Release
from tiercel.domain.review.statuses import StatusState
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.parameters import RepositoryParameter, RevisionParameter
from tiercel.flows.ephemeral.candidates import on_demand_for, try_on_demand
from tiercel.flows.promotion.candidates import put_all_back, try_in_place, verdicts_on
from tiercel.flows.release.github import say_of_candidate
from tiercel.flows.release.pages import report_candidate
from tiercel.flows.release.preparation import PreparedCommit, prepare_candidate
from tiercel.flows.release.publication import publish_all
from tiercel.flows.release.results import Released, VerifiedService


@lifecycle_flow("verify-candidate", "verify candidate", PREPROD)
async def verify_candidate(
    repository: RepositoryParameter, commit: RevisionParameter
) -> dict[str, VerifiedService]:
    """Verify in Preprod what a hotfix or release branch brings, so that it can be promoted.

    Args:
        repository: On GitHub, as `owner/name`. The worker's tiercel.toml has to allow it.
        commit: A commit of a hotfix or release branch or of Prod's branch, or one of the branches.
    """
    prepared = await prepare_candidate(repository, commit)
    await say_of_candidate(prepared, StatusState.PENDING, "being verified as a candidate")
    try:
        verified = await _verified(prepared)
    except TiercelError as error:
        await say_of_candidate(prepared, StatusState.FAILURE, error.what)
        raise
    await say_of_candidate(prepared, StatusState.SUCCESS, _verdict(prepared, verified))
    await report_candidate(prepared, verified)
    return verified


async def _verified(prepared: PreparedCommit) -> dict[str, VerifiedService]:
    """Return the release that verified each service, trying those that none has verified."""
    published = await publish_all(prepared)
    target, commit = prepared.target, prepared.commit
    verdicts = await verdicts_on(prepared, target.names, target.records)
    rejected = [name for name, one in verdicts.items() if one.rejected]
    require_not_rejected(rejected, commit.repository, short_commit(commit.sha))
    known: dict[str, Release] = {
        name: verdict.release for name, verdict in verdicts.items() if verdict.release
    }
    due = verdicts.keys() - known.keys()
    if not due:
        get_run_logger().info("every artifact is verified already")
        await put_all_back(prepared)
    manifests = {name: one.manifest for name, one in published.items()}
    tried = await _tried(prepared, manifests, due) if due else {}
    return {
        name: VerifiedService(tried[name].release, tried=True)
        if name in tried
        else VerifiedService(known[name], tried=False)
        for name in prepared.topology.services
    }


async def _tried(
    prepared: PreparedCommit, manifests: Mapping[str, Manifest], due: Collection[str]
) -> dict[str, Released]:
    """Try what is due on stacks of its own where that is possible, else on the environment's."""
    elsewhere = await on_demand_for(prepared, due)
    if elsewhere is None:
        return await try_in_place(prepared, manifests, due)
    await put_all_back(prepared)
    return await try_on_demand(elsewhere, manifests, due)


def _verdict(prepared: PreparedCommit, verified: Mapping[str, VerifiedService]) -> str:
    tried = sum(one.tried for one in verified.values())
    environment = prepared.target.names.environment.name
    return f"verified in {environment}: {tried} as candidates, {len(verified) - tried} before"
