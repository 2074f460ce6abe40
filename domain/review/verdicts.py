"""What became of a pull request: of each service, and of all that is compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tiercel.domain.accounts.by_hand import StackByHand
from tiercel.domain.base.values import Frozen
from tiercel.domain.ephemeral.environments import EphemeralRecord
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.domain.review.comparison import Comparison
from tiercel.domain.review.extras import Packages
from tiercel.domain.review.stack_plans import StackPlan
from tiercel.domain.review.statuses import Status
from tiercel.domain.review.templates.template_permissions import PermissionChange
from tiercel.domain.stack.plan import Change


class ServiceVerdict(Frozen):
    """What became of one service of a pull request, and how its template changes.

    `changes` are told from the text, `plan` by CloudFormation, None if the service is not built.
    `widens` are the paths of resources that may allow more than before.
    """

    service: str
    status: Status
    changes: tuple[Change, ...] = ()
    permissions: PermissionChange = PermissionChange()
    plan: StackPlan | None = None
    widens: tuple[str, ...] = ()
    packages: Packages | None = None


@dataclass(frozen=True)
class StackLeft:
    """A stack of a service that is dropped or renamed: nobody deletes it by itself."""

    service: str
    environment: str
    by_hand: StackByHand


_NO_DIFFERENCE = Comparison()


@dataclass(frozen=True)
class Reviewed:
    """All that is said of a pull request beside the verdict on the whole.

    `comparison` is None if the base's services cannot be read. `environment` is the one that the
    base feeds, and `later` are those that promote from it.
    """

    services: Sequence[ServiceVerdict] = ()
    promotions: Sequence[Status] = ()
    comparison: Comparison | None = _NO_DIFFERENCE
    left: Sequence[StackLeft] = ()
    environment: str = ""
    later: Sequence[str] = ()
    on_demand: Sequence[EphemeralRecord] = ()


def stacks_left(topology: Topology, gone: Sequence[str]) -> tuple[StackLeft, ...]:
    """Return the stacks that stay behind once services are no longer described."""
    places = [Names.of(topology, name) for name in topology.environments]
    return tuple(
        StackLeft(
            service=service,
            environment=names.environment.name,
            by_hand=StackByHand(
                stack_id=names.stack(service),
                account=names.environment.runtime_account,
                region=names.environment.region,
                protected=names.environment.production,
            ),
        )
        for service in gone
        for names in places
    )
