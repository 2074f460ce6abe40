"""Whether a rebuilt stack is what it was before, apart from what AWS names anew each time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from tiercel.domain.drill.inventory import NEW_IDS_BESIDE_NAMES, SeenResource, SeenStack
from tiercel.domain.drill.plan import DrillPlan, PlannedStack
from tiercel.domain.release.ledger import Intent

_SHORTEST_ID = 6
"""What is shorter stands in other words as well."""

Ids = Mapping[str, str]
"""By a text that AWS made, the resource whose id or name it is."""


def ids_of(stacks: Iterable[tuple[str, str, Iterable[SeenResource]]]) -> dict[str, str]:
    """Return the ids in which stacks differ each time, of name, id and resources of each stack.

    Of an address or ARN its last part counts as well: other attributes are made from that.
    """
    ids: dict[str, str] = {}
    for name, stack_id, resources in stacks:
        ids[stack_id] = name
        for one in resources:
            for text in (one.physical_id, re.split(r"[/:|]", one.physical_id)[-1]):
                if len(text) >= _SHORTEST_ID and _differs(one):
                    ids[text] = f"{name}.{one.path}"
    return ids


def _differs(resource: SeenResource) -> bool:
    return not resource.named or resource.resource_type in NEW_IDS_BESIDE_NAMES


def ids_before(plan: DrillPlan) -> dict[str, str]:
    """Return the ids that the planned stacks had."""
    return ids_of((one.name, one.stack_id, one.resources) for one in plan.stacks)


def ids_now(stacks: Iterable[SeenStack]) -> dict[str, str]:
    """Return the ids that the rebuilt stacks have."""
    return ids_of((one.name, one.stack_id, one.resources) for one in stacks)


def without_ids(value: str, ids: Ids) -> str:
    """Return a value with the name of the resource in place of each id."""
    if not ids:
        return value
    longest_first = sorted(ids, key=lambda text: (-len(text), text))
    known = re.compile("|".join(map(re.escape, longest_first)))
    return known.sub(lambda found: f"<{ids[found[0]]}>", value)


def compared_stack(
    planned: PlannedStack,
    found: SeenStack,
    rebuilt: Intent,
    before: Ids,
    now: Ids,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is not as it was; and apart from it, what differs in AWS's own ids alone.

    Parameters are compared as the ledger has them: AWS does not tell those that are secret.
    """
    wrong: list[str] = []
    anew: list[str] = []
    if found.template_sha256 != planned.template_sha256:
        wrong.append("its template is another one")
    if rebuilt.artifact_digest != planned.artifact_digest:
        wrong.append(f"its packages are those of {rebuilt.artifact_digest}")
    for kind, old, new in (
        ("parameter", planned.parameters, rebuilt.parameters),
        ("output", planned.outputs, found.outputs),
    ):
        for name in sorted(old.keys() | new.keys()):
            if name not in old or name not in new:
                wrong.append(f"{kind} {name} is {'new' if name in new else 'gone'}")
            elif old[name] != new[name]:
                same = without_ids(old[name], before) == without_ids(new[name], now)
                (anew if same else wrong).append(f"{kind} {name}: {old[name]} is {new[name]} now")
    return tuple(wrong), tuple(anew)
