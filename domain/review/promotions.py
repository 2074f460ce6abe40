"""What the promotion of a pull request's merge would say, by the promotion's own rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.gitflow.back_merge import BackMerge, require_back_merge
from tiercel.domain.gitflow.branches import is_hotfix
from tiercel.domain.gitflow.hotfixes import require_from_production
from tiercel.domain.gitflow.tags import Tag, next_tag
from tiercel.domain.review.statuses import Status, StatusState, status_of


def judged_promotion(
    environment: str,
    tags: Collection[Tag],
    branch: str,
    due: BackMerge | None,
    brought: Sequence[str] = (),
    develop: str = "develop",
) -> Status:
    """Return the tag that a merge of the branch would get, or all that would be refused.

    `tags` are those of the versions, `due` is what develop lacks of the newest release, and
    `brought` are the merges into develop that production would get.
    """
    rules: tuple[Callable[[], object], ...] = (
        lambda: next_tag(tags, branch),
        lambda: require_back_merge(due, environment, hotfix=is_hotfix(branch)),
        lambda: require_from_production(branch, brought, develop),
    )
    refused = [error for rule in rules if (error := _refusal(rule))]
    return promotion_status(environment, "" if refused else next_tag(tags, branch), refused)


def _refusal(rule: Callable[[], object]) -> RefusedInputError | None:
    try:
        rule()
    except RefusedInputError as error:
        return error
    return None


def promotion_status(environment: str, tag: str, refused: Sequence[RefusedInputError]) -> Status:
    """Return what the promotion of the merge would say: its tag, or all that it would refuse.

    Its subject is no name that a service can have.
    """
    subject = f"promotion to {environment}"
    if not refused:
        return status_of(subject, StatusState.SUCCESS, f"would be released as {tag}")
    whats = "; ".join(error.what for error in refused)
    return status_of(
        subject, StatusState.FAILURE, whats, "\n\n".join(str(error) for error in refused)
    )


def verified_first(status: Status, repository: str, branch: str) -> Status:
    """Return the same of a head that develop never runs: its merge is verified as a candidate."""
    if status.state is not StatusState.SUCCESS:
        return status
    command = f"tiercel candidate {repository} {branch}"
    return status.model_copy(
        update={"description": f"{status.description}, once verified: {command}"}
    )
