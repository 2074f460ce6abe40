"""`tiercel status`: what is live where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from tiercel.cli.terminal.releases import end_unless_all_is_shown, live_row, live_table
from tiercel.cli.terminal.running.following import unseen_words
from tiercel.cli.terminal.settings import Settings, shared
from tiercel.domain.base.errors import TiercelError, error_from
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.base.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tiercel.cli.terminal.output import Output
    from tiercel.domain.approvals.plans import WaitingPromotion
    from tiercel.domain.base.failure import Failure
    from tiercel.domain.drift.report import DriftReport
    from tiercel.domain.gitflow.pull_requests import PullRequest
    from tiercel.domain.organization.access import Target
    from tiercel.domain.organization.topology import Topology
    from tiercel.domain.release.entries import UnreadableEntry
    from tiercel.domain.release.live import Live, StackSeen

_BACK_MERGES, _HOLDS, _DRIFT = "back_merges", "holds", "drift"
_WAITING, _UNSEEN = "waiting", "unseen_words"
_LONGEST_UNREAD = 300


@shared(Settings)
def status(*, settings: Settings) -> None:
    """Say what is live where, since when and by whom: the release that each stack runs.

    Each stack is looked at: a release that is under way and a change past Tiercel are named. What
    the newest look for drift found is said, too.
    An environment that your credentials do not reach is named; if there is no other, the
    command fails. It fails as well if entries of the ledger, or what else is said of an
    environment, cannot be read: they are marked.
    """
    from tiercel.domain.organization.names import Names

    output, topology = settings.output, settings.topology()
    document: dict[str, object] = {}
    failures: list[TiercelError] = []
    told: dict[str, dict[str, object]] = {}
    unreadable: list[UnreadableEntry] = []
    unread: list[TiercelError] = []
    for environment in topology.environments:
        try:
            target = settings.target(Names.of(topology, environment))
            live, unseen = _live(target)
            notes = _notes(target)
        except TiercelError as error:
            failures.append(error)
            document[environment] = {"error": error.failure.document()}
            continue
        document[environment] = [live_row(*one) for one in live]
        unreadable += [entry for one, _ in live for entry in one.unreadable]
        for note in notes:
            told.setdefault(note.kind, {})[environment] = note.document
            unread += note.unread
        if not settings.as_json:
            _show(output, environment, live, notes, unseen)
    if len(failures) == len(document):
        raise failures[0]
    for failure in failures:
        output.error_note(failure)
    document |= told
    open_ones = _open_back_merges(output, topology)
    if open_ones:
        document[_BACK_MERGES] = [
            one.model_dump(mode="json", include={"repository", "number", "url", "base_branch"})
            for one in open_ones
        ]
    output.document("status", document)
    for one in unread:
        output.error_note(one)
    end_unless_all_is_shown(output, unreadable)
    if unread:
        raise typer.Exit(int(unread[0].exit_code))


@dataclass(frozen=True)
class _Note:
    """What is to be said of an environment besides its stacks: for people, and as a document.

    `unread` tells what of it could not be had.
    """

    kind: str
    words: str
    document: object
    unread: tuple[TiercelError, ...] = ()


def _notes(target: Target) -> list[_Note]:
    """Return who holds the line of an environment that promotes, what waits, and what drifted.

    What cannot be had of that is marked: it hides neither the stacks nor the rest.
    """
    environment = target.names.environment
    found = []
    if environment.promotes_from:
        found += [_had(_HOLDS, _hold, target), _had(_WAITING, _waits, target)]
    unseen = unseen_words(environment.name)
    if unseen:
        found.append(_Note(_UNSEEN, unseen, unseen))
    found.append(_had(_DRIFT, _drift, target))
    return [one for one in found if one]


def _had(kind: str, read: Callable[[Target], _Note | None], target: Target) -> _Note | None:
    """Return a note, or one that says why it cannot be had."""
    try:
        return read(target)
    except TiercelError as error:
        words = _unread_words(f"{kind} of {target.names.environment.name}", error.failure)
        told = {"error": error.failure.document()}
        return _Note(kind, words, [told] if kind == _WAITING else told, (error,))


def _hold(target: Target) -> _Note | None:
    from tiercel.tasks.records.holds import read_hold

    event = read_hold.fn(target.records)
    if event is None or not event.holds:
        return None
    words = f"{target.names.environment.name} is on hold: {event.words}"
    return _Note(_HOLDS, words, event.model_dump(mode="json"))


def _waits(target: Target) -> _Note | None:
    from tiercel.tasks.records.promotion_plans import read_open_waits

    found = read_open_waits.fn(target.records)
    waiting = [one.waiting for one in found.readable]
    words = [_waiting_words(one) for one in waiting]
    told: list[dict[str, object]] = [one.model_dump(mode="json") for one in waiting]
    for one in found.unreadable:
        words.append(_unread_words(f"{_WAITING} of {one.repository}", one.failure))
        told.append({"repository": one.repository, "error": one.failure.document()})
    unread = tuple(error_from(one.failure) for one in found.unreadable)
    return _Note(_WAITING, "\n".join(words), told, unread) if told else None


def _drift(target: Target) -> _Note | None:
    from tiercel.tasks.records.drift import read_drift

    report = read_drift.fn(target.records).report
    return _Note(_DRIFT, _drift_words(report), report.model_dump(mode="json")) if report else None


def _unread_words(what: str, failure: Failure) -> str:
    return printable(f"{what}: {failure.what} ({failure.code})", _LONGEST_UNREAD)


def _drift_words(report: DriftReport) -> str:
    """Say what was found, and where everything stands if that is something."""
    words = f"Drift of {report.environment} at {report.at:%Y-%m-%d %H:%M} UTC: {report.summary()}"
    more = f"; each with its remedy in the artifact drift-{report.environment}"
    return words + ("" if report.is_clean else more)


def _show(
    output: Output,
    environment: str,
    live: list[tuple[Live, StackSeen | None]],
    notes: list[_Note],
    unseen: TiercelError | None,
) -> None:
    live_table(output, f"Live in {environment}", live)
    for one in notes:
        output.result(one.words)
    if unseen:
        output.error_note(unseen)


def _waiting_words(one: WaitingPromotion) -> str:
    """Say what waits, who asked, until when, and what to type."""
    from tiercel.domain.approvals.waiting import how_to_approve

    return (
        f"{one.repository}@{short_commit(one.commit)} waits for a word in {one.environment} until "
        f"{one.expires_at:%Y-%m-%d %H:%M} UTC, asked for by "
        f"{one.asked_by.name or one.asked_by.principal}: {how_to_approve(one)}"
    )


def _open_back_merges(output: Output, topology: Topology) -> list[PullRequest]:
    """Show the pull requests that bring releases back into develop, where GitHub can be asked."""
    named = [one for one in topology.organization.repositories if not one.endswith("/*")]
    places = [
        (repository, one.branch, topology.environment(one.promotes_from).branch)
        for one in topology.environments.values()
        if one.production
        for repository in named
    ]
    if not places:
        return []
    from tiercel.tasks.github.transport.credentials import has_credentials

    if not has_credentials():
        return []
    # PyGithub takes a tenth of a second of a processor to import.
    from tiercel.tasks.engine.retry_budget import one_try
    from tiercel.tasks.github.pull_requests import find_open_pull_request

    try:
        with one_try():
            found = [find_open_pull_request.fn(*place) for place in places]
    except TiercelError as error:
        output.error_note(error)
        return []
    open_ones = [one for one in found if one]
    if open_ones and not output.as_json:
        rows = [(one.repository, f"#{one.number}", one.base_branch, one.url) for one in open_ones]
        output.table("Open back-merges", ("repository", "pull request", "into", "where"), rows)
    return open_ones


def _live(target: Target) -> tuple[list[tuple[Live, StackSeen | None]], TiercelError | None]:
    """Return the stacks that run or may run a release, and what AWS says of each.

    It is None for all of them if they cannot be looked at: then the reason is returned too.
    """
    from tiercel.tasks.records.ledger import read_live_releases
    from tiercel.tasks.stack.stacks import look_at_stacks

    found = read_live_releases.fn(target.records)
    own = [one for one in found if one.stack.startswith(target.names.stack_prefix)]
    live = [one for one in own if one.running or one.open or one.unreadable]
    if not live:
        return [], None
    try:
        seen = look_at_stacks.fn(target.auditor, [one.stack for one in live])
    except TiercelError as error:
        return [(one, None) for one in live], error
    return list(zip(live, seen, strict=True)), None
