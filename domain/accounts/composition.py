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

_Statement = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """The policies that a policy begins with, and the groups of each fragment that it goes on with.

    A fragment has three groups: what the `cloudformation` role may `manage`, what functions and
    other roles of stacks may `use` besides, and what the auditor may `read`.
    """

    frames: tuple[str, ...]
    groups: tuple[str, ...]


RECIPES: Mapping[str, Recipe] = {
    "cloudformation-permissions": Recipe(("cloudformation-permissions",), ("manage",)),
    "cloudformation-boundary": Recipe(
        ("cloudformation-permissions", "cloudformation-boundary"), ("manage", "use")
    ),
    "auditor-permissions": Recipe(("auditor-permissions",), ("read",)),
}
"""The composed policies.

The boundary begins with all that the `cloudformation` role may do: so it allows to manage
nothing that the role may not, and it can bound the role itself.
"""


NETWORKED = ("builder-permissions", "verifier-permissions")
"""The policies of builds' roles, which CodeBuild uses to stand in a network of the account's."""
NETWORK = "builds/network"
"""What those policies go on with where the environment names a network."""


def composed(
    recipe: Recipe, frames: Sequence[PolicyDocument], fragments: Iterable[PolicyDocument]
) -> dict[str, Any]:
    """Return the policy: statements of one Sid are one, with the actions and resources of all.

    Each action of such a statement is on all its resources, which is no more than was said:
    no service's action works on another service's resource. Raises ConfigurationError for
    statements of one Sid that are not alike.
    """
    said = [statement for frame in frames for statement in frame["Statement"]]
    for fragment in fragments:
        said += [statement for group in recipe.groups for statement in fragment[group]]
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
            "configuration.fragment",
            "a fragment of a service cannot be used",
            where=f"statement {first['Sid']}",
            why="another statement of this Sid allows or denies, or has conditions, differently",
            state="nothing was called",
            remedy="give the statement another Sid, or the same conditions",
        )
    made = {
        "Sid": first["Sid"],
        "Effect": first["Effect"],
        "Action": _one_or_all(_united(one["Action"] for one in statements)),
        "Resource": _one_or_all(_united(one["Resource"] for one in statements)),
    }
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
    return statement["Effect"], {name: sorted(tests) for name, tests in conditions.items()}


def _one_or_all(values: list[Any]) -> Any:
    """Return a single value without a list: it is shorter, and room is scarce."""
    return values[0] if len(values) == 1 else values


def _united(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(one for value in values for one in listed(value)))
