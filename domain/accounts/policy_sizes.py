"""Whether the policies of an environment are short enough for AWS, known before it is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.base.values import PolicyDocument

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
LARGEST_MANAGED = 6_144
LARGEST_INLINE = 10_240
LARGEST_TRUST = 2_048
"""Of a role by default; AWS raises it on request, to 4,096 at most."""


def size_of(policy: PolicyDocument) -> int:
    """Return how many characters IAM counts of a policy: all but white space."""
    return len("".join(json.dumps(policy).split()))


def require_fitting(environment: str, policies: Mapping[str, PolicyDocument], source: str) -> None:
    """Raise ConfigurationError if IAM would refuse one of an environment's policies.

    The boundary is one managed policy, because a role has one boundary; trusts are the roles' own,
    and all others are inline.
    """
    for name, policy in policies.items():
        limit, key = _limit_of(name), f"environments.{environment}.stacks"
        if (size := size_of(policy)) > limit:
            raise ConfigurationError(
                "configuration.policy_too_long",
                f"the policy {name} of {environment} is longer than IAM takes",
                where=f"{source}: {'organization.repositories' if _is_trust(name) else key}",
                why=f"it has {size} characters, IAM takes {limit}",
                state="nothing was called",
                remedy='list fewer `services`, protect less, or let names = "any"; of a trust, '
                "list fewer repositories, or `OWNER/*` in the place of an owner's",
            )


def _limit_of(name: str) -> int:
    if _is_trust(name):
        return LARGEST_TRUST
    return LARGEST_MANAGED if name.endswith("-boundary") else LARGEST_INLINE


def _is_trust(name: str) -> bool:
    return name.endswith("-trust")
