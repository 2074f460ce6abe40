"""What a ruleset of GitHub's demands of a branch, as one value that can be compared.

https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/available-rules-for-rulesets
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any

from pydantic import Field

from tiercel.domain.base.values import Frozen, Json

WRITE_ROLE = 4
MAINTAIN_ROLE = 2
ADMIN_ROLE = 5
"""The numbers of a repository's roles, as GitHub's rulesets have them."""


class MergeStyle(StrEnum):
    """How a pull request becomes part of its base."""

    MERGE = "merge"
    SQUASH = "squash"
    REBASE = "rebase"


EVERY_METHOD = frozenset(MergeStyle)


class Rule(Frozen):
    """One rule of a ruleset, with its parameters as GitHub has them."""

    type: str
    parameters: dict[str, Json] = Field(default_factory=dict)


class BypassActor(Frozen):
    """Whom a ruleset lets pass: `kind` and `identifier` as GitHub has them."""

    kind: str
    identifier: int | None = None
    mode: str = "always"

    @property
    def words(self) -> str:
        """Who that is, for people."""
        roles = {ADMIN_ROLE: "administrators", MAINTAIN_ROLE: "maintainers", WRITE_ROLE: "writers"}
        if self.kind == "RepositoryRole" and self.identifier in roles:
            return roles[self.identifier]
        return self.kind if self.identifier is None else f"{self.kind} {self.identifier}"


class Demands(Frozen):
    """What is demanded of a branch, be it by a ruleset or by branch protection."""

    approvals: int = 0
    last_push: bool = False
    dismisses_stale: bool = False
    contexts: frozenset[str] = frozenset()
    methods: frozenset[MergeStyle] = EVERY_METHOD
    no_force: bool = False
    no_deletion: bool = False
    no_creation: bool = False


def demands_of(rules: Iterable[Rule]) -> Demands:
    """Return what rules demand together. A rule that is not known here demands nothing of ours."""
    found = Demands()
    for rule in rules:
        read = _READ.get(rule.type)
        found = _both(found, read(rule.parameters)) if read else found
    return found


def _both(one: Demands, other: Demands) -> Demands:
    return Demands(
        approvals=max(one.approvals, other.approvals),
        last_push=one.last_push or other.last_push,
        dismisses_stale=one.dismisses_stale or other.dismisses_stale,
        contexts=one.contexts | other.contexts,
        methods=one.methods & other.methods,
        no_force=one.no_force or other.no_force,
        no_deletion=one.no_deletion or other.no_deletion,
        no_creation=one.no_creation or other.no_creation,
    )


def _pull_request(given: dict[str, Any]) -> Demands:
    return Demands(
        approvals=number(given, "required_approving_review_count"),
        last_push=given.get("require_last_push_approval") is True,
        dismisses_stale=given.get("dismiss_stale_reviews_on_push") is True,
        methods=_methods(given.get("allowed_merge_methods")),
    )


def _merge_queue(given: dict[str, Any]) -> Demands:
    method = str(given.get("merge_method", "")).lower()
    return Demands(methods=frozenset(one for one in MergeStyle if one == method))


def contexts_of(parameters: dict[str, Any]) -> frozenset[str]:
    """Return the contexts that a rule of status checks names."""
    listed = parameters.get("required_status_checks")
    checks = listed if isinstance(listed, list) else []
    return frozenset(str(one.get("context")) for one in checks if isinstance(one, dict))


def number(parameters: dict[str, Any], name: str) -> int:
    """Return a number among parameters, 0 for whatever is none."""
    value = parameters.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _methods(listed: object) -> frozenset[MergeStyle]:
    """Return the methods that a rule leaves; without a list all of them."""
    if not isinstance(listed, list):
        return EVERY_METHOD
    return frozenset(one for one in MergeStyle if one.value in listed)


_READ: dict[str, Callable[[dict[str, Any]], Demands]] = {
    "pull_request": _pull_request,
    "required_status_checks": lambda given: Demands(contexts=contexts_of(given)),
    "required_linear_history": lambda _: Demands(methods=EVERY_METHOD - {MergeStyle.MERGE}),
    "merge_queue": _merge_queue,
    "non_fast_forward": lambda _: Demands(no_force=True),
    "deletion": lambda _: Demands(no_deletion=True),
    "creation": lambda _: Demands(no_creation=True),
}
