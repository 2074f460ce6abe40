"""In which order stacks go and come back: whoever uses another's outputs goes first."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Mapping

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.drill.inventory import SeenStack
from tiercel.domain.release.ledger import Intent

Graph = Mapping[str, frozenset[str]]
"""The stacks that each stack needs."""
Waves = tuple[tuple[str, ...], ...]


def dependencies(stacks: Iterable[SeenStack], running: Mapping[str, Intent]) -> Graph:
    """Return which of these stacks each one needs.

    It needs those whose exports it imports, and those of which an output filled a parameter: one of
    the same name and the same value, as the ledger has both. What lies outside is left out.
    """
    known = {one.name: one for one in stacks}
    needs: dict[str, set[str]] = {name: set() for name in known}
    for name, stack in known.items():
        for consumer in stack.imported_by:
            if consumer in needs and consumer != name:
                needs[consumer].add(name)
    for name, intent in running.items():
        for other, stack in known.items():
            if name in needs and other != name and _fills(stack.outputs, intent.parameters):
                needs[name].add(other)
    return {name: frozenset(found) for name, found in sorted(needs.items())}


def _fills(outputs: Mapping[str, str], parameters: Mapping[str, str]) -> bool:
    return any(name in outputs and outputs[name] == value for name, value in parameters.items())


def filled(
    parameters: Mapping[str, str],
    before: Mapping[str, Mapping[str, str]],
    now: Mapping[str, Mapping[str, str]],
) -> dict[str, str]:
    """Return a stack's parameters with what its dependencies say now.

    `before` and `now` have the outputs of each stack that it needs. A parameter that an output
    filled has that output's new value; every other one stays as it was.
    """
    new = dict(parameters)
    for stack, outputs in before.items():
        for name, value in outputs.items():
            if parameters.get(name) == value and name in now.get(stack, {}):
                new[name] = now[stack][name]
    return new


def rebuild_waves(graph: Graph) -> Waves:
    """Return the stacks in waves: each needs only stacks of earlier ones.

    Raises RefusedInputError if stacks need each other in a circle.
    """
    sorter = graphlib.TopologicalSorter(graph)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        raise RefusedInputError(
            "drill.circle",
            "stacks need each other in a circle",
            where=" -> ".join(error.args[1]),
            state="nothing was deleted",
            remedy="take one of the imports or parameters off, then run it again",
        ) from error
    waves: list[tuple[str, ...]] = []
    while sorter.is_active():
        ready = tuple(sorted(sorter.get_ready()))
        waves.append(ready)
        sorter.done(*ready)
    return tuple(waves)


def consumers(graph: Graph) -> Graph:
    """Return for each stack those that need it: they have to be gone before it goes."""
    users: dict[str, set[str]] = {name: set() for name in graph}
    for name, needs in graph.items():
        for needed in needs:
            users[needed].add(name)
    return {name: frozenset(found) for name, found in users.items()}


def deletion_waves(graph: Graph) -> Waves:
    """Return the stacks in waves: whoever needs a stack is in an earlier one."""
    return rebuild_waves(consumers(graph))


def critical_path(graph: Graph, seconds: Mapping[str, float]) -> tuple[tuple[str, ...], float]:
    """Return the chain of stacks that takes longest, first to last, and how long it takes."""
    best: dict[str, tuple[tuple[str, ...], float]] = {}
    for wave in rebuild_waves(graph):
        for name in wave:
            longest: tuple[tuple[str, ...], float] = ((), 0.0)
            for needed in sorted(graph[name]):
                if best[needed][1] > longest[1]:
                    longest = best[needed]
            best[name] = ((*longest[0], name), longest[1] + seconds.get(name, 0.0))
    return max(best.values(), key=lambda one: one[1], default=((), 0.0))
