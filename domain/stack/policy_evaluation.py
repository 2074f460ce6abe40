"""Whether a role could ever be allowed an action: a check for what is missing, no simulator.

IAM decides about one request, with a resource, conditions and session. Here nothing of
that is known yet, so the question is weaker: is there *some* resource and *some* request
for which both the role's own policy and its boundary say yes? A "no" can be relied on; a
"yes" promises nothing. How IAM decides:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tiercel.domain.base.values import PolicyDocument


@dataclass(frozen=True, eq=False)
class RolePolicies:
    """The policy of a role, and the boundary beyond which no policy of it reaches.

    Two are the same only if they are one: what is found out of a role is kept.
    """

    identity: PolicyDocument
    boundary: PolicyDocument

    def could_allow(self, action: str) -> bool:
        """Tell whether both documents could allow the action, such as `sqs:CreateQueue`."""
        return _both_could_allow(self, action)

    def forbids(self, action: str) -> bool:
        """Tell whether one of them denies the action always: that is on purpose."""
        return forbids(self.identity, action) or forbids(self.boundary, action)


@lru_cache(maxsize=8192)
def _both_could_allow(role: RolePolicies, action: str) -> bool:
    """Fifty services ask the same of one role, some ten thousand times."""
    return could_allow(role.identity, action) and could_allow(role.boundary, action)


def could_allow(policy: PolicyDocument, action: str) -> bool:
    """Tell whether a document could allow an action on at least something.

    An Allow counts with any resource and any condition. A Deny counts only if it always
    holds: without a condition and for every resource. An action with wildcards, as AWS
    publishes a few, counts as allowed if any action that it stands for is.
    """
    return not forbids(policy, action) and any(
        one.get("Effect") == "Allow" and _touches(one, action)
        for one in _listed(policy.get("Statement"))
    )


def forbids(policy: PolicyDocument, action: str) -> bool:
    """Tell whether a document denies an action whatever the resource and the request are."""
    return any(
        _always_denies(one) and _covers(one, action) for one in _listed(policy.get("Statement"))
    )


def _always_denies(statement: PolicyDocument) -> bool:
    return (
        statement.get("Effect") == "Deny"
        and not statement.get("Condition")
        and "*" in _listed(statement.get("Resource"))
    )


def _covers(statement: PolicyDocument, action: str) -> bool:
    """Whether the statement is about the action, whatever its wildcards stand for."""
    if "NotAction" in statement:
        patterns = _listed(statement["NotAction"])
        return not any(_matches(one, action) or _matches(action, one) for one in patterns)
    return any(_matches(one, action) for one in _listed(statement.get("Action")))


def _touches(statement: PolicyDocument, action: str) -> bool:
    """Whether the statement is about at least one of the actions that are meant."""
    if "NotAction" in statement:
        return not any(_matches(one, action) for one in _listed(statement["NotAction"]))
    patterns = _listed(statement.get("Action"))
    return any(_matches(one, action) or _matches(action, one) for one in patterns)


def _matches(pattern: str, action: str) -> bool:
    return _expression(pattern).fullmatch(action) is not None


@lru_cache(maxsize=4096)
def _expression(pattern: str) -> re.Pattern[str]:
    """Actions have `*` for any text, `?` for one character, and no case."""
    text = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(text, re.IGNORECASE)


def _listed(value: Any) -> list[Any]:
    """Return what a policy may write as one thing or as a list of them."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
