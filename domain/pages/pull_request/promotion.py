"""What merging a release pull request would change in production: the comment about that plan.

Whoever reads the repository reads it: there is no value in it, neither of a parameter nor of a
property.
"""

from __future__ import annotations

from collections.abc import Sequence

from tiercel.domain.base.git_names import short_commit
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.topology import Environment
from tiercel.domain.pages.frame import page
from tiercel.domain.pages.markdown import code, escaped, fitting
from tiercel.domain.pages.pull_request.plan import plan_sections
from tiercel.domain.review.verdicts import Reviewed, ServiceVerdict

_ROOM_FOR_UNVERIFIED = 4_000


def plan_marker(environment: str) -> str:
    """Return the first line of the comment about an environment, by which it is found again."""
    return f"<!-- tiercel: plan of {environment} -->"


def pull_request_promotion_page(
    pull: PullRequest,
    environment: Environment,
    verdicts: Sequence[ServiceVerdict],
    unverified: Sequence[str],
    run: str = "",
) -> str:
    """Return what a promotion of the merge would change; `unverified` are services without a plan.

    `run` is the address of the flow run.
    """
    name = environment.name
    review = Reviewed(services=verdicts, environment=name)
    planned = len(verdicts) - len(unverified)
    nothing = f"There is no plan of {escaped(name)}." if not planned else ""
    head = f"Head {code(short_commit(pull.head_commit))}. Nothing was changed."
    return page(
        f"What a promotion to {escaped(name)} would change",
        head,
        *_unverified(unverified, environment.promotes_from),
        *([nothing] if nothing else plan_sections(review)),
        "The word is given on another plan: that of the promotion, which is made after the merge.",
        *([f"[Run]({run})"] if run else []),
    )


def _unverified(services: Sequence[str], source: str) -> list[str]:
    if not services:
        return []
    shown = fitting([code(one) for one in services], _ROOM_FOR_UNVERIFIED, len)
    more = f" and {len(services) - len(shown)} more" if len(shown) < len(services) else ""
    told = (
        f"**{escaped(source)} has not verified what this brings:** {', '.join(shown)}{more}. As "
        "long as it has not, nothing of that is promoted, and nothing is planned. Once it has, "
        "this comment is brought up to date by itself."
    )
    return [told]
