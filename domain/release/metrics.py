"""DORA's four figures, from the ledger of an environment and the commits that its releases brought.

https://dora.dev/guides/dora-metrics-four-keys/ says what they are for; `DEFINITIONS` says what is
counted here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from statistics import median

from tiercel.domain.base.values import Frozen
from tiercel.domain.release.ledger import Purpose, Release, ReleaseStatus

DEFINITIONS: Mapping[str, str] = {
    "deployment frequency": "releases of a commit that a stack came to run, a week; in all, the "
    "releases of one commit count once",
    "lead time": "from a commit's committer date to the end of the first such release that has it, "
    "the median over all commits but merges that the release before did not have",
    "change failure rate": "the share of these releases whose smoke test failed, that were rolled "
    "back to another one, or that somebody has rejected; what CloudFormation rolled back itself "
    "was never run",
    "time to restore": "from the end of a failed one to the end of the next release of the stack "
    "that succeeded, the median over those that were followed by one",
}
EVERYTHING = "all"
_OF_A_COMMIT = (Purpose.DEPLOY, Purpose.PROMOTION)
_HOUR = 3600.0
_WEEK = 7 * 24 * _HOUR

ReleasedCommit = tuple[str, str]
"""A repository and a commit of it."""


class Figures(Frozen):
    """The four figures of one service, or of all; hours, and None where there is nothing to say."""

    subject: str
    deployments: int
    deployments_per_week: float
    commits: int
    lead_time_hours: float | None
    failed: int
    change_failure_rate: float | None
    restored: int
    time_to_restore_hours: float | None


class _Deployment(Frozen):
    """A release of a commit that its stack came to run."""

    service: str
    change: tuple[str, str]
    at: datetime
    failed: bool
    restored_at: datetime | None


def brought_by(
    releases: Iterable[Release], begin: datetime | None = None
) -> list[tuple[ReleasedCommit, str]]:
    """Return each commit that was released, oldest first, and the one before it of its repository.

    The first one is left out, because what it brought is not known, and so is what was released
    before `begin`.
    """
    newest: dict[str, str] = {}
    before: dict[ReleasedCommit, str] = {}
    found: dict[ReleasedCommit, str] = {}
    for one in sorted(filter(_is_deployment, releases), key=_ended):
        repository, commit = change = _change_of(one)
        known = before.setdefault(change, newest.get(repository, ""))
        if known and (begin is None or _ended(one) >= begin):
            found.setdefault(change, known)
        newest[repository] = commit
    return list(found.items())


def figures(
    releases: Sequence[Release],
    commit_times: Mapping[ReleasedCommit, Sequence[datetime]],
    begin: datetime,
    end: datetime,
) -> list[Figures]:
    """Return the figures of all, then of each service by its name, from `begin` up to `end`.

    `releases` are those that the ledger has, `commit_times` when the commits were made that a
    released commit brought.
    """
    by_stack: dict[str, list[Release]] = {}
    for one in sorted(releases, key=lambda one: one.intent.number):
        by_stack.setdefault(one.intent.stack, []).append(one)
    made = [one for history in by_stack.values() for one in _deployments(history)]
    services = sorted({one.service for one in made})
    weeks = (end - begin).total_seconds() / _WEEK
    groups = {
        EVERYTHING: _together(made),
        **{name: [one for one in made if one.service == name] for name in services},
    }
    return [
        _figures(subject, _first_within(group, begin, end), commit_times, weeks)
        for subject, group in groups.items()
    ]


def _is_deployment(release: Release) -> bool:
    outcome = release.outcome
    return bool(outcome and outcome.deployed) and release.intent.purpose in _OF_A_COMMIT


def _change_of(release: Release) -> ReleasedCommit:
    return release.intent.repository, release.intent.commit


def _ended(release: Release) -> datetime:
    return release.outcome.at if release.outcome else release.intent.at


def _deployments(history: Sequence[Release]) -> list[_Deployment]:
    """Return the deployments of one stack, whose history is given, oldest first."""
    ran = [one for one in history if one.outcome and one.outcome.deployed]
    found = []
    for position, one in enumerate(ran):
        if not _is_deployment(one):
            continue
        later = ran[position + 1 :]
        rolled_back = bool(later) and _goes_back_from(later[0], one)
        failed = one.status is ReleaseStatus.FAILED or rolled_back or one.rejection is not None
        good = next((each for each in later if each.status is ReleaseStatus.SUCCEEDED), None)
        found.append(
            _Deployment(
                service=one.intent.service,
                change=_change_of(one),
                at=_ended(one),
                failed=failed,
                restored_at=_ended(good) if failed and good else None,
            )
        )
    return found


def _goes_back_from(later: Release, one: Release) -> bool:
    """Tell whether a rollback left a release; one to itself only brought back what had drifted."""
    intent = later.intent
    return intent.purpose is Purpose.ROLLBACK and intent.restores != one.intent.number


def _together(made: Iterable[_Deployment]) -> list[_Deployment]:
    """Return one deployment for each commit: failed if one is, restored when the last one is."""
    groups: dict[ReleasedCommit, list[_Deployment]] = {}
    for one in sorted(made, key=lambda one: one.at):
        groups.setdefault(one.change, []).append(one)
    found = []
    for change, group in groups.items():
        failed = [one for one in group if one.failed]
        restored = [one.restored_at for one in failed if one.restored_at]
        whole = bool(failed) and len(restored) == len(failed)
        found.append(
            _Deployment(
                service=EVERYTHING,
                change=change,
                at=failed[0].at if failed else group[-1].at,
                failed=bool(failed),
                restored_at=max(restored) if whole else None,
            )
        )
    return found


def _first_within(made: Iterable[_Deployment], begin: datetime, end: datetime) -> list[_Deployment]:
    return [one for one in sorted(made, key=lambda one: one.at) if begin <= one.at < end]


def _figures(
    subject: str,
    made: Sequence[_Deployment],
    commit_times: Mapping[ReleasedCommit, Sequence[datetime]],
    weeks: float,
) -> Figures:
    first = {one.change: one.at for one in reversed(made)}
    leads = [
        (at - made_at).total_seconds() / _HOUR
        for change, at in first.items()
        for made_at in commit_times.get(change, ())
    ]
    failed = [one for one in made if one.failed]
    restores = [
        (one.restored_at - one.at).total_seconds() / _HOUR for one in failed if one.restored_at
    ]
    return Figures(
        subject=subject,
        deployments=len(made),
        deployments_per_week=round(len(made) / weeks, 2) if weeks else 0.0,
        commits=len(leads),
        lead_time_hours=_median(leads),
        failed=len(failed),
        change_failure_rate=round(len(failed) / len(made), 4) if made else None,
        restored=len(restores),
        time_to_restore_hours=_median(restores),
    )


def _median(hours: Sequence[float]) -> float | None:
    return round(median(hours), 2) if hours else None
