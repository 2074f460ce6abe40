"""The board: what runs in which environment, side by side, on one page with one address.

Each environment tells its part as data, which comes back from Prefect: whoever may call its API can
write there, so all of it is text from the outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, ValidationError

from tiercel.domain.base.values import Frozen
from tiercel.domain.organization.names import Names
from tiercel.domain.pages.frame import page
from tiercel.domain.pages.links import Links
from tiercel.domain.pages.markdown import escaped, table
from tiercel.domain.release.ledger import Release, ReleaseStatus, is_candidate
from tiercel.domain.release.live import Live, open_since, unreadable_words

BOARD = "board"
"""The key of the page, by which Prefect shows the newest."""
BOARD_PART = f"{BOARD}-"
"""What the keys of the environments' parts begin with."""


def _in_utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_in_utc)]
"""In UTC. OverflowError for one that has no year there."""


class BoardLine(Frozen):
    """What one service runs: a release without number has never ended well."""

    service: str
    number: int = 0
    repository: str = ""
    commit: str = ""
    digest: str = ""
    since: Moment | None = None
    doubt: str = ""
    """What is not as it should be, in words; empty if nothing."""


class BoardPart(Frozen):
    """What one environment runs, as its ledger had it at that moment."""

    environment: str
    production: bool
    at: Moment
    lines: tuple[BoardLine, ...]


def board_part(names: Names, live: Iterable[Live], at: datetime) -> BoardPart:
    """Return what an environment tells the board."""
    lines = (
        _line(one.running or one.open, one, names)
        for one in live
        if one.running or one.open or one.unreadable
    )
    environment = names.environment
    return BoardPart(
        environment=environment.name,
        production=environment.production,
        at=at,
        lines=tuple(lines),
    )


def board_part_in(document: object) -> BoardPart | None:
    """Return the part that a document, as JSON text, tells of; None if it is none."""
    if not isinstance(document, str):
        return None
    try:
        return BoardPart.model_validate_json(document)
    except (ValidationError, OverflowError):
        return None


def board_page(parts: Sequence[BoardPart], links: Links, address_of: Callable[[str], str]) -> str:
    """Return what runs where, production last.

    `address_of` has the page of what is live in an environment, empty where there is none.
    """
    columns = sorted(parts, key=lambda one: (one.production, one.environment))
    known = [{line.service: line for line in part.lines} for part in columns]
    services = sorted({name for lines in known for name in lines})
    heads = [_linked(part.environment, address_of(part.environment)) for part in columns]
    compared = ["same"] if len(columns) > 1 else []
    rows = [
        [
            escaped(service),
            *(_cell(lines.get(service), links) for lines in known),
            *([_comparison([lines.get(service) for lines in known])] if compared else []),
        ]
        for service in services
    ]
    return page(
        "What runs where",
        table(["service", *heads, *compared], rows) if rows else "Nothing is deployed yet.",
        *(f"{escaped(part.environment)}: as of {_moment(part.at)} UTC." for part in columns),
        "As the ledgers have it. What has a Prefect server of its own stands on that one.",
    )


def _line(shown: Release | None, live: Live, names: Names) -> BoardLine:
    if shown is None:
        service = live.stack.removeprefix(names.stack_prefix)
        return BoardLine(service=service, doubt=unreadable_words(live.unreadable))
    intent, outcome = shown.intent, shown.outcome
    return BoardLine(
        service=intent.service,
        number=intent.number,
        repository=intent.repository,
        commit=intent.commit,
        digest=intent.artifact_digest,
        since=outcome.at if outcome else intent.at,
        doubt=", ".join(_doubts(shown, live)),
    )


def _doubts(shown: Release, live: Live) -> list[str]:
    failed = ["its smoke test failed"] if shown.status is ReleaseStatus.FAILED else []
    candidate = [f"a candidate of {shown.intent.branch}"] if is_candidate(shown.intent) else []
    newer = [open_since(live.open)] if live.open else []
    unreadable = [unreadable_words(live.unreadable)] if live.unreadable else []
    return [*failed, *candidate, *(unreadable or newer)]


def _cell(line: BoardLine | None, links: Links) -> str:
    if line is None:
        return ""
    doubt = f"**{escaped(line.doubt)}**" if line.doubt else ""
    if not line.number:
        return doubt
    since = f", {_moment(line.since)}" if line.since else ""
    shown = f"{line.number}: {links.commit(line.repository, line.commit)}{since}"
    return f"{shown} {doubt}".rstrip()


def _comparison(lines: Sequence[BoardLine | None]) -> str:
    """Say whether all environments run the same packages, where each runs some."""
    digests = {line.digest for line in lines if line and line.digest}
    if not all(line and line.digest for line in lines):
        return ""
    return "yes" if len(digests) == 1 else "no"


def _linked(text: str, address: str) -> str:
    return f"[{escaped(text)}]({address})" if address else escaped(text)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
