"""Generated requests and policies, for the sandbox's evaluator and iam-simulate alike.

Only what `policies/` uses is generated: its condition operators, its kinds of principals,
actions, resources and keys, and policies on up to three sides.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from tests.oracle.judges import Simulation
from tests.oracle.vocabulary import (
    ACCOUNTS,
    ACTION_PATTERNS,
    ACTIONS,
    ARN_OPERATORS,
    ARNS,
    FLAG_OPERATORS,
    FLAGS,
    GLOBAL,
    HERE,
    OWN_SESSIONS,
    PRINCIPALS,
    RESOURCE_PATTERNS,
    SESSIONS,
    SHARED,
    TEXT_OPERATORS,
    TEXTS,
    TRUST_ACTIONS,
)

Statement = dict[str, Any]


SEED = 20_260


def simulations(count: int, seed: int = SEED) -> Iterator[Simulation]:
    """Yield this many simulations; the same seed gives the same ones."""
    choice = random.Random(seed)  # noqa: S311 - nothing here is secret
    for _ in range(count):
        yield _simulation(choice)


def _simulation(choice: random.Random) -> Simulation:
    action = choice.choice(sorted(ACTIONS))
    resources, own_keys = ACTIONS[action]
    service = action.partition(":")[0]
    resource = choice.choice(resources)
    principal = choice.choice(SESSIONS if service in SHARED else OWN_SESSIONS)
    keys = (*GLOBAL, *own_keys)
    made: Simulation = {
        "request": {
            "principal": principal,
            "action": action,
            "resource": {"resource": resource, "accountId": HERE},
            "contextVariables": _context(choice, principal, own_keys),
        },
        "identityPolicies": [
            {"name": str(index), "policy": _policy(choice, keys, near=(action, resource))}
            for index in range(choice.randint(1, 2))
        ],
        "serviceControlPolicies": [],
        "resourceControlPolicies": [],
    }
    if choice.random() < 0.3:
        boundary = _policy(choice, keys, near=(action, resource))
        made["permissionBoundaryPolicies"] = [{"name": "boundary", "policy": boundary}]
    if service == "sts":
        made["resourcePolicy"] = _trust(choice, keys)
    if service == "kms" or (service == "s3" and choice.random() < 0.7):
        made["resourcePolicy"] = _policy(choice, keys, near=(action, resource), shared=True)
    return made


def _context(choice: random.Random, principal: str, own_keys: tuple[str, ...]) -> dict[str, str]:
    account = principal.split(":")[4]
    role = principal.replace(":sts:", ":iam:").replace("assumed-role", "role").removesuffix("/run")
    told = {
        "aws:PrincipalArn": role,
        "aws:PrincipalAccount": account,
        "aws:ResourceAccount": HERE,
        "aws:RequestedRegion": "eu-central-1",
        "aws:SecureTransport": choice.choice(("true", "false")),
        "aws:PrincipalIsAWSService": "false",
    }
    for key in ("aws:SourceAccount", "aws:SourceArn", *own_keys):
        if choice.random() < 0.6:
            values = (TEXTS | ARNS)[key]
            told[key] = choice.choice([value for value in values if "*" not in value])
    return told


def _policy(
    choice: random.Random, keys: tuple[str, ...], near: tuple[str, str], *, shared: bool = False
) -> dict[str, Any]:
    statements = [
        _statement(choice, keys, near, shared=shared) for _ in range(choice.randint(1, 3))
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def _trust(choice: random.Random, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return a trust policy: its resource is the role, its principals are accounts."""
    policy = _policy(choice, keys, near=("", ""), shared=True)
    for statement in policy["Statement"]:
        del statement["Resource"]
        statement["Action"] = choice.sample(TRUST_ACTIONS, choice.randint(1, 2))
        statement["Principal"] = choice.choice(ACCOUNTS)
    return policy


def _statement(
    choice: random.Random, keys: tuple[str, ...], near: tuple[str, str], *, shared: bool
) -> Statement:
    made: Statement = {
        "Effect": choice.choice(("Allow", "Allow", "Allow", "Deny")),
        "Action": _some(choice, ACTION_PATTERNS, near[0]),
        "Resource": _some(choice, RESOURCE_PATTERNS, near[1]),
    }
    if shared:
        made["Principal"] = choice.choice(PRINCIPALS)
    conditions: dict[str, dict[str, Any]] = {}
    for _ in range(choice.choice((0, 0, 1, 1, 2))):
        operator, key, values = _condition(choice, keys)
        conditions.setdefault(operator, {})[key] = values
    if conditions:
        made["Condition"] = conditions
    return made


def _some(choice: random.Random, patterns: tuple[str, ...], wanted: str) -> list[str]:
    """Return one to three patterns; mostly one of them is what is asked for."""
    found = choice.sample(patterns, choice.randint(1, 2))
    return [*found, wanted] if choice.random() < 0.6 else found


def _condition(choice: random.Random, keys: tuple[str, ...]) -> tuple[str, str, Any]:
    kinds: tuple[Callable[[], tuple[str, str, Any]], ...] = (
        lambda: _test(choice, TEXT_OPERATORS, [key for key in keys if key in TEXTS], TEXTS),
        lambda: _test(choice, ARN_OPERATORS, [key for key in keys if key in ARNS], ARNS),
        lambda: (
            choice.choice(FLAG_OPERATORS),
            choice.choice(FLAGS),
            choice.choice(("true", "false")),
        ),
        lambda: ("Null", choice.choice(keys), choice.choice(("true", "false"))),
    )
    return choice.choice(kinds)()


def _test(
    choice: random.Random,
    operators: tuple[str, ...],
    keys: list[str],
    known: dict[str, tuple[str, ...]],
) -> tuple[str, str, Any]:
    key = choice.choice(keys)
    values = choice.sample(known[key], choice.randint(1, 2))
    return choice.choice(operators), key, values if len(values) > 1 else values[0]
