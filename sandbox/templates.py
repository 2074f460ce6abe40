"""The policies of `policies/`, filled in for one environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from domain.names import Names, Role
from domain.topology import Topology

FOLDER = Path(__file__).parents[1] / "policies"
SOURCE_ENVIRONMENT = "preprod"
PULLING_ENVIRONMENT = "prod"

Policy = dict[str, Any]

_NOBODY = "repo:-/-"


def policy_names() -> tuple[str, ...]:
    """Return the name of every policy."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def render(name: str, values: Mapping[str, str]) -> Policy:
    """Return the policy with every `${placeholder}` filled in.

    A list of texts is given as one value, joined by `", "`, which is also how Terraform's
    templatefile() takes it. Raises KeyError for a placeholder without a value and
    FileNotFoundError for a policy that does not exist.
    """
    text = (FOLDER / f"{name}.json").read_text("utf-8")
    policy: Policy = json.loads(Template(text).substitute(values))
    return policy


def joined(texts: tuple[str, ...]) -> str:
    """Return a list of texts as the value of one quoted placeholder."""
    return '", "'.join(texts)


def policy_values(topology: Topology, environment: str) -> dict[str, str]:
    """Return the value of every placeholder that does not depend on what was created.

    What is left, `artifact_key_arn` and `signing_key_arn`, is known once the keys exist.
    Prod pulls from Preprod; where nobody pulls, an environment is its own source and puller.
    """
    names = Names.of(topology, environment)
    source = _other(topology, environment, PULLING_ENVIRONMENT, SOURCE_ENVIRONMENT)
    puller = _other(topology, environment, SOURCE_ENVIRONMENT, PULLING_ENVIRONMENT)
    return {
        "organization": topology.organization.name,
        "environment": environment,
        "prefix": names.prefix,
        "partition": names.partition,
        "region": names.environment.region,
        "infrastructure_account": names.environment.infrastructure_account,
        "runtime_account": names.environment.runtime_account,
        "external_id": names.environment.external_id,
        "artifact_bucket": names.artifact_bucket,
        "staging_bucket": names.staging_bucket,
        "source_account": source.environment.infrastructure_account,
        "source_bucket": source.artifact_bucket,
        "puller_account": puller.environment.infrastructure_account,
        "puller_role_arn": puller.role_arn(Role.ORCHESTRATOR),
        "github_subjects": joined(github_subjects(topology, environment) or (_NOBODY,)),
    }


def github_subjects(topology: Topology, environment: str) -> tuple[str, ...]:
    """Return the `sub` claims of workflows that may trigger runs of an environment.

    https://docs.github.com/en/actions/reference/security/oidc
    """
    return tuple(
        f"repo:{repository}:environment:{environment}"
        for repository in topology.organization.repositories
    )


def _other(topology: Topology, environment: str, here: str, there: str) -> Names:
    """Return the names of `there` when the environment is `here`, else its own."""
    return Names.of(topology, there if environment == here else environment)
