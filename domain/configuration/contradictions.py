"""What keys of tiercel.toml say against each other, each of which is right for itself."""

from __future__ import annotations

import graphlib
from collections.abc import Iterator

from tiercel.domain.base.git_names import is_legal_branch
from tiercel.domain.configuration.promotions import (
    ConfigurationFault,
    WrongPaths,
    is_there,
    promotion_findings,
)
from tiercel.domain.configuration.renames import rename_findings
from tiercel.domain.organization.on_demand import EPHEMERAL
from tiercel.domain.organization.services import Service, deployment_order
from tiercel.domain.organization.topology import PREPROD, PROD, Environment, Topology

# A value of one of these keys may stand only once in all environments.
_UNIQUE_KEYS = (("branch",), ("external_id",), ("infrastructure_account", "runtime_account"))


def contradictions(topology: Topology, left_out: WrongPaths) -> Iterator[ConfigurationFault]:
    """Yield what contradicts what, by the path of a key and the reason.

    Nothing that only follows from what is left out of the topology because it is wrong.
    """
    for path, reason in _found(topology, left_out):
        if path not in left_out:
            yield path, reason


def _found(topology: Topology, left_out: WrongPaths) -> Iterator[ConfigurationFault]:
    yield from _missing_environments(topology)
    if EPHEMERAL in topology.environments:
        reason = "stands for environments on demand: give this one another name"
        yield ("environments", EPHEMERAL), reason
    for name, environment in topology.environments.items():
        if not is_legal_branch(environment.branch):
            yield ("environments", name, "branch"), "git allows no branch of this name"
    yield from promotion_findings(topology, left_out)
    yield from rename_findings(topology, left_out)
    for keys in _UNIQUE_KEYS:
        yield from _shared(topology.environments, keys)
    for service in topology.services.values():
        yield from _dangling_names(service, topology, left_out)
        yield from _unread_by_invoke(service)
    yield from _cycles(topology.services)


def _missing_environments(topology: Topology) -> Iterator[ConfigurationFault]:
    for name in (PREPROD, PROD):
        if name not in topology.environments:
            yield ("environments", name), "missing: both preprod and prod must be described"


def _shared(
    environments: dict[str, Environment], keys: tuple[str, ...]
) -> Iterator[ConfigurationFault]:
    owners: dict[str, str] = {}
    for name, environment in environments.items():
        for key in keys:
            value = getattr(environment, key)
            place = f"environments.{name}.{key}"
            owner = owners.setdefault(value, place)
            if owner != place:
                yield ("environments", name, key), f"`{value}` is already {owner}"


def _dangling_names(
    service: Service, topology: Topology, left_out: WrongPaths
) -> Iterator[ConfigurationFault]:
    for name in service.depends_on:
        if not is_there("services", name, topology, left_out):
            yield ("services", service.name, "depends_on"), f"there is no service `{name}`"
    for name in service.environments:
        if name != EPHEMERAL and not is_there("environments", name, topology, left_out):
            yield (
                ("services", service.name, "environments", name),
                f"there is no environment `{name}`",
            )


def _unread_by_invoke(service: Service) -> Iterator[ConfigurationFault]:
    """Find what a smoke test says of an address while it invokes a function.

    Looked for in what is written and not by SmokeTest itself: a release in the ledger has
    every key, with its default.
    """
    test = service.smoke_test
    if test is None or test.invoke is None:
        return
    instead = {
        "path": "say it in `payload`",
        "method": "say it in `payload`",
        "expect_status": f"use `expect = {{ statusCode = {test.expect_status} }}`",
    }
    for key, advice in instead.items():
        if key in test.model_fields_set:
            reason = f"only for `http`; with `invoke` {advice}"
            yield ("services", service.name, "smoke_test", key), reason


def _cycles(services: dict[str, Service]) -> Iterator[ConfigurationFault]:
    known = {
        name: service
        for name, service in services.items()
        if all(other in services for other in service.depends_on)
    }
    try:
        deployment_order(known)
    except KeyError:
        return  # a service that depends on an unknown one is reported by its own key
    except graphlib.CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        yield ("services", error.args[1][0], "depends_on"), f"services wait in a circle: {circle}"
