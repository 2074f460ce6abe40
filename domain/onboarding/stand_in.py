"""An organization that stands for one which nobody has described yet."""

from __future__ import annotations

from tiercel.domain.organization.topology import (
    PREPROD,
    PROD,
    Environment,
    Organization,
    Topology,
)

_REGION = "us-east-1"
_USUAL_BRANCHES = {PREPROD: "develop", PROD: "main"}


def stand_in_topology() -> Topology:
    """Return an organization with made-up accounts, by which services can be judged at least."""
    environments = {
        name: Environment(
            name=name,
            branch=branch,
            region=_REGION,
            infrastructure_account=str(2 * number + 1) * 12,
            runtime_account=str(2 * number + 2) * 12,
            external_id=f"stand-in-{name}",
        )
        for number, (name, branch) in enumerate(_USUAL_BRANCHES.items())
    }
    return Topology(organization=Organization(name="stand-in"), environments=environments)
