"""What an environment's accounts are created from: values of policies, Terraform's variables."""

from __future__ import annotations

import json
from typing import Any

from tiercel.domain.organization.names import RUNTIME_ROLES, Names, Role
from tiercel.domain.organization.on_demand import EPHEMERAL
from tiercel.domain.organization.stack_rules import StackNames
from tiercel.domain.organization.topology import Topology

# https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html
_SHORTEST_BUILD_TIMEOUT_MINUTES = 5
_NOBODY = "repo:-/-"
_NO_SERVICE = "-"
# Nobody names a bucket, queue, table or log group so: a list in a policy is never empty.
_OF_NOBODY = "nothing--"
# A list in a policy is never empty; no stack has to do with the organization of its account.
_OF_NO_STACK = "organizations:*"
_SEPARATOR = '", "'


def policy_values(topology: Topology, environment: str) -> dict[str, str]:
    """Return the value of every placeholder that does not depend on what was created.

    What is left, `artifact_key_arn` and `signing_key_arn`, is known once the keys exist.
    Where nobody pulls, an environment is its own source and puller. `named` is what the names
    of stacks' resources begin with: nothing, where a template may name them as it likes. Those of
    `ephemeral` are for the roles that all environments on demand have in common.
    """
    names = names_in(topology, environment)
    host = (names.host or names.environment).name
    source = source_of(topology, host) or names
    found = [one.name for one in topology.pullers_of(host)]
    stacks, network = names.environment.stacks, names.environment.build_network
    pullers = [Names.of(topology, name) for name in found or [host]]
    return _of_stacks_on_demand(topology, host) | {
        "organization": topology.organization.name,
        "environment": environment,
        "prefix": names.prefix,
        "leftovers": names.prefix if names.host else _OF_NOBODY,
        "host": host,
        "host_prefix": names.host_prefix,
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
        "runtime_role_arns": joined(_arns(topology, host, *RUNTIME_ROLES - {Role.CLOUDFORMATION})),
        "deployer_arns": joined(_arns(topology, host, Role.DEPLOYER)),
        "stack_role_arns": joined(_arns(topology, host, Role.DEPLOYER, Role.CLOUDFORMATION)),
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
        "github_subjects": joined(github_subjects(topology, host) or (_NOBODY,)),
    }


def names_in(topology: Topology, environment: str) -> Names:
    """Return the names of an environment; `ephemeral` stands for all environments on demand."""
    is_on_demand = environment == EPHEMERAL
    return Names.ephemeral(topology) if is_on_demand else Names.of(topology, environment)


def _of_stacks_on_demand(topology: Topology, host: str) -> dict[str, str]:
    """Return what the policies of environments on demand say of the services that are shared."""
    share = topology.ephemeral.share if topology.ephemeral else ()
    prefix = Names.of(topology, host).prefix
    return {
        "shared": joined(tuple(f"{prefix}{service}-" for service in share)),
        "shared_services": joined(share or (_NO_SERVICE,)),
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
    return tuple(value.split(_SEPARATOR)) if value else ()


def github_subjects(topology: Topology, environment: str) -> tuple[str, ...]:
    """Return the `sub` claims of workflows that may trigger runs of an environment.

    Of a repository whose ids are known both forms: GitHub gives repositories that were made,
    renamed or moved since July 2026 the one with ids.
    https://docs.github.com/en/actions/reference/security/oidc
    """
    organization = topology.organization
    named = organization.repositories
    numbered = (organization.numbered(one) for one in named)
    return tuple(f"repo:{one}:environment:{environment}" for one in (*named, *numbered) if one)


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
        "ephemeral": _on_demand_variables(topology, environment),
    }


def _on_demand_variables(topology: Topology, environment: str) -> list[dict[str, Any]]:
    """Return what the roles of environments on demand are made from; one or none."""
    if not topology.hosts_on_demand(environment):
        return []
    names = Names.ephemeral(topology)
    return [
        {
            "policy_values": policy_values(topology, EPHEMERAL),
            "boundary": names.boundary,
            "runtime_roles": [role.value for role in names.roles],
        }
    ]


def _arns(topology: Topology, host: str, *wanted: Role) -> tuple[str, ...]:
    """Return the ARNs of roles of the RuntimeAccount, those of environments on demand as well."""
    everybody = [Names.of(topology, host)]
    if topology.hosts_on_demand(host):
        everybody.append(Names.ephemeral(topology))
    return tuple(
        names.role_arn(role) for names in everybody for role in names.roles if role in wanted
    )


def _network_arns(names: Names, kind: str, ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ARNs of parts of the InfrastructureAccount's network."""
    place = names.environment
    start = f"arn:{names.partition}:ec2:{place.region}:{place.infrastructure_account}:{kind}"
    return tuple(f"{start}/{one}" for one in ids)


def _root_of(names: Names, puller: Names) -> str:
    """Return the account of a puller, as the policies of the one that is pulled from name it."""
    return f"arn:{names.partition}:iam::{puller.environment.infrastructure_account}:root"
