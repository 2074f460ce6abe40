"""What an environment's accounts are created from: values of policies, Terraform's variables."""

from __future__ import annotations

from typing import Any

from tiercel.domain.organization.names import Names, Role
from tiercel.domain.organization.topology import Topology

SOURCE_ENVIRONMENT = "preprod"
PULLING_ENVIRONMENT = "prod"

# https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html
_SHORTEST_BUILD_TIMEOUT_MINUTES = 5
_NOBODY = "repo:-/-"


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


def source_of(topology: Topology, environment: str) -> Names | None:
    """Return the names of the environment from which this one pulls; None if it pulls nowhere."""
    pulls = environment == PULLING_ENVIRONMENT
    return Names.of(topology, SOURCE_ENVIRONMENT) if pulls else None


def joined(texts: tuple[str, ...]) -> str:
    """Return a list of texts as the value of one quoted placeholder."""
    return '", "'.join(texts)


def github_subjects(topology: Topology, environment: str) -> tuple[str, ...]:
    """Return the `sub` claims of workflows that may trigger runs of an environment.

    https://docs.github.com/en/actions/reference/security/oidc
    """
    return tuple(
        f"repo:{repository}:environment:{environment}"
        for repository in topology.organization.repositories
    )


def terraform_variables(topology: Topology, environment: str) -> dict[str, Any]:
    """Return the variables of an environment's root, as its tfvars JSON has them.

    Names and account ids are derived here alone; nobody writes them a second time. Which
    profiles Terraform uses is for the caller to add.
    """
    names = Names.of(topology, environment)
    minutes = -(-topology.builds.timeout_seconds // 60)
    return {
        "policy_values": policy_values(topology, environment),
        "artifact_key_alias": names.artifact_key_alias,
        "signing_key_alias": names.signing_key_alias,
        "boundary": names.boundary,
        "build_timeout_minutes": max(minutes, _SHORTEST_BUILD_TIMEOUT_MINUTES),
    }


def _other(topology: Topology, environment: str, here: str, there: str) -> Names:
    """Return the names of `there` when the environment is `here`, else its own."""
    return Names.of(topology, there if environment == here else environment)
