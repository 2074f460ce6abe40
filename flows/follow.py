"""follow_github: what an event that got lost would have started is started."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import replace

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.utilities.urls import url_for

from tiercel.domain.base.errors import TiercelError, combined
from tiercel.domain.ephemeral.environments import EphemeralRecord
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.topology import Topology
from tiercel.domain.pages.following_page import FollowedRun, following_page
from tiercel.domain.triggers.following import (
    RepositoryState,
    followed_repositories,
    missing_of,
)
from tiercel.domain.triggers.triggered_runs import FOLLOWED, AttemptStatus, WantedRun
from tiercel.flows.engine.artifacts import show_page
from tiercel.flows.engine.concurrency import call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.naming import tag_flow_run
from tiercel.flows.engine.parameters import EnvironmentParameter
from tiercel.flows.engine.wanted_runs import attempt_status, joined_or_started, standing_run
from tiercel.flows.promotion.due_promotions import due_promotions, is_open_by_now
from tiercel.flows.release.back_merges import keep_back_merge
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.github.pull_requests import open_pull_requests
from tiercel.tasks.github.transport.credentials import has_credentials
from tiercel.tasks.records.ephemeral import read_environments
from tiercel.tasks.source.fetch import Heads, read_heads
from tiercel.tasks.source.services import load_topology
from tiercel.tasks.source.topology_file import config_path


@lifecycle_flow("follow-github", "follow")
async def follow_github(environment: EnvironmentParameter) -> list[str]:
    """Compare what GitHub has with the runs that there are, and start what is missing.

    A promotion that waits is gone on with once the word on it has come and every gate is open, and
    ended if the word will not come.

    A run that failed is made once more; after that it is only shown. Returns the names of the runs
    that were started.

    Args:
        environment: Whose branch; of the one that verifies also pull requests, candidates, merge
            queues and environments on demand, of production those that are merged into it.
    """
    topology = await call(load_topology, config_path())
    topology.environment(environment)
    await tag_flow_run(environment)
    repositories, patterns = followed_repositories(topology)
    found: list[FollowedRun] = []
    errors: list[TiercelError] = []
    on_demand = await _environments_on_demand(topology, environment)
    back_merges: list[str] = []
    for repository in repositories:
        try:
            heads = await call(read_heads, topology.current_name(repository), topology)
            back_merges += await _back_merges(topology, environment, heads)
            for wanted in await _wanted(topology, environment, heads, on_demand):
                found += await _tried(_gone_on_with(topology, wanted), errors)
        except TiercelError as error:
            get_run_logger().warning("%s cannot be followed: %s", repository, error.what)
            errors.append(error)
    try:
        due, unknown = await due_promotions(topology, environment)
        errors += unknown
        for wanted in due:
            found += await _tried(_followed(wanted), errors)
    except TiercelError as error:
        get_run_logger().warning("what waits for a word is not known: %s", error.what)
        errors.append(error)
    told = [f"{error.where}: {error.what}" for error in errors]
    text = following_page(environment, found, patterns, told, back_merges)
    await show_page(f"follow-{environment}", f"What GitHub calls for in {environment}", text)
    if errors:
        raise combined(errors)
    return [one.wanted.deployment for one in found if one.is_new]


async def _environments_on_demand(topology: Topology, environment: str) -> list[EphemeralRecord]:
    """Return those that there may be stacks of, in the environment that hosts them."""
    if not topology.hosts_on_demand(environment):
        return []
    records = ReleaseTarget.of(topology, environment).records
    found = await call(read_environments, records)
    for one in found.unreadable:
        get_run_logger().warning("%s is not followed: %s", one.name, one.failure.what)
    return found.active


async def _back_merges(topology: Topology, environment: str, heads: Heads) -> list[str]:
    """See to what develop lacks of production; return what is open."""
    into = topology.environment(environment)
    head = heads.commit(into.branch)
    if not into.production or head is None or not has_credentials():
        return []
    told = await keep_back_merge(topology, into, head)
    return [told] if told else []


async def _wanted(
    topology: Topology, environment: str, heads: Heads, on_demand: Iterable[EphemeralRecord]
) -> list[WantedRun]:
    name = heads.repository
    into = topology.environment(environment)
    looks = into.production or environment == topology.verifying.name
    pulls: list[PullRequest] | None = None
    if looks and has_credentials():
        pulls = await call(open_pull_requests, name)
    state = RepositoryState(
        repository=name,
        heads=heads.commits,
        merged=heads.merged,
        pulls=None if pulls is None else tuple(pulls),
        environments=tuple(
            one for one in on_demand if topology.current_name(one.repository) == name
        ),
    )
    return missing_of(topology, environment, state)


async def _tried(followed: Awaitable[FollowedRun], errors: list[TiercelError]) -> list[FollowedRun]:
    """Return the run; one that cannot be had is told among the errors, and keeps back no other."""
    try:
        return [await followed]
    except TiercelError as error:
        get_run_logger().warning("a run cannot be had: %s", error.what)
        errors.append(error)
        return []


async def _gone_on_with(topology: Topology, wanted: WantedRun) -> FollowedRun:
    """Join or make the run; a promotion that waited for its gates goes on once they allow."""
    found = await _followed(wanted)
    if found.is_new or found.status is not AttemptStatus.WAITING:
        return found
    if await is_open_by_now(topology, wanted):
        return await _followed(replace(wanted, goes_on=True))
    return found


async def _followed(wanted: WantedRun) -> FollowedRun:
    async with get_client() as client:
        run, was_there = await joined_or_started(client, wanted, FOLLOWED)
        run = await standing_run(client, wanted, run)
    if not was_there:
        get_run_logger().info("%s: %s is started", wanted.deployment, run.name)
    return FollowedRun(wanted, attempt_status(run), not was_there, _link(run))


def _link(run: FlowRun) -> str:
    return url_for(run) or ""
