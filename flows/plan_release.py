"""plan_release: what a deploy or a promotion of a commit would do, shown and not done."""

from __future__ import annotations

from tiercel.domain.approvals.plans import PromotionPlan
from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.organization.access import Records
from tiercel.domain.pages.frame import page
from tiercel.domain.pages.markdown import escaped
from tiercel.domain.pages.promotion_page import plan_parts
from tiercel.flows.engine.artifacts import show_page
from tiercel.flows.engine.concurrency import all_done, call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.parameters import (
    EnvironmentParameter,
    RepositoryParameter,
    RevisionParameter,
)
from tiercel.flows.promotion.promotion_plans import plan_promotion_of
from tiercel.flows.release.preparation import PreparedCommit, prepare
from tiercel.tasks.records.artifacts import find_artifact


@lifecycle_flow("plan-release", "plan")
async def plan_release(
    environment: EnvironmentParameter,
    repository: RepositoryParameter,
    commit: RevisionParameter,
) -> PromotionPlan:
    """Show what a deploy or a promotion of a commit would do to each stack of an environment.

    Change sets are made and deleted again; nothing is executed, recorded or pulled. Gates are not
    asked.

    Args:
        environment: Where it would be released.
        repository: On GitHub, as `owner/name`. The worker's tiercel.toml has to allow it.
        commit: A commit of the environment's branch, by its id, or the branch for its newest one.
    """
    prepared = await prepare(repository, commit, environment)
    promotes = prepared.target.names.environment.promotes_from
    records = prepared.source_records if promotes else prepared.target.records
    manifests = await _published_in(prepared, records)
    plan = await plan_promotion_of(prepared, manifests, looking_into=records)
    title = f"Plan of {short_commit(plan.commit)} for {plan.environment}"
    told = page(escaped(title), "Nothing was changed.", *plan_parts(plan))
    await show_page(f"plan-{plan.environment}", title, told)
    return plan


async def _published_in(prepared: PreparedCommit, records: Records) -> dict[str, Manifest]:
    """Return every service's manifest, where it is released from."""
    found = await all_done(call(find_artifact, records, one) for one in prepared.trees.values())
    manifests = dict(zip(prepared.trees, found, strict=True))
    missing = [name for name, manifest in manifests.items() if manifest is None]
    if missing:
        commit = prepared.commit
        raise RefusedInputError(
            "plan.not_published",
            f"nothing can be planned of {', '.join(missing)}: no artifact is published",
            where=f"{commit.shown} in s3://{records.bucket}",
            state="nothing was changed",
            remedy=f"run `tiercel publish {commit.repository} {commit.sha}` first; it deploys "
            "nothing",
        )
    return {name: manifest for name, manifest in manifests.items() if manifest}
