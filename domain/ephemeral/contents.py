"""What an environment on demand consists of: services, and what they need."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable
from tiercel.domain.organization.services import Service, deployment_order

_LONGEST_NAME = 60


def contents_of(
    services: Mapping[str, Service], wanted: Sequence[str], shared: Collection[str], host: str
) -> dict[str, Service]:
    """Return the services that get a stack, in the order of their deployment.

    Those that are `wanted`, or all, with everything that they depend on; what is shared has its
    stack in the host. Each has the parameters that it gets on demand. Raises RefusedInputError
    for a service that the commit does not have, and for one of which the host's is shared.
    """
    for name in wanted:
        if name not in services:
            raise _refused(name, f"the commit has {', '.join(services) or 'none'}")
        if name in shared:
            raise _refused(name, f"[ephemeral] shares the stack that {host} has of it")
    chosen: set[str] = set()
    waiting = [name for name in (wanted or services) if name not in shared]
    while waiting:
        name = waiting.pop()
        if name not in chosen:
            chosen.add(name)
            waiting += [one for one in services[name].depends_on if one not in shared]
    order = deployment_order(dict(services))
    return {name: services[name].as_on_demand(host) for name in order if name in chosen}


def borrowed_by(services: Mapping[str, Service], shared: Collection[str]) -> list[str]:
    """Return the shared services whose outputs the services take."""
    return sorted({name for one in services.values() for name in one.depends_on if name in shared})


def needs_of(services: Mapping[str, Service]) -> dict[str, tuple[str, ...]]:
    """Return what each service waits for among them."""
    return {
        name: tuple(other for other in one.depends_on if other in services)
        for name, one in services.items()
    }


def not_lent(service: str, host: str, stack: str) -> RefusedInputError:
    """Return the error of a shared service of which the host has no stack."""
    return RefusedInputError(
        "ephemeral.nothing_to_share",
        f"{host} has no stack of {service} whose outputs could be taken",
        where=f"stack {stack}",
        why=f"[ephemeral] share names {service}",
        state="no stack was made",
        remedy=f"deploy {service} to {host}, or take it out of [ephemeral] share",
    )


def _refused(name: str, why: str) -> RefusedInputError:
    return RefusedInputError(
        "ephemeral.no_such_service",
        f"there is no service {printable(name, _LONGEST_NAME)} to make a stack of",
        where="parameter services",
        why=why,
        state="nothing was made",
        remedy="name others, or none for all",
    )
