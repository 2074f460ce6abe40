"""The gates of a promotion: asked before anything is planned, and again before it is executed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from prefect import get_run_logger

from tiercel.domain.approvals.overrides import with_opened
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.drift.report import DriftReport
from tiercel.domain.gates.drift import DriftGate
from tiercel.domain.gates.holds import HoldGate
from tiercel.domain.gates.results import (
    Decision,
    GateResult,
    gates_wait,
    judged,
    require_open,
    worst,
)
from tiercel.domain.gates.verification import CheckGate, SoakGate
from tiercel.domain.gates.windows import WindowGate
from tiercel.domain.gitflow.branches import is_hotfix
from tiercel.domain.gitflow.pull_requests import bringing_branch
from tiercel.domain.pages.gates_page import gates_page
from tiercel.domain.release.ledger import Release
from tiercel.domain.release.promotion import require_verified
from tiercel.flows.engine.artifacts import show_page
from tiercel.flows.engine.concurrency import call
from tiercel.flows.promotion.candidates import verdicts_on
from tiercel.flows.release.github import say_waiting
from tiercel.flows.release.preparation import PreparedCommit, prepare
from tiercel.tasks.github.pull_requests import pulls_of_commit
from tiercel.tasks.github.statuses import read_checks
from tiercel.tasks.github.transport.credentials import has_credentials
from tiercel.tasks.records.drift import read_drift
from tiercel.tasks.records.holds import read_hold


async def require_gates(
    prepared: PreparedCommit, verified: Mapping[str, Release], state: str
) -> None:
    """Ask every gate once more; RefusedInputError unless all allow, with how things stand.

    `verified` are the releases that verified each service. What the promotion has as opened is.
    """
    settings = prepared.target.names.environment.gates
    said = await ask_gates(prepared, verified)
    results = with_opened(said, prepared.opened, settings.overridable)
    if worst(results) is not Decision.ALLOW:
        await show_gates(prepared, results)
    require_open(results, prepared.target.names.environment.name, state)


async def first_gates(
    prepared: PreparedCommit, verified: Mapping[str, Release]
) -> tuple[GateResult, ...]:
    """Ask every gate before anything is planned.

    Raises RefusedInputError if nothing is to be planned, WaitingError if it is to be planned later.
    Where somebody's word is needed, a gate that lets wait, or that a word can open, keeps nobody
    from reading the plan and giving it meanwhile.
    """
    results = await ask_gates(prepared, verified)
    await show_gates(prepared, results)
    environment = prepared.target.names.environment
    gates = environment.gates
    passes = {Decision.ALLOW, Decision.WAIT} if gates.approvals else {Decision.ALLOW}
    closed = [
        one for one in results if one.decision not in passes and one.gate not in gates.overridable
    ]
    if worst(closed) is Decision.WAIT:
        error = gates_wait(closed, environment.name)
        await say_waiting(prepared, error.what)
        raise error
    require_open(closed, environment.name, f"nothing was changed in {environment.name}")
    return results


async def gates_now(environment: str, repository: str, commit: str) -> tuple[GateResult, ...]:
    """Return what every gate says of a commit's promotion now, but for that of approvals.

    Raises RefusedInputError for a commit that cannot be promoted at all.
    """
    prepared = await prepare(repository, commit, environment)
    return await ask_gates(prepared, await require_all_verified(prepared))


async def require_all_verified(prepared: PreparedCommit) -> dict[str, Release]:
    """Return the source environment's successful release of each service's source tree."""
    source, commit = prepared.source, prepared.commit
    verdicts = await verdicts_on(prepared, source, prepared.source_records)
    found = {name: verdict.release for name, verdict in verdicts.items()}
    target = prepared.target.names.environment.name
    require_verified(found, commit.repository, commit.sha, source.environment.name, target)
    return {name: release for name, release in found.items() if release}


async def ask_gates(
    prepared: PreparedCommit, verified: Mapping[str, Release]
) -> tuple[GateResult, ...]:
    """Return what every gate says now, but for that of approvals."""
    settings = prepared.target.names.environment.gates
    event = await call(read_hold, prepared.target.records)
    asks = settings.hotfix_passes_hold and event is not None and event.holds
    gates = (
        HoldGate(
            event=event,
            hotfix=asks and await _is_hotfix(prepared),
            hotfix_passes=settings.hotfix_passes_hold,
        ),
        WindowGate(settings=settings),
        SoakGate(
            minutes=settings.soak_minutes,
            verified={
                name: one.outcome.at if one.outcome else one.intent.at
                for name, one in verified.items()
            },
        ),
        CheckGate(required=settings.checks, found=await _checks(prepared)),
        DriftGate(settings=settings, report=await _drift(prepared)),
    )
    return judged(gates, datetime.now(UTC))


async def show_gates(prepared: PreparedCommit, results: Sequence[GateResult]) -> None:
    """Show what every gate says, and log which are closed."""
    environment, commit = prepared.target.names.environment, prepared.commit
    for one in results:
        if one.decision is not Decision.ALLOW:
            get_run_logger().warning("gate %s: %s: %s", one.gate, one.words, one.reason)
    text = gates_page(environment.name, short_commit(commit.sha), results)
    await show_page(f"gates-{environment.name}", f"Gates of {environment.name}", text)


async def _is_hotfix(prepared: PreparedCommit) -> bool:
    """Tell whether GitHub says that a hotfix branch brought the commit."""
    if not has_credentials():
        return False
    commit, branch = prepared.commit, prepared.target.names.environment.branch
    pulls = await call(pulls_of_commit, commit.repository, commit.sha)
    return is_hotfix(bringing_branch(pulls, commit.sha, branch))


async def _drift(prepared: PreparedCommit) -> DriftReport | None:
    """Return what the newest look for drift found, if a look is demanded."""
    target = prepared.target
    if not target.names.environment.gates.drift:
        return None
    return (await call(read_drift, target.records)).report


async def _checks(prepared: PreparedCommit) -> dict[str, str] | None:
    """Return the states of the commit's checks, if any is demanded and GitHub can be asked."""
    if not (prepared.target.names.environment.gates.checks and has_credentials()):
        return None
    return await call(read_checks, prepared.commit.repository, prepared.commit.sha)
