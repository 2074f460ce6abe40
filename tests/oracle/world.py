"""The accounts of two environments as policies: who is subject to which, for any request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Template
from typing import Any

from tests.oracle.judges import Simulation
from tests.support.topology import topology_of
from tiercel.domain.accounts.composition import boundary_of
from tiercel.domain.accounts.provisioning import names_in, policy_values
from tiercel.domain.organization.names import Names, Role
from tiercel.domain.organization.on_demand import EPHEMERAL
from tiercel.domain.organization.stack_rules import LISTED_SERVICES, STACK_SERVICES
from tiercel.domain.stack.tokens import pull_request_plans
from tiercel.sandbox.accounts.templates import RenderedPolicy, policy_names, render

_EVERY_SERVICE = f"services = {json.dumps(STACK_SERVICES + LISTED_SERVICES)}"
"""More than a boundary has room for; that is no matter to who judges it."""
_NETWORK = """
[environments.{}.build_network]
vpc = "vpc-01234567"
subnets = ["subnet-01234567", "subnet-89abcdef"]
security_groups = ["sg-01234567"]
"""
_NAMED = topology_of(
    "acme/shop",
    "umbrella/*",
    more=f"[environments.preprod.stacks]\n{_EVERY_SERVICE}\n"
    f'[environments.prod.stacks]\nnames = "prefix"\n{_EVERY_SERVICE}\n'
    + "".join(map(_NETWORK.format, ("preprod", "prod")))
    + '[ephemeral]\nshare = ["storage"]\n',
)
_IDS = {"acme": 11, "acme/shop": 12, "umbrella": 13}
TOPOLOGY = _NAMED.model_copy(
    update={"organization": _NAMED.organization.model_copy(update={"github_ids": _IDS})}
)
ENVIRONMENTS = tuple(TOPOLOGY.environments)
SUBJECTS = (*ENVIRONMENTS, EPHEMERAL)
"""The environments that have roles of their own: those on demand live in Preprod's accounts."""
GITHUB = "token.actions.githubusercontent.com"
PLAN, PLAN_SESSION = "plan", "sessions/plan"
"""How sessions are called here that only plan what a pull request would change; their policy."""
STACK_ID = "0d7e1a52-3c6f-4b39-9f0a-8f6f3f1f9c11"

ADMINISTRATOR: RenderedPolicy = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}

# https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
_DEFAULT_KEY = "default-key"

_SHORT = {
    "role": "arn:aws:iam::${runtime_account}:role/${prefix}",
    "own_role": "arn:aws:iam::${infrastructure_account}:role/${prefix}",
    "boundary": "arn:aws:iam::${runtime_account}:policy/${prefix}boundary",
    "stack": "arn:aws:cloudformation:${region}:${runtime_account}:stack/${prefix}shop/${stack_id}",
    "other_stack": "arn:aws:cloudformation:${region}:${runtime_account}:stack/payroll/${stack_id}",
    "artifacts": "arn:aws:s3:::${artifact_bucket}",
    "source": "arn:aws:s3:::${source_bucket}",
    "staging": "arn:aws:s3:::${staging_bucket}",
    "project": "arn:aws:codebuild:${region}:${infrastructure_account}:project/${prefix}",
    "secret": "arn:aws:secretsmanager:${region}:${infrastructure_account}:secret:${prefix}",
    "network": "arn:aws:ec2:${region}:${infrastructure_account}:",
    "build_log": "arn:aws:logs:${region}:${infrastructure_account}:log-group:"
    "/aws/codebuild/${prefix}",
}
"""What cases and attacks write for the start of ARNs that they often name."""

Document = tuple[str, str]
"""An environment and a policy of it."""


@dataclass(frozen=True)
class Request:
    """One call: who does what to which resource, and what AWS knows about it besides.

    To see that each policy holds alone, `bounded` False takes the boundary away, and `own`
    False gives the principal every permission of its own.
    """

    principal: str
    action: str
    resource: str
    context: Mapping[str, str | list[str]] = field(default_factory=dict)
    bounded: bool = True
    own: bool = True


@dataclass(frozen=True)
class Parts:
    """The policies that decide about a request; None stands for one that allows everything."""

    identity: Document | None
    boundary: Document | None
    resource: Document | None

    def documents(self) -> set[Document]:
        """Return the policies that are ours."""
        return {part for part in (self.identity, self.boundary, self.resource) if part}


def values(environment: str) -> dict[str, str]:
    """Return the value of every placeholder of an environment."""
    found = policy_values(TOPOLOGY, environment)
    place = f"arn:{found['partition']}:kms:{found['region']}:{found['infrastructure_account']}"
    return found | {
        "artifact_key_arn": f"{place}:key/6b1c0000-0000-4000-8000-00000000a47f",
        "signing_key_arn": f"{place}:key/6b1c0000-0000-4000-8000-000000005164",
        "planned_stack": f"{found['prefix']}shop",
        "plans": pull_request_plans(17),
    }


VALUES = {environment: values(environment) for environment in SUBJECTS}


def filled(text: str, environment: str) -> str:
    """Return a text with an environment's values for the placeholders that policies have.

    Beside them there are those of `_SHORT`, `stack_id`, `github` and the keys of the source.
    """
    source = VALUES["preprod"]
    more = {
        "stack_id": STACK_ID,
        "github": GITHUB,
        "source_key": source["artifact_key_arn"],
        "source_signing_key": source["signing_key_arn"],
    }
    return Template(Template(text).safe_substitute(_SHORT)).substitute(VALUES[environment] | more)


def ours() -> dict[Document, RenderedPolicy]:
    """Return every policy of every environment."""
    return {
        (environment, name): render(name, VALUES[environment])
        for environment in SUBJECTS
        for name in policy_names()
    }


def documents() -> dict[Document, RenderedPolicy]:
    """Return every policy of every environment, and those of sessions and of keys of stacks."""
    sessions = {(name, PLAN_SESSION): render(PLAN_SESSION, VALUES[name]) for name in ENVIRONMENTS}
    keys = {(name, _DEFAULT_KEY): _default_key_policy(name) for name in ENVIRONMENTS}
    return ours() | sessions | keys


def account_of(resource: str, principal: str) -> str:
    """Return the account that owns a resource; where its ARN names none, the caller's."""
    for environment in ENVIRONMENTS:
        known = VALUES[environment]
        name = resource.rpartition(":::")[2].partition("/")[0]
        if name == known["artifact_bucket"]:
            return known["infrastructure_account"]
        if name == known["staging_bucket"]:
            return known["runtime_account"]
    fields = (resource.split(":") + [""] * 5)[4]
    owner = (principal.split(":") + [""] * 5)[4]
    return fields if fields.isdigit() else owner or "999999999999"


def parts_of(request: Request) -> Parts:
    """Return the policies that decide about a request."""
    identity, bounded = _identity(request.principal)
    boundary = (bounded, boundary_of(names_of(bounded))) if bounded and request.bounded else None
    if identity and request.principal.endswith(f"/{PLAN}"):
        # A session can do what its own policy allows too, as with a boundary.
        boundary = (identity[0], PLAN_SESSION)
    identity = identity if request.own else None
    return Parts(identity, boundary, _resource_policy(request.action, request.resource))


def simulation_of(request: Request, policies: Mapping[Document, RenderedPolicy]) -> Simulation:
    """Return a request with all that decides about it, in the words of iam-simulate."""
    parts = parts_of(request)
    identity = policies[parts.identity] if parts.identity else ADMINISTRATOR
    signed = request.principal.startswith("arn:") and ":oidc-provider/" not in request.principal
    found: Simulation = {
        "request": {
            "principal": request.principal or {"type": "Anonymous"},
            "action": request.action,
            "resource": {
                "resource": request.resource,
                "accountId": account_of(request.resource, request.principal),
            },
            "contextVariables": _context(request),
        },
        "identityPolicies": [{"name": "identity", "policy": identity}] if signed else [],
        "serviceControlPolicies": [],
        "resourceControlPolicies": [],
    }
    if parts.boundary:
        found["permissionBoundaryPolicies"] = [
            {"name": "boundary", "policy": policies[parts.boundary]}
        ]
    if parts.resource:
        found["resourcePolicy"] = policies[parts.resource]
    return found


def role_of_session(principal: str) -> str:
    """Return the ARN of a session's role; any other principal is itself."""
    head, _, session = principal.partition(":assumed-role/")
    if not session:
        return principal
    return f"{head.replace(':sts:', ':iam:')}:role/{session.split('/')[0]}"


def names_of(environment: str) -> Names:
    """Return the names of an environment."""
    return names_in(TOPOLOGY, environment)


def _context(request: Request) -> dict[str, Any]:
    principal = request.principal
    known: dict[str, Any] = {
        "aws:SecureTransport": "true",
        "aws:RequestedRegion": _region_of(request.resource),
        "aws:PrincipalIsAWSService": json.dumps(principal.endswith(".amazonaws.com")),
        "aws:ResourceAccount": account_of(request.resource, principal),
    }
    if principal.startswith("arn:"):
        known["aws:PrincipalArn"] = role_of_session(principal)
        known["aws:PrincipalAccount"] = principal.split(":")[4]
    return known | dict(request.context)


def _region_of(resource: str) -> str:
    """Return the region that a resource is in: a call about it is made there."""
    return (resource.split(":") + [""] * 4)[3] or "eu-central-1"


def _identity(principal: str) -> tuple[Document | None, str]:
    """Return the policy of a principal, and the environment whose boundary it is in."""
    role = role_of_session(principal)
    for environment in SUBJECTS:
        known = VALUES[environment]
        start = f"arn:{known['partition']}:iam::"
        if role == f"{start}{known['infrastructure_account']}:user/operator":
            return (environment, "operator-permissions"), ""
        for account in (known["infrastructure_account"], known["runtime_account"]):
            name = role.removeprefix(f"{start}{account}:role/{known['prefix']}")
            if name == role:
                continue
            policy = "operator" if name == "runner" else name
            bounded = account == known["runtime_account"] and name not in {
                "deployer",
                "auditor",
                "destroyer",
            }
            ours = f"{policy}-permissions" in policy_names()
            if not ours:
                return None, environment if bounded else ""
            if environment == EPHEMERAL and policy == Role.CLOUDFORMATION:
                return (environment, "ephemeral-permissions"), ""
            return (environment, f"{policy}-permissions"), environment if bounded else ""
    return None, ""


def _default_key_policy(environment: str) -> RenderedPolicy:
    root = f"arn:aws:iam::{VALUES[environment]['runtime_account']}:root"
    allowed = {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [allowed]}


def _resource_policy(action: str, resource: str) -> Document | None:
    for environment in ENVIRONMENTS:
        known = VALUES[environment]
        bucket = resource.rpartition(":::")[2].partition("/")[0]
        found = {
            known["artifact_bucket"]: "artifact-bucket",
            known["staging_bucket"]: "staging-bucket",
            known["artifact_key_arn"]: "artifact-key",
            known["signing_key_arn"]: "signing-key",
        }
        if name := found.get(bucket) or found.get(resource):
            return environment, name
        if ":kms:" in resource and f":{known['runtime_account']}:key/" in resource:
            return environment, _DEFAULT_KEY
    for environment in SUBJECTS if action.startswith("sts:") else ():
        role = resource.partition(f":role/{VALUES[environment]['prefix']}")[2]
        if role:
            trust = "ecs-tasks" if role == "runner" or role.startswith("ecs-") else role
            return environment, f"{trust}-trust"
    return None
