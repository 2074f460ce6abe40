"""How releases look on a terminal and in JSON documents, the same in all commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from tiercel.cli.terminal.output import Output
from tiercel.domain.base.digests import short
from tiercel.domain.base.errors import ExitCode
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.base.text import printable

if TYPE_CHECKING:
    from tiercel.domain.release.entries import Entry, UnreadableEntry
    from tiercel.domain.release.ledger import Release
    from tiercel.domain.release.live import Live, StackSeen
    from tiercel.flows.release.results import Released

_UNREADABLE = "unreadable"
_COLUMNS = ("stack", "release", "status", "since (UTC)", "commit", "artifact", "asked by")
_LEAST = ("artifact", "asked by", "commit", "since (UTC)")
"""What a narrow terminal can do without, the least first."""
_LONGEST_REASON = 120


def show_released(output: Output, released: Mapping[str, Released], title: str) -> None:
    """Print which release of each service is live now."""
    output.document(
        "released",
        {
            name: {
                "stack": result.stack.name,
                "release": result.release.intent.number,
                "changed": result.changed,
                "commit": result.release.intent.commit,
                "digest": result.release.intent.artifact_digest,
                "outputs": result.outputs,
                "smoke_test": result.answer,
            }
            for name, result in released.items()
        },
    )
    if not output.as_json:
        released_table(output, released, title)
        show_outputs(output, {name: result.outputs for name, result in released.items()})


def released_table(output: Output, released: Mapping[str, Released], title: str) -> None:
    """Print which release of each service is live now, a line each."""
    output.table(
        title,
        ("service", "this run", "release", "stack", "status", "commit", "artifact"),
        [
            (
                name,
                "deployed" if result.changed else "unchanged",
                str(result.release.intent.number),
                result.stack.name,
                result.stack.status,
                short_commit(result.release.intent.commit),
                short(result.release.intent.artifact_digest),
            )
            for name, result in released.items()
        ],
        least=("artifact", "commit", "status"),
    )


def show_outputs(output: Output, outputs: Mapping[str, Mapping[str, str]]) -> None:
    """Print what stacks say of themselves, as the page of the same run has it; nothing for none."""
    rows = [
        (service, name, value) for service, own in outputs.items() for name, value in own.items()
    ]
    header = ("service", "output", "value")
    if rows and output.fits(header, rows):
        output.table("Outputs", header, rows)
        return
    if rows:
        output.result("Outputs")
    for service, name, value in rows:
        output.result(f" {service}, {name}:")
        output.result(f"   {value}")


def release_row(release: Release) -> dict[str, object]:
    """Return a release as the JSON documents of all commands have it."""
    intent, outcome = release.intent, release.outcome
    return {
        "stack": intent.stack,
        "release": intent.number,
        "status": release.status.value,
        "service": intent.service,
        "commit": intent.commit,
        "repository": intent.repository,
        "artifact_digest": intent.artifact_digest,
        "at": _ended(release).isoformat(),
        "seconds": outcome.seconds if outcome else None,
        "requested_by": intent.requested_by,
        "message": outcome.message if outcome else "",
        "purpose": intent.purpose.value,
        "restores": intent.restores,
        "branch": intent.branch,
        "verified_in": intent.verified_in.model_dump() if intent.verified_in else None,
        "opened": [one.model_dump(mode="json") for one in intent.opened],
        "rejected": release.rejection.reason if release.rejection else None,
    }


def entry_row(entry: Entry) -> dict[str, object]:
    """Return an entry of the ledger for the JSON documents, also one that cannot be read."""
    from tiercel.domain.release.ledger import Release

    if isinstance(entry, Release):
        return release_row(entry)
    place = {"stack": entry.stack, "release": entry.number, "status": _UNREADABLE}
    return place | {"error": entry.failure.document()}


def live_row(live: Live, seen: StackSeen | None) -> dict[str, object]:
    """Return what is live on a stack, for the JSON document: `now` says whether that is sure."""
    from tiercel.domain.release.live import standing_of

    standing, _ = standing_of(live, seen)
    since = live.open.intent.at.isoformat() if live.open else None
    return entry_row(_shown(live)) | {
        "now": standing.value,
        "open_since": since,
        "unreadable": [entry_row(one) for one in live.unreadable],
    }


def live_table(output: Output, title: str, stacks: Iterable[tuple[Live, StackSeen | None]]) -> None:
    """Print what is live, a stack a line."""
    from tiercel.domain.release.live import standing_of

    rows = [(*_cells(_shown(live)), standing_of(live, seen)[1]) for live, seen in stacks]
    output.table(title, (*_COLUMNS, "now"), rows, _LEAST)


def _shown(live: Live) -> Entry:
    """Return the release that runs; of a stack that has had none yet, the newest."""
    newest: list[Entry] = [*live.later, *live.unreadable]
    return live.running or newest[0]


def end_unless_all_is_shown(output: Output, unreadable: Sequence[UnreadableEntry]) -> None:
    """End the command with an error of its own if entries of the ledger could not be read.

    The JSON document has them already.
    """
    from tiercel.domain.release.entries import unreadable_entries

    if unreadable:
        output.error_note(unreadable_entries(unreadable))
        raise typer.Exit(int(ExitCode.REFUSED))


def detail_rows(release: Release) -> list[tuple[str, str]]:
    """Return what the ledger says of one release, line by line, for people."""
    intent, outcome, rejection = release.intent, release.outcome, release.rejection
    parts: dict[str, object] = {
        "status": release.status.value,
        "rejected": f"{_moment(rejection.at)} UTC by {rejection.by}: {rejection.reason}"
        if rejection
        else "",
        "purpose": intent.purpose.value,
        "restores": intent.restores or "",
        "branch": intent.branch,
        "verified in": intent.verified_in.words if intent.verified_in else "",
        "opened": "; ".join(one.words for one in intent.opened),
        "commit": f"{intent.repository}@{intent.commit}",
        "asked by": f"{intent.requested_by} at {_moment(intent.at)} UTC",
        "run": intent.flow_run_url or intent.flow_run,
        "artifact": intent.artifact_digest,
        "template": intent.template_sha256,
        "parameters": ", ".join(f"{key}={value}" for key, value in intent.parameters.items()),
    }
    if outcome:
        parts |= {
            "plan": outcome.plan_digest,
            "change set": outcome.change_set,
            "ended": f"{_moment(outcome.at)} UTC, after {outcome.seconds:.1f} s",
            "steps": ", ".join(f"{step} {took:.1f} s" for step, took in outcome.durations.items()),
            "smoke test": outcome.smoke_test,
            "traffic": "; ".join(one.line() for one in outcome.traffic),
            "message": outcome.message,
        }
    return [(name, str(value)) for name, value in parts.items() if value]


def release_table(output: Output, title: str, history: Iterable[Entry]) -> None:
    """Print entries of the ledger, one a line, with what each was for, and why it is as it is."""
    rows = [(*_cells(entry), *_reasons(entry)) for entry in history]
    least = ("artifact", "commit", "asked by", "why", "since (UTC)")
    output.table(title, (*_COLUMNS, "what for", "why"), rows, least)


def _cells(release: Entry) -> tuple[str, ...]:
    from tiercel.domain.release.ledger import Release

    if not isinstance(release, Release):
        return release.stack, str(release.number), _UNREADABLE, *[""] * (len(_COLUMNS) - 3)
    return (
        release.intent.stack,
        str(release.intent.number),
        "rejected" if release.rejection else release.status.value,
        _moment(_ended(release)),
        short_commit(release.intent.commit),
        short(release.intent.artifact_digest),
        release.intent.requested_by.rpartition(":")[2].rpartition("/")[2],
    )


def _reasons(entry: Entry) -> tuple[str, str]:
    """Return what a release was for, and what somebody or something said of it, if they did."""
    from tiercel.domain.release.ledger import Release

    if not isinstance(entry, Release):
        return "", entry.failure.what
    intent, outcome, rejection = entry.intent, entry.outcome, entry.rejection
    more = f"to {intent.restores}" if intent.restores else intent.branch and f"of {intent.branch}"
    if rejection:
        why = rejection.reason
    elif outcome and outcome.message:
        why = outcome.failure.what if outcome.failure else outcome.message.splitlines()[0]
    else:
        why = "; ".join(one.reason for one in intent.opened)
    return f"{intent.purpose.value} {more}".strip(), printable(why, _LONGEST_REASON)


def _moment(at: datetime) -> str:
    """Return a time as people read it; whoever shows it says that it is UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _ended(release: Release) -> datetime:
    return release.outcome.at if release.outcome else release.intent.at
