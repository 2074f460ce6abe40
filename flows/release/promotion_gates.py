"""The gates of a promotion: asked before anything is planned, and again before it is executed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from prefect import get_run_logger

from tiercel.domain.base.git_names import short_commit
from tiercel.domain.drift.report import DriftReport
from tiercel.domain.gates.drift import DriftGate
from tiercel.domain.gates.holds import HoldGate
from tiercel.domain.gates.results import Decision, judged, require_open, worst
from tiercel.domain.gates.verification import CheckGate, SoakGate
from tiercel.domain.gates.windows import WindowGate
from tiercel.domain.gitflow.branches import is_hotfix
from tiercel.domain.gitflow.pull_requests import bringing_branch
from tiercel.domain.pages.gates_page import gates_page
from tiercel.domain.release.ledger import Release
from tiercel.flows.engine.artifacts import show_page
from tiercel.flows.engine.concurrency import call
from tiercel.flows.release.preparation import PreparedCommit
from tiercel.tasks.github.client import has_credentials
from tiercel.tasks.github.pull_requests import pulls_of_commit
from tiercel.tasks.github.statuses import read_checks
from tiercel.tasks.records.drift import read_drift
from tiercel.tasks.records.holds import read_hold


async def require_gates(
    prepared: PreparedCommit, verified: Mapping[str, Release], *, state: str = ""
) -> None:
    """Ask every gate now; RefusedInputError unless all allow.

    `verified` are the releases that verified each service. What gates say is shown the first time,
    and when one is closed later: then `state` is how things stand.
    """
    environment, commit = prepared.target.names.environment, prepared.commit
    settings = environment.gates
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
    results = judged(gates, datetime.now(UTC))
    for one in results:
        if one.decision is not Decision.ALLOW:
            get_run_logger().warning("gate %s: %s: %s", one.gate, one.words, one.reason)
    if not state or worst(results) is not Decision.ALLOW:
        text = gates_page(environment.name, short_commit(commit.sha), results)
        await show_page(f"gates-{environment.name}", f"Gates of {environment.name}", text)
    require_open(results, environment.name, state or f"nothing was changed in {environment.name}")


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
