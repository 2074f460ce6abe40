"""Whether the policies of an environment are short enough for AWS, known before it is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.base.values import PolicyDocument

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
LARGEST_MANAGED = 6_144
LARGEST_INLINE = 10_240


def size_of(policy: PolicyDocument) -> int:
    """Return how many characters IAM counts of a policy: all but white space."""
    return len("".join(json.dumps(policy).split()))


def require_fitting(environment: str, policies: Mapping[str, PolicyDocument], source: str) -> None:
    """Raise ConfigurationError if IAM would refuse one of an environment's composed policies.

    The boundary is one managed policy, because a role has one boundary; all others are inline.
    """
    for name, policy in policies.items():
        limit = LARGEST_MANAGED if name.endswith("-boundary") else LARGEST_INLINE
        if (size := size_of(policy)) > limit:
            raise ConfigurationError(
                "configuration.policy_too_long",
                f"the policy {name} of {environment} is longer than IAM takes",
                where=f"{source}: environments.{environment}.stacks",
                why=f"it has {size} characters, IAM takes {limit}",
                state="nothing was called",
                remedy='list fewer `services`, protect less, or let names = "any"',
            )
