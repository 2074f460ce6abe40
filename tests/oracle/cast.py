"""Who appears in cases and attacks, and the shape of both tables.

`cases/*.json` has what the roles are for, beyond what a demo does: each row is allowed.
`attacks/*.json` has what nobody may do, whoever asks: each row is denied. The attacker's own
policy allows everything where it is not one of ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.oracle.world import (
    ENVIRONMENTS,
    GITHUB,
    PLAN,
    TOPOLOGY,
    VALUES,
    Request,
    filled,
    names_of,
)
from tiercel.domain.organization.names import RUNTIME_ROLES, Role
from tiercel.domain.organization.on_demand import EPHEMERAL
from tiercel.domain.organization.stack_rules import StackNames

PAIRS = tuple((name, name) for name in ENVIRONMENTS)
"""By an environment's principal, on the same environment."""
UPWARDS = (("preprod", "prod"),)
"""By Preprod's principal, on Prod."""
DOWNWARDS = (("prod", "preprod"),)
PREFIXED = tuple(
    pair for pair in PAIRS if TOPOLOGY.environment(pair[1]).stacks.names is StackNames.PREFIX
)
"""Where templates may not name their resources as they like."""
MORTAL = tuple(pair for pair in PAIRS if not TOPOLOGY.environment(pair[1]).production)
"""Where stacks may be deleted."""
ON_DEMAND = ((EPHEMERAL, EPHEMERAL),)
"""By the roles of environments on demand, on what is theirs."""
_PAIRS = {
    "own": PAIRS,
    "on demand": ON_DEMAND,
    "on demand on its host": ((EPHEMERAL, "preprod"),),
    "on demand on prod": ((EPHEMERAL, "prod"),),
    "host on demand": (("preprod", EPHEMERAL),),
    "prod on demand": (("prod", EPHEMERAL),),
    "upwards": UPWARDS,
    "downwards": DOWNWARDS,
    "prefix": PREFIXED,
    "mortal": MORTAL,
    "production": tuple(pair for pair in PAIRS if pair not in MORTAL),
}
FOREIGN_ACCOUNT = "999999999999"


@dataclass(frozen=True)
class Row:
    """Why somebody asks for each of these actions on each of these resources.

    Actions and resources are separated by spaces; resources and context have the
    placeholders of policies, filled in for the environment that is acted on.
    """

    who: str
    why: str
    actions: str
    resources: str
    context: Mapping[str, str | list[str]] = field(default_factory=dict)
    pairs: tuple[tuple[str, str], ...] = PAIRS
    bounded: bool = True
    own: bool = True

    def requests(self) -> Iterator[Request]:
        """Yield every request of the row."""
        for by, on in self.pairs:
            context = {filled(name, on): _told(value, on) for name, value in self.context.items()}
            for action in self.actions.split():
                for resource in self.resources.split():
                    target = filled(resource, on)
                    who = principal(self.who, by)
                    yield Request(who, action, target, context, self.bounded, self.own)


def rows_of(table: str) -> list[Row]:
    """Return the rows of `cases` or `attacks`.

    A row's `who` is one or more names; its `pairs` are `own` (each environment on itself),
    `prefix` (those of them whose names have a prefix), `mortal` or `production` (those whose
    stacks may be deleted, or not), `upwards` (Preprod on Prod) or `downwards`; `on demand` (the
    roles of environments on demand on what is theirs), `on demand on its host` or `on demand on
    prod`, and `host on demand` or `prod on demand` the other way round.
    """
    files = sorted((Path(__file__).parent / table).glob("*.json"))
    return [row for path in files for entry in json.loads(path.read_text()) for row in _rows(entry)]


def _rows(entry: dict[str, Any]) -> Iterator[Row]:
    pairs = _PAIRS[entry.pop("pairs", "own")]
    for name in ("actions", "resources"):
        if isinstance(entry[name], list):
            entry[name] = " ".join(entry[name])
    for who in entry.pop("who").split():
        yield Row(who=who, pairs=pairs, **entry)


def requests_of(rows: Iterable[Row]) -> list[Request]:
    """Return the requests of a table, each once."""
    found = {
        (
            each.principal,
            each.action,
            each.resource,
            str(each.context),
            each.bounded,
            each.own,
        ): each
        for row in rows
        for each in row.requests()
    }
    return list(found.values())


def principal(who: str, environment: str) -> str:
    """Return the principal that a table names, of an environment where it has one.

    `planner` is the deployer in a session that plans pull request 17; `stack:NAME` is the role of a
    stack, bounded and with every permission of its own;
    `administrator` and `runtime-administrator` are the accounts' own; `foreign` is an
    administrator elsewhere; `unsigned` is nobody; a name with a dot is a service of AWS.
    """
    known = VALUES[environment]
    infrastructure, runtime = known["infrastructure_account"], known["runtime_account"]
    fixed = {
        "unsigned": "",
        "foreign": f"arn:aws:iam::{FOREIGN_ACCOUNT}:user/administrator",
        "foreign-orchestrator": _session(FOREIGN_ACCOUNT, f"{known['prefix']}orchestrator"),
        "administrator": f"arn:aws:iam::{infrastructure}:user/administrator",
        "runtime-administrator": f"arn:aws:iam::{runtime}:user/administrator",
        "operator": f"arn:aws:iam::{infrastructure}:user/operator",
        "github": f"arn:aws:iam::{infrastructure}:oidc-provider/{GITHUB}",
        "gitlab": f"arn:aws:iam::{infrastructure}:oidc-provider/gitlab.com",
        "cognito": "cognito-identity.amazonaws.com",
    }
    if who in fixed:
        return fixed[who]
    if who == "planner":
        return _session(runtime, names_of(environment).role(Role.DEPLOYER), PLAN)
    if "." in who:
        return who
    if who.startswith("stack:"):
        return _session(runtime, known["prefix"] + who.removeprefix("stack:"))
    account = runtime if who in RUNTIME_ROLES else infrastructure
    name = names_of(environment).role(Role(who)) if who in set(Role) else known["prefix"] + who
    return _session(account, name)


def _session(account: str, role: str, name: str = "run") -> str:
    return f"arn:aws:sts::{account}:assumed-role/{role}/{name}"


def _told(value: str | list[str], environment: str) -> str | list[str]:
    if isinstance(value, list):
        return [filled(each, environment) for each in value]
    return filled(value, environment)
