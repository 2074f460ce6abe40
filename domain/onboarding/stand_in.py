"""An organization that stands for one which nobody has described yet."""

from __future__ import annotations

from collections.abc import Collection

from tiercel.domain.onboarding.answers import proposed_branch
from tiercel.domain.organization.topology import (
    PREPROD,
    PROD,
    Environment,
    Organization,
    Topology,
)

_REGION = "us-east-1"


def stand_in_topology(branches: Collection[str] = ()) -> Topology:
    """Return an organization with made-up accounts, by which services can be judged at least.

    Its environments are fed by those of the repository's branches that init would propose.
    """
    environments = {
        name: Environment(
            name=name,
            branch=proposed_branch(branches, name),
            region=_REGION,
            infrastructure_account=str(2 * number + 1) * 12,
            runtime_account=str(2 * number + 2) * 12,
            external_id=f"stand-in-{name}",
        )
        for number, name in enumerate((PREPROD, PROD))
    }
    return Topology(organization=Organization(name="stand-in"), environments=environments)
