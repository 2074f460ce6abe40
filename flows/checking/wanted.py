"""How an environment's accounts must be, as the worker's configuration has it."""

from __future__ import annotations

from collections.abc import Mapping

from tiercel.domain.accounts.observations import KeySeen, Unread
from tiercel.domain.accounts.provisioning import github_subjects, policy_values
from tiercel.domain.accounts.wanted_environment import POLICIES, WantedEnvironment
from tiercel.domain.base.values import PolicyDocument
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.tasks.engine.policy_files import render


def key_arn(key: KeySeen | Unread | None) -> str:
    """Return the ARN of a key that was read, else an empty text."""
    return key.arn if isinstance(key, KeySeen) else ""


def wanted_environment(
    topology: Topology, names: Names, artifact_key: str, signing_key: str
) -> WantedEnvironment:
    """Return how the accounts must be; the ARN of a key is empty while it is not known."""
    environment = names.environment.name
    keys = {"artifact_key_arn": artifact_key, "signing_key_arn": signing_key}
    values = policy_values(topology, environment) | {name: arn for name, arn in keys.items() if arn}
    return WantedEnvironment(
        names=names,
        subjects=github_subjects(topology, (names.host or names.environment).name),
        policies={name: _policy(name, values) for name in POLICIES},
        artifact_key=artifact_key,
    )


def _policy(name: str, values: Mapping[str, str]) -> PolicyDocument | Unread:
    try:
        return render(name, values)
    except KeyError as error:
        return Unread(f"the value of {error.args[0]} is not known", passing=True)
