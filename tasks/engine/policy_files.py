"""The policies of `policies/`, filled in for one environment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from string import Template
from typing import Any

from tiercel.domain.accounts.composition import (
    NETWORK,
    NETWORKED,
    RECIPES,
    composed,
    composed_policies,
)
from tiercel.domain.accounts.policy_sizes import require_fitting
from tiercel.domain.accounts.provisioning import names_in, policy_values, separated
from tiercel.domain.organization.on_demand import EPHEMERAL
from tiercel.domain.organization.stack_rules import StackRules
from tiercel.domain.organization.topology import Topology
from tiercel.tasks.engine.resources import resource

RenderedPolicy = dict[str, Any]

_KEY_ID_LENGTH = 36
_TRIGGER_TRUST = "trigger-trust"


def policy_folder() -> Path:
    """Return the folder of all policies, `NAME.json` each."""
    return resource("policies")


def render(name: str, values: Mapping[str, str]) -> RenderedPolicy:
    """Return the policy with every `${placeholder}` filled in.

    A list of texts is given as one value, joined by `", "`, which is also how Terraform's
    templatefile() takes it. What is composed has the fragments of the `services` among the
    values. Raises KeyError for a placeholder without a value and FileNotFoundError for a policy
    that does not exist.
    """
    if name not in RECIPES:
        return _with_network(name, values)
    own = json.loads(values["own_services"])
    return _policy(name, separated(values["services"]), own, values)


def require_fitting_policies(topology: Topology, source: str) -> None:
    """Raise ConfigurationError if a choice of `source` makes a policy that IAM would refuse.

    Nothing is called: keys that are not made yet have ARNs of the length that all have.
    """
    on_demand = () if topology.ephemeral is None else (EPHEMERAL,)
    for name in (*topology.environments, *on_demand):
        values = policy_values(topology, name)
        key = "arn:{partition}:kms:{region}:{infrastructure_account}:key/".format_map(values)
        values |= {"artifact_key_arn": key + "x" * _KEY_ID_LENGTH}
        policies = composed_policies(names_in(topology, name))
        if name != EPHEMERAL:
            policies.append(_TRIGGER_TRUST)
        require_fitting(name, {policy: render(policy, values) for policy in policies}, source)


def unfilled(name: str, stacks: StackRules) -> RenderedPolicy:
    """Return a policy with what stacks may use, its placeholders as they stand there."""
    if name not in RECIPES:
        return _document(name, None)
    own = {one.name: one.text for one in stacks.fragments}
    return _policy(name, stacks.services, own, None)


def _with_network(name: str, values: Mapping[str, str]) -> RenderedPolicy:
    document = _document(name, values)
    if name in NETWORKED and values["build_subnet_arns"]:
        more = _document(NETWORK, values)["Statement"]
        document["Statement"] = [*document["Statement"], *more]
    return document


def fragment(name: str) -> RenderedPolicy:
    """Return what the policies say of a service of Tiercel's own, its placeholders unfilled."""
    return _document(f"services/{name}", None)


def _policy(
    name: str, services: Sequence[str], own: Mapping[str, str], values: Mapping[str, str] | None
) -> RenderedPolicy:
    recipe = RECIPES[name]
    frames = [_document(frame, values) for frame in recipe.frames]
    shared = [{**values, "shared": one} for one in separated(values["shared"])] if values else []
    return composed(
        recipe,
        frames,
        _fragments(services, own, values),
        chain.from_iterable(_fragments(services, own, one) for one in shared),
    )


def _fragments(
    services: Sequence[str], own: Mapping[str, str], values: Mapping[str, str] | None
) -> list[RenderedPolicy]:
    return [
        _filled(own[one], values) if one in own else _document(f"services/{one}", values)
        for one in services
    ]


def _document(name: str, values: Mapping[str, str] | None) -> RenderedPolicy:
    return _filled((policy_folder() / f"{name}.json").read_text("utf-8"), values)


def _filled(text: str, values: Mapping[str, str] | None) -> RenderedPolicy:
    policy: RenderedPolicy = json.loads(
        text if values is None else Template(text).substitute(values)
    )
    return policy
