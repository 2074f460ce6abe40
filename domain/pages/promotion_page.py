"""The plan of a promotion, as the page of a run and as a comment on the pull request.

Whoever reads the repository reads the comment: there is no value in it, neither of a parameter nor
of a property.
"""

from __future__ import annotations

from collections.abc import Iterator

from tiercel.domain.approvals.plans import PlannedChange, PlannedService, PromotionPlan
from tiercel.domain.approvals.plans import WaitingPromotion as Waiting
from tiercel.domain.approvals.waiting import how_to_approve
from tiercel.domain.base.digests import short
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.pages.changed_resources import action_words
from tiercel.domain.pages.frame import page
from tiercel.domain.pages.markdown import bounded_table, code, escaped, table

PROMOTION_MARKER = "<!-- tiercel: promotion -->"
"""The first line of the comment, by which it is found and brought up to date."""
_ROOM = 20_000
_SERVICES = ("service", "what", "from release", "artifact", "known by")
_CHANGES = ("service", "action", "resource", "type", "properties")


def promotion_page(plan: PromotionPlan, waiting: Waiting | None, link: str = "") -> str:
    """Return what a promotion would do, and how somebody gives his word on it if it waits.

    `link` leads to the run.
    """
    title = f"Promotion of {short_commit(plan.commit)} to {escaped(plan.environment)}"
    return page(title, *_word(waiting), *plan_parts(plan), *([f"[Run]({link})"] if link else []))


def plan_parts(plan: PromotionPlan) -> list[str]:
    """Return the services and their changes, those of permissions apart."""
    changes = [(one, change) for one in plan.services for change in one.changes]
    permissions = [one for one in changes if one[1].changes_permissions]
    others = [one for one in changes if not one[1].changes_permissions]
    parts = [table(_SERVICES, [_service(one) for one in plan.services])]
    parts += ["## Resources", _table(others), "## Permissions", _table(permissions)]
    if any(one.follows for one in plan.services):
        parts.append(
            "What is known by its template depends on stacks that this promotion changes, or has "
            "no stack that can be changed yet: its changes are from the text, which does not say "
            "what is replaced."
        )
    return parts


def _word(waiting: Waiting | None) -> Iterator[str]:
    if waiting is None:
        return
    yield f"Waits until {waiting.expires_at:%Y-%m-%d %H:%M} UTC. Nothing was changed."
    yield f"Digest of the plan: {code(waiting.plan_digest)}"
    yield f"To approve it, {how_to_approve(waiting)}."
    yield "Whoever asked for it, and whoever wrote what is in it, does not count."


def _service(one: PlannedService) -> tuple[str, ...]:
    what = "nothing to do" if one.unchanged else f"**{len(one.changes) or 'outputs'}** to change"
    known = "its template" if one.follows else "CloudFormation's change set"
    return (
        code(one.service),
        what,
        str(one.live or "none"),
        code(short(one.artifact_digest)),
        "" if one.unchanged else known,
    )


def _table(changes: list[tuple[PlannedService, PlannedChange]]) -> str:
    if not changes:
        return "none"
    rows = (
        (
            code(service.service),
            action_words(change),
            code(change.path),
            escaped(change.resource_type),
            escaped(", ".join(change.properties)),
        )
        for service, change in changes
    )
    return bounded_table(_ROOM, _CHANGES, rows, len(changes))
