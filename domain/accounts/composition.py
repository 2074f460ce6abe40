"""How the policies of the RuntimeAccount are put together from a frame and services' fragments.

Terraform does the same in `terraform/modules/runtime-account`, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tiercel.domain.accounts.policy_difference import listed
from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.base.values import PolicyDocument
from tiercel.domain.organization.names import Names, Role

_Statement = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """The policies that a policy begins with, and the groups of each fragment that it goes on with.

    A fragment has groups: what the `cloudformation` role may `manage`, what functions and other
    roles of stacks may `use` besides, what the auditor may `read`, and what functions of
    environments on demand may use of a permanent stack that is `shared` with them, once for each
    such stack.
    """

    frames: tuple[str, ...]
    groups: tuple[str, ...]
    shared: tuple[str, ...] = ()


EPHEMERAL_LIMITS = "frames/ephemeral-limits"
"""What neither the service role of environments on demand does nor what it creates."""

RECIPES: Mapping[str, Recipe] = {
    "cloudformation-permissions": Recipe(("cloudformation-permissions",), ("manage",)),
    "cloudformation-boundary": Recipe(
        ("cloudformation-permissions", "cloudformation-boundary"), ("manage", "use")
    ),
    "ephemeral-permissions": Recipe(
        ("cloudformation-permissions", "ephemeral-permissions", EPHEMERAL_LIMITS), ("manage",)
    ),
    "ephemeral-boundary": Recipe(
        ("cloudformation-boundary", "ephemeral-boundary", EPHEMERAL_LIMITS),
        ("manage",),
        ("share",),
    ),
    "auditor-permissions": Recipe(("auditor-permissions",), ("read",)),
}
"""The composed policies.

The boundary begins with all that the `cloudformation` role may do: so it allows to manage
nothing that the role may not, and it can bound the role itself. The `cloudformation` role of
environments on demand has `ephemeral-permissions` and no boundary; what it creates is bounded by
`ephemeral-boundary`, which has, in place of what stacks may use anywhere, what is shared with
them by name.
"""


def boundary_of(names: Names) -> str:
    """Return the policy that bounds what the stacks of an environment create."""
    return "ephemeral-boundary" if names.host else "cloudformation-boundary"


def permissions_of(names: Names, role: Role) -> str:
    """Return the policy of what a role of an environment may do."""
    is_own = names.host is not None and role is Role.CLOUDFORMATION
    return "ephemeral-permissions" if is_own else f"{role}-permissions"


def composed_policies(names: Names) -> list[str]:
    """Return the composed policies that an environment has."""
    if names.host:
        return ["ephemeral-permissions", "ephemeral-boundary"]
    return ["cloudformation-permissions", "cloudformation-boundary", "auditor-permissions"]


NETWORKED = ("builder-permissions", "verifier-permissions")
"""The policies of builds' roles, which CodeBuild uses to stand in a network of the account's."""
NETWORK = "builds/network"
"""What those policies go on with where the environment names a network."""


def composed(
    recipe: Recipe,
    frames: Sequence[PolicyDocument],
    fragments: Iterable[PolicyDocument],
    shared: Iterable[PolicyDocument] = (),
) -> dict[str, Any]:
    """Return the policy: statements of one Sid are one, with the actions and resources of all.

    Each action of such a statement is on all its resources, which is no more than was said:
    no service's action works on another service's resource. Raises ConfigurationError for
    statements of one Sid that are not alike.
    """
    said = [statement for frame in frames for statement in frame["Statement"]]
    for fragment in fragments:
        said += [statement for group in recipe.groups for statement in fragment[group]]
    for fragment in shared:
        said += [one for group in recipe.shared for one in fragment.get(group, ())]
    by_sid: dict[str, list[PolicyDocument]] = {}
    for statement in said:
        by_sid.setdefault(statement["Sid"], []).append(statement)
    return {
        "Version": frames[0]["Version"],
        "Statement": [_one_of(statements) for statements in by_sid.values()],
    }


def _one_of(statements: Sequence[PolicyDocument]) -> _Statement:
    first = statements[0]
    if any(_shape(one) != _shape(first) for one in statements):
        raise ConfigurationError(
            "configuration.fragment_differs",
            "a fragment of a service says something else than the others by one Sid",
            where=f"statement {first['Sid']}",
            why="another statement of this Sid allows or denies, or has conditions, differently",
            state="nothing was called",
            remedy="give the statement another Sid, or the same conditions",
        )
    made: _Statement = {
        "Sid": first["Sid"],
        "Effect": first["Effect"],
        "Action": _one_or_all(_united(one["Action"] for one in statements)),
    }
    for element in ("Resource", "NotResource"):
        if element in first:
            made[element] = _one_or_all(_united(one[element] for one in statements))
    if "Condition" not in first:
        return made
    condition = {
        operator: {
            key: _one_or_all(_united(one["Condition"][operator][key] for one in statements))
            for key in tests
        }
        for operator, tests in first["Condition"].items()
    }
    return made | {"Condition": condition}


def _shape(statement: PolicyDocument) -> Any:
    conditions = statement.get("Condition") or {}
    return (
        statement["Effect"],
        "Resource" in statement,
        {name: sorted(tests) for name, tests in conditions.items()},
    )


def _one_or_all(values: list[Any]) -> Any:
    """Return a single value without a list: it is shorter, and room is scarce."""
    return values[0] if len(values) == 1 else values


def _united(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(one for value in values for one in listed(value)))
