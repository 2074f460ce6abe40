"""The one comment that Tiercel keeps on a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from domain.markdown import code, escaped, table
from domain.plan import Change
from domain.pull_requests import Check, CheckState, Verdict
from domain.template_changes import changes_permissions

MARKER = "<!-- tiercel: pull request -->"
_SIGNS = {
    CheckState.PENDING: "⏳",
    CheckState.SUCCESS: "✅",
    CheckState.FAILURE: "❌",
    CheckState.ERROR: "⚠️",
}
_LONGEST_DETAILS = 4_000


def comment(whole: Check, verdicts: Sequence[Verdict], head_commit: str) -> str:
    """Return Markdown: the verdict, each service, and what a merge would change.

    Whatever comes from the pull request is escaped or stands in a code block.
    """
    parts = [f"### {_SIGNS[whole.state]} {escaped(whole.description)}"]
    if whole.details:
        parts.append(_block(whole.details))
    if verdicts:
        rows = [
            (escaped(v.service), _SIGNS[v.check.state], escaped(v.check.description))
            for v in verdicts
        ]
        parts.append(table(("service", "", "result"), rows))
    parts += [_block(v.check.details) for v in verdicts if v.check.details]
    parts.append(_plan(verdicts))
    parts.append(f"Commit {code(head_commit[:7])}; its statuses link to the flow run.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _plan(verdicts: Sequence[Verdict]) -> str:
    changes = [(v.service, change) for v in verdicts for change in v.changes]
    if not changes:
        return ""
    permissions = [(s, c) for s, c in changes if changes_permissions(c)]
    others = [(s, c) for s, c in changes if not changes_permissions(c)]
    parts = ["#### What a merge would change"]
    if others:
        parts.append(_rows(others))
    if permissions:
        parts += ["#### Permissions that it would change", _rows(permissions)]
    parts.append("From the templates' text; the plan of the deploy itself says what is replaced.")
    return "\n\n".join(parts)


def _rows(changes: Sequence[tuple[str, Change]]) -> str:
    return table(
        ("service", "action", "resource", "type", "properties"),
        [
            (
                escaped(service),
                change.action,
                code(change.logical_id),
                escaped(change.resource_type),
                escaped(", ".join(change.properties)),
            )
            for service, change in changes
        ],
    )


def _block(text: str) -> str:
    """Return a code block that its own text cannot end."""
    safe = "".join(c for c in text[:_LONGEST_DETAILS] if c.isprintable() or c == "\n")
    return "````text\n" + safe.replace("````", "' ' ' '") + "\n````"
