"""Which actions changes need, by what AWS publishes, and which of them a role lacks.

AWS publishes for each resource type what its handlers may call:
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
The lists are generous: they name what any property may ever need. So that an action is
lacking is told, and only where the change cannot work without it is it called certain.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from tiercel.domain.base.errors import DeployFailedError
from tiercel.domain.base.values import Frozen
from tiercel.domain.stack.plan import Change
from tiercel.domain.stack.policy_evaluation import RolePolicies

Handlers = Mapping[str, tuple[str, ...]]
"""The actions of one type's handlers: `create`, `read`, `update`, `delete`."""

# Actions that change nothing.
_LOOKS = re.compile(r"[^:]+:(Describe|Get|List|BatchGet|Validate).*", re.IGNORECASE)
SERVICE_PREFIXES: Mapping[str, str] = {
    "AmazonMQ": "mq",
    "CertificateManager": "acm",
    "CustomerProfiles": "profile",
    "DevOpsAgent": "aidevops",
    "DirectoryService": "ds",
    "DocDB": "rds",
    "EMR": "elasticmapreduce",
    "ElasticLoadBalancingV2": "elasticloadbalancing",
    "Elasticsearch": "es",
    "EventSchemas": "schemas",
    "KinesisAnalyticsV2": "kinesisanalytics",
    "Location": "geo",
    "MSK": "kafka",
    "OpenSearchServerless": "aoss",
    "Pinpoint": "mobiletargeting",
    "PinpointEmail": "ses",
    "SystemsManagerSAP": "ssm-sap",
    "WAFRegional": "waf-regional",
}
"""What the actions of services begin with whose types are called otherwise."""
# Actions that make something, whatever it is called; tags are set on what is made already.
_MAKES = re.compile(
    r"[^:]+:(Allocate(?!IpamPoolCidr)|Create|Import|Issue|Put|Register|Request|Run)(?!Tags?$).*",
    re.IGNORECASE,
)
_CREATES = re.compile(r"(?:create|register|request|run)(.+?)s?")
# Changes of these call no handler.
_ATTRIBUTES = {
    "CreationPolicy",
    "DeletionPolicy",
    "Metadata",
    "UpdatePolicy",
    "UpdateReplacePolicy",
}


class Lack(Frozen):
    """What the service role lacks for one resource; `logical_id` is its path.

    Without `certain` the change fails. The resource's own service may ask for `possible`.
    `seldom` is what other services may ask for, or what a policy forbids on purpose: most
    resources never need it.
    """

    logical_id: str
    resource_type: str
    certain: tuple[str, ...] = ()
    possible: tuple[str, ...] = ()
    seldom: tuple[str, ...] = ()


class RoleCheck(Frozen):
    """What is lacking, and the types of which nothing is known, neither good nor bad."""

    lacks: tuple[Lack, ...] = ()
    unknown: tuple[str, ...] = ()


def lacking_actions(
    changes: Iterable[Change], published: Mapping[str, Handlers], role: RolePolicies
) -> RoleCheck:
    """Compare what changes need with what a role could be allowed.

    `published` has the handlers of each type for which AWS publishes them.
    """
    lacks, unknown = [], set()
    for change in changes:
        if change.resource_type not in published:
            unknown.add(change.resource_type)
            continue
        lack = _lack(change, published[change.resource_type], role)
        if lack.certain or lack.possible or lack.seldom:
            lacks.append(lack)
    return RoleCheck(lacks=tuple(lacks), unknown=tuple(sorted(unknown)))


def needed_actions(change: Change, handlers: Handlers) -> frozenset[str]:
    """Return every action that the handlers may call to carry out a change."""
    return frozenset(action for step in _steps(change) for action in handlers.get(step, ()))


def refused_for_lack(check: RoleCheck, role_arn: str, where: str) -> DeployFailedError | None:
    """Return the error for a plan that cannot be carried out; None if nothing certain lacks."""
    lines = [
        f"the service role lacks {', '.join(lack.certain)} for {lack.logical_id} "
        f"({lack.resource_type})"
        for lack in check.lacks
        if lack.certain
    ]
    if not lines:
        return None
    return DeployFailedError(
        "plan.role_lacks_permissions",
        "the service role lacks permissions that the plan needs",
        where=f"{where}, role {role_arn}",
        why="\n".join(lines),
        state="no resource was changed",
        remedy="let a person who may provision the account add the service to `stacks.services` "
        "of the environment, or the actions to its fragment in policies/services, and apply that; "
        "or leave the resources out",
    )


def _steps(change: Change) -> dict[str, bool]:
    """Return the handlers that a change calls, and of each whether it surely does.

    A deletion is never sure to matter: CloudFormation deletes when all else is done, and
    leaves behind what it may not delete.
    """
    keeps = "Retain" in change.policy_action
    deletion = {} if keeps else {"delete": False}
    if change.action == "Add":
        return {"create": True, "read": False}
    if change.action == "Remove":
        return {} if keeps else {"read": False, **deletion}
    if change.properties and _ATTRIBUTES.issuperset(change.properties):
        return {}
    if change.replaces:
        return {"create": True, "read": False, **deletion}
    if change.may_replace:
        return {"update": False, "create": False, "read": False, **deletion}
    return {"update": change.action == "Modify" and bool(change.properties), "read": False}


def _lack(change: Change, handlers: Handlers, role: RolePolicies) -> Lack:
    needed = needed_actions(change, handlers)
    missing = {action for action in needed if not role.could_allow(action)}
    service = own_service(change.resource_type, handlers)
    certain: set[str] = set()
    for step, sure in _steps(change).items():
        if sure:
            listed = [one for one in handlers.get(step, ()) if _service(one) == service]
            certain |= _indispensable(change.resource_type, step, listed, missing)
    possible = {
        action
        for action in missing - certain
        if _service(action) == service and not role.forbids(action)
    }
    return Lack(
        logical_id=change.path,
        resource_type=change.resource_type,
        certain=tuple(sorted(certain)),
        possible=tuple(sorted(possible)),
        seldom=tuple(sorted(missing - certain - possible)),
    )


def _indispensable(resource_type: str, step: str, listed: list[str], missing: set[str]) -> set[str]:
    """Return the missing actions of the type's own service that nothing can do without.

    That is `CreateQueue` for a queue, and `CreatePolicy` for a managed policy; all of them, if
    the role has none; all that make something, such as `RunInstances`, if it has none of those;
    and all that change something, if it has only some that look.
    """
    if missing.issuperset(listed):
        return set(listed)
    creating = {one for one in missing.intersection(listed) if _creates(one, resource_type)}
    making = {one for one in listed if step == "create" and _MAKES.fullmatch(one)}
    changing = {one for one in listed if not _LOOKS.fullmatch(one)}
    for those in (making, changing):
        if not creating and missing.issuperset(those):
            creating = those
    return creating


def own_service(resource_type: str, handlers: Handlers) -> str:
    """Return the prefix of the actions that are about the type itself, such as `sqs`.

    It is the one of `SERVICE_PREFIXES`, the one that the type's name begins with, or that begins
    with it; else that of the action which is named after the type. Where none is found, nothing
    is certain: AWS::ApiGatewayV2::VpcLink lists more actions of IAM than of its own service.
    """
    actions = [one for step in ("create", "delete") for one in handlers.get(step, ())]
    service = resource_type.split("::")[1] if resource_type.count("::") == 2 else ""
    named = SERVICE_PREFIXES.get(service, "")
    alike = [one for one in actions if _service(one) == named] or [
        one for one in actions if _alike(_service(one).replace("-", ""), service.lower())
    ]
    about = [one for one in actions if _verb(one, resource_type) in ("create", "delete")]
    counted = Counter(_service(one) for one in alike or about)
    return counted.most_common(1)[0][0] if counted else ""


def _alike(one: str, other: str) -> bool:
    return bool(one and other) and (one.startswith(other) or other.startswith(one))


def _creates(action: str, resource_type: str) -> bool:
    made = _CREATES.fullmatch(action.rpartition(":")[2].lower())
    return made is not None and resource_type.lower().endswith(made[1])


def _verb(action: str, resource_type: str) -> str:
    """Return `create` for `sqs:CreateQueue` and AWS::SQS::Queue, else an empty text."""
    name = resource_type.rpartition("::")[2].lower()
    called = action.rpartition(":")[2].lower()
    return called.removesuffix(name) if called.endswith(name) else ""


def _service(action: str) -> str:
    return action.partition(":")[0].lower()
