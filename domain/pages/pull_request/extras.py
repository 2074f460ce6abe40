"""What a pull request's comment says besides: sizes of packages, its environment, its run."""

from __future__ import annotations

import re

from tiercel.domain.ephemeral.environments import EphemeralRecord
from tiercel.domain.pages.markdown import bounded_table, code, escaped, fitting
from tiercel.domain.review.extras import Packages
from tiercel.domain.review.verdicts import Reviewed

_ROOM_FOR_PACKAGES = 2_500
_ROOM_FOR_ENVIRONMENTS = 1_500
_KIB = 1024
# What may stand in a link as it is: neither Markdown nor HTML reads anything into it.
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")


def packages_section(review: Reviewed) -> str:
    """Return how large each service's packages would be, and by how much that is another size."""
    found = [(one.service, one.packages) for one in review.services if one.packages]
    rows = [
        (escaped(service), _size(one.after), _change(one))
        for service, one in found
        if one.after or one.before
    ]
    if not rows:
        return ""
    table = bounded_table(_ROOM_FOR_PACKAGES, ("service", "packages", "change"), rows, len(rows))
    return f"#### Packages\n\n{table}"


def on_demand_section(review: Reviewed) -> str:
    """Return where the pull request's environments on demand answer."""
    lines = [_line(one) for one in review.on_demand]
    if not lines:
        return ""
    shown = fitting(lines, _ROOM_FOR_ENVIRONMENTS, len)
    return "\n".join(["#### Environment on demand\n", *shown])


def verified_by(address: str) -> str:
    """Return a link to the flow run, empty where it has no address that can be one."""
    return f", [verified by this flow run]({address})" if _ADDRESS.fullmatch(address) else ""


def _line(one: EphemeralRecord) -> str:
    until = f"until {one.expires:%Y-%m-%d %H:%M} UTC"
    if not one.address:
        where = ""
    elif _ADDRESS.fullmatch(one.address):
        where = f" at <{one.address}>"
    else:
        where = f" at {code(one.address)}"
    return f"- {code(one.name)} is {one.state.value}{where}, {until}, with {code(one.commit[:7])}."


def _change(one: Packages) -> str:
    if one.before is None:
        return "the base has none to compare with"
    if one.before == one.after:
        return "the same size"
    sign = "+" if one.after > one.before else "-"
    return f"{sign}{_size(abs(one.after - one.before))}"


def _size(count: int) -> str:
    """Return bytes as a person reads them: whole bytes, else KiB or MiB with one decimal."""
    if count < _KIB:
        return f"{count} B"
    if count < _KIB * _KIB:
        return f"{count / _KIB:.1f} KiB"
    return f"{count / _KIB / _KIB:.1f} MiB"
