"""`tiercel metrics`: DORA's four figures of an environment, by service and in all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.releases import end_unless_all_is_shown
from tiercel.cli.terminal.settings import Settings, shared
from tiercel.domain.base.errors import TiercelError

if TYPE_CHECKING:
    from tiercel.cli.terminal.output import Output
    from tiercel.domain.release.ledger import Release
    from tiercel.domain.release.metrics import Figures

_NEWEST = 1000
_HEADER = (
    "service",
    "deployments",
    "a week",
    "lead time",
    "failed",
    "change failure rate",
    "time to restore",
)


@shared(Settings)
def metrics(
    environment: Annotated[str, typer.Argument(help="The environment.")] = "prod",
    *,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Up to now, since when.")] = 90,
    settings: Settings,
) -> None:
    """Show deployment frequency, lead time, change failure rate and time to restore."""
    from tiercel.domain.release.entries import readable_of, unreadable_of
    from tiercel.domain.release.metrics import DEFINITIONS, figures
    from tiercel.tasks.records.ledger import read_newest_entries

    output, names = settings.output, settings.names(environment)
    records = settings.target(names).records
    _, entries = read_newest_entries.fn(
        records, _NEWEST, lambda stack: stack.startswith(names.stack_prefix)
    )
    own, end = readable_of(entries), datetime.now(UTC)
    begin = end - timedelta(days=days)
    found = figures(own, _commit_times(output, own, begin), begin, end)
    output.document(
        "metrics",
        {
            "environment": environment,
            "from": begin.isoformat(),
            "to": end.isoformat(),
            "figures": [one.model_dump(mode="json") for one in found],
            "definitions": dict(DEFINITIONS),
        },
    )
    if not settings.as_json:
        output.table(f"{environment}, {days} days", _HEADER, [_row(one) for one in found])
        for name, definition in DEFINITIONS.items():
            output.result(f"{name}: {definition}")
    end_unless_all_is_shown(output, unreadable_of(entries))


def _commit_times(
    output: Output, releases: Sequence[Release], begin: datetime
) -> dict[tuple[str, str], list[datetime]]:
    """Return when the commits were made that each release since then brought.

    Each repository is fetched once; one that is out of reach is named, its commits are left out.
    """
    from tiercel.domain.release.metrics import brought_by
    from tiercel.tasks.source.fetch import fetch_commit
    from tiercel.tasks.source.history import commit_times

    by_repository: dict[str, list[tuple[str, str]]] = {}
    for (repository, commit), before in brought_by(releases, begin):
        by_repository.setdefault(repository, []).append((commit, before))
    found: dict[tuple[str, str], list[datetime]] = {}
    for repository, changes in by_repository.items():
        try:
            newest = fetch_commit.fn(repository, changes[-1][0], "")
            for commit, before in changes:
                brought = commit_times.fn(newest.model_copy(update={"sha": commit}), before)
                found[repository, commit] = brought
        except TiercelError as error:
            output.error_note(error)
    return found


def _row(one: Figures) -> tuple[str, ...]:
    rate = one.change_failure_rate
    return (
        one.subject,
        str(one.deployments),
        f"{one.deployments_per_week:g}",
        _hours(one.lead_time_hours),
        str(one.failed),
        "" if rate is None else f"{rate:.0%}",
        _hours(one.time_to_restore_hours),
    )


def _hours(hours: float | None) -> str:
    if hours is None:
        return ""
    return f"{hours / 24:.1f} d" if hours >= 48 else f"{hours:.1f} h"
