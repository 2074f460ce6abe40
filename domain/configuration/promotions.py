"""What is wrong with the way that environments promote from one another."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tiercel.domain.organization.names import partition_of
from tiercel.domain.organization.topology import PREPROD, PROD, Environment, Topology

ConfigurationFault = tuple[tuple[str, ...], str]
"""The path of a key and what is wrong with it."""
WrongPaths = Collection[tuple[str, ...]]
"""The paths of what is wrong for itself: it was told, and is left out of what was read."""


def is_there(table: str, name: str, topology: Topology, left_out: WrongPaths) -> bool:
    """Tell whether `environments` or `services` have this one, be it one that is left out."""
    return name in getattr(topology, table) or (table, name) in left_out


def promotion_findings(topology: Topology, left_out: WrongPaths) -> Iterator[ConfigurationFault]:
    """Find environments that could not be promoted to, or would be without being verified."""
    for name, environment in topology.environments.items():
        reason = _unpromotable(topology, environment, left_out)
        if reason:
            yield ("environments", name, "promotes_from"), reason
    yield from _fixed_parts(topology)


def _unpromotable(topology: Topology, environment: Environment, left_out: WrongPaths) -> str:
    """Return why nothing can be promoted to an environment, empty if it can or need not be."""
    source = environment.promotes_from
    if not source:
        wanted = "missing: production releases what another environment has verified"
        return wanted if environment.production else ""
    if not is_there("environments", source, topology, left_out):
        return f"there is no environment `{source}`"
    passed = [environment.name]
    while source in topology.environments and source not in passed:
        passed.append(source)
        source = topology.environments[source].promotes_from
    if source == environment.name:
        return f"environments promote in a circle: {' -> '.join([*passed, source])}"
    return _out_of_reach(topology, environment)


def _out_of_reach(topology: Topology, environment: Environment) -> str:
    """Return why no role can read the source's artifacts: roles end with their partition."""
    source = topology.environments.get(environment.promotes_from)
    if source is None or partition_of(source.region) == partition_of(environment.region):
        return ""
    return (
        f"`{source.name}` is in {source.region} and this in {environment.region}: no role of one "
        "partition of AWS reaches another"
    )


def _fixed_parts(topology: Topology) -> Iterator[ConfigurationFault]:
    """Find the two environments that have deployments of their own in another part."""
    preprod, prod = (topology.environments.get(name) for name in (PREPROD, PROD))
    if prod and not prod.production:
        reason = "must be true: `promote-to-prod` releases to this environment"
        yield ("environments", PROD, "production"), reason
    if preprod and (preprod.production or preprod.promotes_from):
        key = "production" if preprod.production else "promotes_from"
        reason = "`deploy-to-preprod` releases every commit of a branch to this environment"
        yield ("environments", PREPROD, key), reason
