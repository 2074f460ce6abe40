"""What an environment's accounts are created from: values of policies, Terraform's variables."""

from __future__ import annotations

import json
from typing import Any

from tiercel.domain.organization.names import RUNTIME_ROLES, Names, Role
from tiercel.domain.organization.stack_rules import StackNames
from tiercel.domain.organization.topology import Topology

# https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html
_SHORTEST_BUILD_TIMEOUT_MINUTES = 5
_NOBODY = "repo:-/-"
# A list in a policy is never empty; no stack has to do with the organization of its account.
_OF_NO_STACK = "organizations:*"
_SEPARATOR = '", "'


def policy_values(topology: Topology, environment: str) -> dict[str, str]:
    """Return the value of every placeholder that does not depend on what was created.

    What is left, `artifact_key_arn` and `signing_key_arn`, is known once the keys exist.
    Where nobody pulls, an environment is its own source and puller. `named` is what the names
    of stacks' resources begin with: nothing, where a template may name them as it likes.
    """
    names = Names.of(topology, environment)
    source = source_of(topology, environment) or names
    found = [one.name for one in topology.pullers_of(environment)]
    stacks, network = names.environment.stacks, names.environment.build_network
    pullers = [Names.of(topology, name) for name in found or [environment]]
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
        "named": names.prefix if stacks.names is StackNames.PREFIX else "",
        "runtime_role_arns": joined(tuple(names.role_arn(role) for role in _entered(names))),
        "services": joined(stacks.services),
        "own_services": json.dumps({one.name: one.text for one in stacks.fragments}),
        "protected": joined((f"arn:*:iam::*:policy/{names.boundary}", *stacks.protected_resources)),
        "protected_actions": joined(stacks.protected_actions or (_OF_NO_STACK,)),
        "build_subnet_arns": joined(_network_arns(names, "subnet", network.subnets)),
        "build_security_group_arns": joined(
            _network_arns(names, "security-group", network.security_groups)
        ),
        "puller_roots": joined(tuple(_root_of(names, one) for one in pullers)),
        "puller_role_arns": joined(tuple(one.role_arn(Role.ORCHESTRATOR) for one in pullers)),
        "github_subjects": joined(github_subjects(topology, environment) or (_NOBODY,)),
    }


def source_of(topology: Topology, environment: str) -> Names | None:
    """Return the names of the environment from which this one pulls; None if it pulls nowhere."""
    source = topology.environment(environment).promotes_from
    return Names.of(topology, source) if source else None


def joined(texts: tuple[str, ...]) -> str:
    """Return a list of texts as the value of one quoted placeholder."""
    return _SEPARATOR.join(texts)


def separated(value: str) -> tuple[str, ...]:
    """Return the texts that `joined` made one value."""
    return tuple(value.split(_SEPARATOR))


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
        "runtime_roles": [role.value for role in names.roles if role in RUNTIME_ROLES],
        "build_timeout_minutes": max(minutes, _SHORTEST_BUILD_TIMEOUT_MINUTES),
        "build_network": names.environment.build_network.model_dump(mode="json"),
    }


def _entered(names: Names) -> tuple[Role, ...]:
    """Return the roles of the RuntimeAccount that the orchestrator becomes."""
    inner = RUNTIME_ROLES - {Role.CLOUDFORMATION}
    return tuple(role for role in names.roles if role in inner)


def _network_arns(names: Names, kind: str, ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ARNs of parts of the InfrastructureAccount's network."""
    place = names.environment
    start = f"arn:{names.partition}:ec2:{place.region}:{place.infrastructure_account}:{kind}"
    return tuple(f"{start}/{one}" for one in ids)


def _root_of(names: Names, puller: Names) -> str:
    """Return the account of a puller, as the policies of the one that is pulled from name it."""
    return f"arn:{names.partition}:iam::{puller.environment.infrastructure_account}:root"
