"""The board of environments on demand: whose each is, until when, and where it answers."""

from __future__ import annotations

from tiercel.domain.base.git_names import short_commit
from tiercel.domain.ephemeral.environments import EphemeralRecord
from tiercel.domain.ephemeral.found import RecordsFound
from tiercel.domain.pages.frame import page
from tiercel.domain.pages.links import Links
from tiercel.domain.pages.markdown import code, escaped, table

_HEADER = ("name", "state", "owner", "what for", "from", "commit", "until (UTC)", "address")


def environments_page(found: RecordsFound, links: Links) -> str:
    """Return the board of those that there are; what is gone is left out."""
    rows = [
        (
            code(one.name),
            escaped(one.state),
            escaped(one.owner or "nobody"),
            escaped(one.purpose),
            escaped(f"{one.origin} {short_origin(one)}"),
            links.commit(one.repository, one.commit),
            f"{one.expires:%Y-%m-%d %H:%M}",
            code(one.address) if one.address else "",
        )
        for one in found.active
    ]
    unread = [
        f"The record of {code(one.name)} cannot be read: {escaped(one.failure.why)}"
        for one in found.unreadable
    ]
    board = table(_HEADER, rows) if rows else "There are none."
    return page("Environments on demand", board, *unread)


def short_origin(record: EphemeralRecord) -> str:
    """Return what an environment was made from; the id of a commit is shortened."""
    return short_commit(record.origin_of) if record.origin_of == record.commit else record.origin_of
