"""The one comment that Tiercel keeps on a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from tiercel.domain.base.git_names import short_commit
from tiercel.domain.pages.environment.comparison_sections import gone_section, settings_section
from tiercel.domain.pages.markdown import bounded_table, code, escaped, fitting
from tiercel.domain.pages.pull_request.extras import (
    on_demand_section,
    packages_section,
    verified_by,
)
from tiercel.domain.pages.pull_request.plan import plan_sections
from tiercel.domain.review.statuses import Status, StatusState
from tiercel.domain.review.templates.template_permissions import PermissionChange
from tiercel.domain.review.verdicts import Reviewed, ServiceVerdict

COMMENT_MARKER = "<!-- tiercel: pull request -->"
_SIGNS = {
    StatusState.PENDING: "⏳",
    StatusState.SUCCESS: "✅",
    StatusState.FAILURE: "❌",
    StatusState.ERROR: "⚠️",
}
LONGEST_COMMENT = 65_536
"""Characters that GitHub takes: `Body is too long (maximum is 65536 characters)`."""
_CUT = "The rest has no room in a comment: see the page of the flow run."
_LONGEST_DETAILS = 4_000
_ROOM_FOR_ROWS = 7_000
_ROOM_FOR_DETAILS = 12_500
_ROOM_FOR_ROLE = 4_000
_ROOM_FOR_SETTINGS = 5_000
_ROOM_FOR_GONE = 4_000
_SHOWN_ACTIONS = 20


def comment(whole: Status, review: Reviewed, head_commit: str, run: str = "") -> str:
    """Return Markdown: the verdict, each service, and what a merge would change.

    Whatever comes from the pull request is escaped or stands in a code block. With the
    marker it is never longer than GitHub takes; what has no room is counted. `run` is the address
    of the flow run.
    """
    verdicts = review.services
    statuses = [*(one.status for one in verdicts), *review.promotions]
    parts = [f"### {_SIGNS[whole.state]} {escaped(whole.description)}"]
    if whole.details:
        parts.append(_block(whole.details))
    if statuses:
        rows = (
            (escaped(one.subject), _SIGNS[one.state], escaped(one.description)) for one in statuses
        )
        parts.append(bounded_table(_ROOM_FOR_ROWS, ("service", "", "result"), rows, len(statuses)))
    reasons = [one.details for one in statuses if one.details]
    shown = fitting(map(_block, reasons), _ROOM_FOR_DETAILS, len)
    parts += shown
    if len(shown) < len(reasons):
        parts.append(f"and {len(reasons) - len(shown)} more: see the log of the flow run")
    parts += [settings_section(review.comparison, _ROOM_FOR_SETTINGS)]
    parts += [gone_section(review, _ROOM_FOR_GONE), *plan_sections(review), _role(verdicts)]
    parts += [packages_section(review), on_demand_section(review)]
    made = f"Commit {code(short_commit(head_commit))}{verified_by(run)}"
    return _whole([part for part in parts if part], f"{made}; its statuses link to the flow run.")


def _whole(parts: Sequence[str], end: str) -> str:
    """Return all parts that have room, and say it if some have none."""
    room = LONGEST_COMMENT - len(COMMENT_MARKER) - len(end) - len(_CUT) - 10
    shown = fitting(parts, room, lambda part: len(part) + 2)
    cut = [_CUT] if len(shown) < len(parts) else []
    return "\n\n".join([*shown, *cut, end]) + "\n"


def _role(verdicts: Sequence[ServiceVerdict]) -> str:
    """Return what the services will need of the role that makes their stacks."""
    lines = [f"{escaped(v.service)}: {text}" for v in verdicts if (text := _needs(v.permissions))]
    if not lines:
        return ""
    shown = fitting(lines, _ROOM_FOR_ROLE, len)
    if len(shown) < len(lines):
        shown.append(f"and {len(lines) - len(shown)} more services")
    return "\n\n".join(["#### What the service role will need", *shown])


def _needs(permissions: PermissionChange) -> str:
    """Return one sentence, or nothing if the role needs what it needed and has it."""
    lacks = permissions.check.lacks
    named = {
        "will need": permissions.needed,
        "no longer needs": permissions.no_longer,
        "**lacks**": sorted({action for lack in lacks for action in lack.certain}),
        "may lack": sorted({action for lack in lacks for action in lack.possible}),
    }
    parts = [f"{verb}: {_actions(actions)}" for verb, actions in named.items() if actions]
    return f"The service role {'; '.join(parts)}." if parts else ""


def _actions(actions: Sequence[str]) -> str:
    left = len(actions) - _SHOWN_ACTIONS
    shown = ", ".join(map(code, actions[:_SHOWN_ACTIONS]))
    return f"{shown} and {left} more" if left > 0 else shown


def _block(text: str) -> str:
    """Return a code block that its own text cannot end."""
    short = text[:_LONGEST_DETAILS].replace("\t", " ")
    if len(text) > _LONGEST_DETAILS:
        short += "\n(the rest is in the log of the flow run)"
    safe = "".join(c for c in short if c.isprintable() or c == "\n")
    return "````text\n" + safe.replace("````", "' ' ' '") + "\n````"
