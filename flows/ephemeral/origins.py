"""Who asks for an environment on demand, and the commit that it is made from."""

from __future__ import annotations

from tiercel.domain.ephemeral.asking import (
    NOBODY,
    no_label,
    owner_by_label_of,
    owner_of,
    require_own_branch,
)
from tiercel.domain.ephemeral.environments import OriginKind
from tiercel.domain.ephemeral.origins import Origin, nothing_live
from tiercel.domain.organization.topology import Topology
from tiercel.domain.release.live_export import live_key, newest_commit, not_told
from tiercel.flows.engine.concurrency import call
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.github.pull_requests import read_pull_request
from tiercel.tasks.github.transport.asking import (
    asker_by_deployment,
    asker_by_label,
    asker_by_workflow_run,
)
from tiercel.tasks.records.ledger import read_live_releases
from tiercel.tasks.records.live_export import read_live_export
from tiercel.tasks.source.fetch import fetch_commit
from tiercel.tasks.source.repository import Commit


async def owner_who_asks(repository: str, title: str, deployment: int, workflow_run: int) -> str:
    """Return the login of who asks, empty for a form's nobody.

    Raises RefusedInputError for somebody without write access, as GitHub tells it now.
    """
    asker = NOBODY
    if deployment:
        asker = await call(asker_by_deployment, repository, deployment, title)
    elif workflow_run:
        asker = await call(asker_by_workflow_run, repository, workflow_run)
    return owner_of(asker, repository)


async def owner_by_label(repository: str, number: int, label: str) -> str:
    """Return the login of who gave a pull request its label.

    Raises RefusedInputError if it does not have the label, or has it from somebody without write
    access, as GitHub tells it now, or from nobody who is a person.
    """
    if not number:
        raise no_label(repository, number, label)
    asker = await call(asker_by_label, repository, number, label)
    return owner_by_label_of(asker, repository, label)


async def commit_of(origin: Origin, repository: str, topology: Topology) -> tuple[Commit, str]:
    """Return the commit, and the branch whose newer commits supersede it, empty for none.

    Raises RefusedInputError for a pull request of a fork, before anything is fetched.
    """
    match origin.kind:
        case OriginKind.PULL_REQUEST:
            pull = await call(read_pull_request, repository, int(origin.of))
            require_own_branch(pull)
            branch = pull.head_branch
            return await call(fetch_commit, repository, pull.head_commit, branch), branch
        case OriginKind.LIVE:
            sha = await _live_commit(origin.of, repository, topology)
            return await call(fetch_commit, repository, sha, ""), ""
        case OriginKind.COMMIT:
            return await call(fetch_commit, repository, origin.of, ""), ""
        case OriginKind.BRANCH | OriginKind.CANDIDATE | OriginKind.DRILL:
            return await call(fetch_commit, repository, origin.of, origin.of), origin.of


async def _live_commit(environment: str, repository: str, topology: Topology) -> str:
    """Return the commit that an environment runs.

    Preprod's is in its ledger, which this environment's orchestrator reads. Production, where no
    identity of another environment reads, tells its own.
    """
    if topology.environment(environment).production:
        host = ReleaseTarget.of(topology, topology.verifying.name)
        exported = await call(read_live_export, host.records, environment)
        if exported is None:
            raise not_told(environment, f"s3://{host.records.bucket}/{live_key(environment)}")
        commit = newest_commit(exported, repository)
        if not commit:
            raise nothing_live(environment, repository)
        return commit
    target = ReleaseTarget.of(topology, environment)
    found = await call(read_live_releases, target.records)
    running = [
        one.running.intent
        for one in found
        if one.running
        and one.stack.startswith(target.names.stack_prefix)
        and topology.current_name(one.running.intent.repository) == repository
    ]
    if not running:
        raise nothing_live(environment, repository)
    return max(running, key=lambda intent: intent.at).commit
