"""What the command itself has to say of a failure, beside what flows say of theirs."""

from __future__ import annotations

from pathlib import Path

from tiercel.domain.base.errors import (
    InterruptedRunError,
    TiercelError,
    UnreachableError,
)

CANCELLED = "run.cancelled_with_its_job"
"""The code of a job that was cancelled while it followed a run."""


def defect(error: BaseException) -> TiercelError:
    """Return the error for what nobody foresaw in this process."""
    return TiercelError(
        "tiercel.defect",
        "Tiercel itself failed: this is a defect",
        why=f"{type(error).__name__}: {error}",
        remedy="run it again with TIERCEL_DEBUG=1 and report what it prints",
    )


def interrupted() -> InterruptedRunError:
    """Return the error for Ctrl-C or SIGTERM while something ran in this process."""
    return InterruptedRunError(
        "run.interrupted",
        "interrupted",
        state="AWS may still be at work",
        remedy="run it again to go on",
    )


def nothing_started() -> InterruptedRunError:
    """Return the error for Ctrl-C before a run was started."""
    return InterruptedRunError(
        "run.not_started", "interrupted", state="no run was started", remedy="repeat it"
    )


def left_alone(run_id: object) -> InterruptedRunError:
    """Return the error for Ctrl-C while a run of a worker was followed."""
    return InterruptedRunError(
        "run.left_alone",
        "you stopped following the run",
        where=f"run {run_id}",
        state="the run goes on",
        remedy=_how_to_go_on(run_id),
    )


def cancelled_with_its_job(link: str) -> InterruptedRunError:
    """Return the error for a job of a workflow that was cancelled while it followed a run."""
    return InterruptedRunError(
        "run.cancelled_with_its_job",
        "the job was cancelled, and the run with it",
        where=link,
        state="AWS goes on with what it was told",
        remedy="run the job again: the flow goes on where this run stopped",
    )


def lost_sight(error: UnreachableError, run_id: object) -> UnreachableError:
    """Return the error for a server that went away while a worker's run was followed."""
    return UnreachableError(
        "run.lost_sight",
        error.what,
        where=error.where,
        why=error.why,
        # The worker works on, as far as anybody can tell from here.
        state="the run goes on",
        remedy=_how_to_go_on(run_id),
    )


def lost_report(error: UnreachableError, state: str, link: str) -> UnreachableError:
    """Return the error for a server that went away after the run that was followed had ended."""
    return UnreachableError(
        "run.lost_report",
        error.what,
        where=error.where,
        why=error.why,
        state=f"the run has ended: {state}",
        remedy=f"see what it reported at {link} when the server answers again",
    )


def lost_server(error: UnreachableError) -> UnreachableError:
    """Return the error for a server that went away while a flow ran in this process."""
    return UnreachableError(
        "run.lost_server",
        error.what,
        where=error.where,
        why=error.why,
        state="what the run began may be open: AWS goes on with what it was told, and the ledger "
        "has what was written down",
        remedy="see `tiercel status`, mind that the Prefect server runs, then run it again: it "
        "goes on where this run stopped",
    )


def crashed(link: str, message: str) -> UnreachableError:
    """Return the error of a run whose process ended without a word."""
    return UnreachableError(
        "run.crashed",
        "the run crashed",
        where=link,
        why=message,
        state="AWS goes on with what it was told",
        remedy="look at the worker, then run it again: it goes on where this run stopped",
    )


def unforeseen(link: str, message: str) -> TiercelError:
    """Return the error of a run that failed and has not said how."""
    return TiercelError(
        "run.unforeseen",
        "the run failed in a way that nobody foresaw",
        where=link,
        why=message,
        remedy="see its log",
    )


def sandbox_not_running(state: Path) -> UnreachableError:
    """Return the error for a command that needs the sandbox."""
    return UnreachableError(
        "sandbox.not_running",
        "the sandbox is not running",
        where=str(state),
        state="nothing was called",
        remedy="start it with `tiercel sandbox up`",
    )


def not_in_sandbox(profile: str, state: Path) -> UnreachableError:
    """Return the error for an environment whose accounts the sandbox was not filled with."""
    return UnreachableError(
        "sandbox.no_accounts",
        f"the sandbox has no accounts of {profile}",
        where=str(state),
        why="it was filled with those of another configuration",
        state="nothing was called",
        remedy="fill it with those of yours: `tiercel sandbox up --config FILE`",
    )


def _how_to_go_on(run_id: object) -> str:
    return (
        f"follow it with `prefect flow-run watch {run_id}`, "
        f"end it with `prefect flow-run cancel {run_id}`"
    )
