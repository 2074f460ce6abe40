"""How a branch is protected, as the stand-in remembers it: by a rule of its own, by rulesets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from tiercel.sandbox.github.memory.records import (
    Protection,
    RepositoryRecord,
    RequiredChecks,
    RequiredReviews,
    RulesetRecord,
)
from tiercel.sandbox.github.memory.world import World

_HEADS = "refs/heads/"
_WILDCARDS = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}


def classic_protection(
    world: World, repository: RepositoryRecord, branch: str
) -> Protection | None:
    """Return the branch's own protection; None when it has none."""
    return world.store.one(Protection, repository.id, branch)


def rulesets_in_force(
    world: World, repository: RepositoryRecord, branch: str
) -> list[RulesetRecord]:
    """Return the active rulesets that are for a branch, be it there or not; the oldest first."""
    return [
        one
        for one in world.store.find(RulesetRecord, repository.id)
        if one.enforcement == "active"
        and one.target == "branch"
        and _is_for(one, repository, branch)
    ]


def protection_of(world: World, repository: RepositoryRecord, branch: str) -> Protection | None:
    """Return all that binds people at a branch, as one protection; None when nothing does.

    A ruleset that somebody may pass binds nobody here.
    """
    found = classic_protection(world, repository, branch)
    for one in rulesets_in_force(world, repository, branch):
        if not one.bypass_actors:
            found = _both(found, _as_protection(one, branch))
    return found


def _is_for(ruleset: RulesetRecord, repository: RepositoryRecord, branch: str) -> bool:
    reference = f"{_HEADS}{branch}"
    default = reference == f"{_HEADS}{repository.default_branch}"
    return _any_matches(ruleset.include, reference, is_default=default) and not _any_matches(
        ruleset.exclude, reference, is_default=default
    )


def _any_matches(patterns: Iterable[str], reference: str, *, is_default: bool) -> bool:
    return any(
        one == "~ALL"
        or (one == "~DEFAULT_BRANCH" and is_default)
        or _regular(one).fullmatch(reference) is not None
        for one in patterns
    )


def _regular(pattern: str) -> re.Pattern[str]:
    """Return GitHub's kind of pattern: https://docs.ruby-lang.org/en/master/File.html#fnmatch."""
    parts = re.split(r"(\*\*/|\*|\?)", pattern)
    return re.compile("".join(_WILDCARDS.get(part, re.escape(part)) for part in parts))


def _as_protection(ruleset: RulesetRecord, branch: str) -> Protection:
    rules = {str(one["type"]): one.get("parameters") or {} for one in ruleset.rules}
    checks = rules.get("required_status_checks")
    reviews = rules.get("pull_request")
    return Protection(
        id=ruleset.id,
        repository=ruleset.repository,
        branch=branch,
        checks=_checks(checks) if checks is not None else None,
        reviews=_reviews(reviews) if reviews is not None else None,
        restrictions=None,
        enforce_admins=True,
        linear_history="required_linear_history" in rules,
        force_pushes="non_fast_forward" not in rules,
        deletions="deletion" not in rules,
    )


def _checks(parameters: dict[str, Any]) -> RequiredChecks:
    return RequiredChecks(
        strict=parameters["strict_required_status_checks_policy"],
        contexts=[one["context"] for one in parameters["required_status_checks"]],
    )


def _reviews(parameters: dict[str, Any]) -> RequiredReviews:
    return RequiredReviews(
        count=parameters["required_approving_review_count"],
        dismiss_stale=parameters["dismiss_stale_reviews_on_push"],
        code_owners=parameters["require_code_owner_review"],
        last_push=parameters["require_last_push_approval"],
        bypass=[],
    )


def _both(one: Protection | None, other: Protection) -> Protection:
    """Return what demands all that two protections demand."""
    if one is None:
        return other
    return one.model_copy(
        update={
            "checks": _both_checks(one.checks, other.checks),
            "reviews": _both_reviews(one.reviews, other.reviews),
            "enforce_admins": True,
            "linear_history": one.linear_history or other.linear_history,
            "force_pushes": one.force_pushes and other.force_pushes,
            "deletions": one.deletions and other.deletions,
        }
    )


def _both_checks(one: RequiredChecks | None, other: RequiredChecks | None) -> RequiredChecks | None:
    if one is None or other is None:
        return one or other
    contexts = list(dict.fromkeys([*one.contexts, *other.contexts]))
    return RequiredChecks(strict=one.strict or other.strict, contexts=contexts)


def _both_reviews(
    one: RequiredReviews | None, other: RequiredReviews | None
) -> RequiredReviews | None:
    if one is None or other is None:
        return one or other
    return RequiredReviews(
        count=max(one.count, other.count),
        dismiss_stale=one.dismiss_stale or other.dismiss_stale,
        code_owners=one.code_owners or other.code_owners,
        last_push=one.last_push or other.last_push,
        bypass=[user for user in one.bypass if user in other.bypass],
    )
