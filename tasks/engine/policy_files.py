"""The policies of `policies/`, filled in for one environment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from tiercel.domain.accounts.composition import NETWORK, NETWORKED, RECIPES, composed
from tiercel.domain.accounts.policy_sizes import require_fitting
from tiercel.domain.accounts.provisioning import policy_values, separated
from tiercel.domain.organization.topology import Topology
from tiercel.tasks.engine.resources import resource

RenderedPolicy = dict[str, Any]

_KEY_ID_LENGTH = 36


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
    return _policy(name, separated(values["services"]) if name in RECIPES else (), values)


def require_fitting_policies(topology: Topology, source: str) -> None:
    """Raise ConfigurationError if a choice of `source` makes a policy that IAM would refuse.

    Nothing is called: keys that are not made yet have ARNs of the length that all have.
    """
    for name in topology.environments:
        values = policy_values(topology, name)
        key = "arn:{partition}:kms:{region}:{infrastructure_account}:key/".format_map(values)
        values |= {"artifact_key_arn": key + "x" * _KEY_ID_LENGTH}
        require_fitting(name, {policy: render(policy, values) for policy in RECIPES}, source)


def unfilled(name: str, services: Sequence[str]) -> RenderedPolicy:
    """Return the policy with the fragments of services, its placeholders as they stand there."""
    return _policy(name, services, None)


def _policy(name: str, services: Sequence[str], values: Mapping[str, str] | None) -> RenderedPolicy:
    recipe = RECIPES.get(name)
    if recipe is None:
        document = _document(name, values)
        if name in NETWORKED and values and values["build_subnet_arns"]:
            more = _document(NETWORK, values)["Statement"]
            document["Statement"] = [*document["Statement"], *more]
        return document
    frames = [_document(frame, values) for frame in recipe.frames]
    return composed(recipe, frames, [_document(f"services/{one}", values) for one in services])


def _document(name: str, values: Mapping[str, str] | None) -> RenderedPolicy:
    text = (policy_folder() / f"{name}.json").read_text("utf-8")
    policy: RenderedPolicy = json.loads(
        text if values is None else Template(text).substitute(values)
    )
    return policy
