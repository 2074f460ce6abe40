"""A release pull request of which production cannot be planned, and what of a plan widens."""

from __future__ import annotations

from collections.abc import Sequence

from tiercel.domain.base.errors import WaitingError
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.topology import Environment
from tiercel.domain.review.stack_plans import StackPlan
from tiercel.domain.review.templates.changed_values import Templates
from tiercel.domain.review.templates.template_changes import changes_permissions
from tiercel.domain.review.templates.widening import widened


def widened_in(plan: StackPlan, before: Templates, after: Templates) -> tuple[str, ...]:
    """Return the paths of resources that may allow more than before.

    Of nested stacks the templates before are not known: there every change of permissions counts.
    """
    nested = (one.path for one in plan.changes if one.nested_in and changes_permissions(one))
    return tuple(dict.fromkeys([*widened(before, after), *nested]))


def not_verified_yet(
    pull: PullRequest, environment: Environment, services: Sequence[str]
) -> WaitingError:
    """Return how a plan ends that waits until the source environment has verified everything."""
    source = environment.promotes_from
    return WaitingError(
        "plan.not_verified",
        f"{source} has not verified what #{pull.number} would bring to {environment.name}",
        where=f"{pull.repository}#{pull.number}",
        why=f"no successful release of {', '.join(services)} with these sources",
        state="nothing was changed; the pull request's comment says the same",
        remedy="verify the branch as a candidate; `follow_github` begins this again then, where "
        "its schedule is on",
    )
