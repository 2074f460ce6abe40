"""ephemeral_up: an environment on demand comes up, or is brought to a newer commit."""

from __future__ import annotations

from dataclasses import dataclass

from tiercel.domain.base.errors import RefusedInputError, SupersededError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.ephemeral.contents import needs_of
from tiercel.domain.ephemeral.environments import (
    EphemeralRecord,
    EphemeralWish,
    came_up,
    overtaken_by,
    require_name_of_its_own,
)
from tiercel.domain.ephemeral.origins import origin_of
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import PREPROD
from tiercel.flows.engine.concurrency import call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.naming import tag_flow_run
from tiercel.flows.engine.parameters import (
    AskedByDeploymentParameter,
    AskedByLabelParameter,
    AskedByWorkflowRunParameter,
    HoursParameter,
    LiveOfParameter,
    OnDemandNameParameter,
    OptionalPullRequestParameter,
    OptionalRevisionParameter,
    PurposeParameter,
    RepositoryParameter,
    ServicesParameter,
    StandardModeParameter,
)
from tiercel.flows.ephemeral.coming_up import in_its_place, place_taken, prepared_on_demand
from tiercel.flows.ephemeral.going_down import take_down
from tiercel.flows.ephemeral.origins import commit_of, owner_by_label, owner_who_asks
from tiercel.flows.ephemeral.pages import report_environments
from tiercel.flows.release.github import address_of
from tiercel.flows.release.pages import report_superseded
from tiercel.flows.release.preparation import PreparedCommit, require_repository
from tiercel.flows.release.publication import publish_all
from tiercel.flows.release.results import Released
from tiercel.flows.release.services import release_all
from tiercel.tasks.records.ephemeral import change_environment, read_environment
from tiercel.tasks.source.services import load_topology
from tiercel.tasks.source.topology_file import config_path


@dataclass(frozen=True)
class CameUp:
    """An environment on demand, and what was released to it; nothing if it was superseded."""

    record: EphemeralRecord
    released: dict[str, Released]


@lifecycle_flow("ephemeral-up", "ephemeral up", PREPROD)
async def ephemeral_up(  # noqa: PLR0913, PLR0917 - the fields of the form
    repository: RepositoryParameter,
    commit: OptionalRevisionParameter = "",
    pull_request: OptionalPullRequestParameter = 0,
    live_of: LiveOfParameter = "",
    name: OnDemandNameParameter = "",
    services: ServicesParameter = "",
    hours: HoursParameter = 0,
    purpose: PurposeParameter = "",
    standard_mode: StandardModeParameter = False,  # noqa: FBT002 - a check box of the form
    asked_by_deployment: AskedByDeploymentParameter = 0,
    asked_by_workflow_run: AskedByWorkflowRunParameter = 0,
    asked_by_label: AskedByLabelParameter = False,  # noqa: FBT002 - the same
) -> CameUp:
    """Bring up a named set of stacks in Preprod's RuntimeAccount that goes after a time.

    Args:
        repository: On GitHub, as `owner/name`. The worker's tiercel.toml has to allow it.
        commit: A commit by its id, or a branch, which the environment then follows.
        pull_request: The number of a pull request whose branch is in the repository itself.
        live_of: Preprod or Prod, for the commit that runs there.
        name: What it is called; without it, after what it is made from.
        services: Some services, with a space between them, and all that they depend on. Empty: all.
        hours: How long it lives; 0 for what tiercel.toml says.
        purpose: What it is for, for those who wonder.
        standard_mode: CloudFormation waits for every resource, which takes longer.
        asked_by_deployment: The deployment on GitHub by which somebody asks: it is his then.
        asked_by_workflow_run: The workflow run on GitHub by which somebody asks: it is his then.
        asked_by_label: Whoever gave the pull request the label for it asks: it is his then.
    """
    topology = await call(load_topology, config_path())
    settings = topology.on_demand
    repository = require_repository(repository, topology)
    origin = origin_of(commit, pull_request, live_of)
    name = name or origin.name(repository)
    require_name_of_its_own(name, topology.environments)
    title = Names.ephemeral(topology, name).title
    label = settings.preview_label if asked_by_label else ""
    owner = await (
        owner_by_label(repository, pull_request, label)
        if label
        else owner_who_asks(repository, title, asked_by_deployment, asked_by_workflow_run)
    )
    found, branch = await commit_of(origin, repository, topology)
    await tag_flow_run(PREPROD, repository, title, commit=found.sha)
    wanted = tuple(services.split())
    prepared = await prepared_on_demand(topology, name, found, branch, wanted)
    wish = EphemeralWish(
        name=name,
        owner=owner,
        purpose=purpose,
        origin=origin.kind,
        origin_of=origin.of,
        repository=repository,
        commit=found.sha,
        services=needs_of(prepared.topology.services),
        flow_run=prepared.target.run,
        hours=hours,
        borrows=tuple(prepared.lent),
        label=label,
    )
    record = await place_taken(prepared.target, wish, settings)
    express = settings.express and not standard_mode
    return await _brought_up(in_its_place(prepared, record, express=express), record)


async def _brought_up(prepared: PreparedCommit, record: EphemeralRecord) -> CameUp:
    """Publish and release; what went down meanwhile is taken down once more."""
    published = await publish_all(prepared)
    now = await call(read_environment, prepared.target.records, record.name)
    newer = overtaken_by(now or record, record.flow_run)
    if newer:
        await report_superseded(prepared, f"another run brings it to commit {short_commit(newer)}")
        return CameUp(record, {})
    try:
        manifests = {name: one.manifest for name, one in published.items()}
        released = await release_all(prepared, manifests)
    except SupersededError as error:
        await report_superseded(prepared, error.what)
        return CameUp(record, {})
    target, run = prepared.target, record.flow_run
    address = address_of(prepared, released)
    try:
        record = await call(
            change_environment, target.records, record.name,
            lambda found: came_up(found or record, address, run),
        )  # fmt: skip
    except RefusedInputError:
        await take_down(target, record, express=target.express)
        raise
    await report_environments(target)
    return CameUp(record, released)
