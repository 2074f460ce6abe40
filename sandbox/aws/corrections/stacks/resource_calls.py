"""Which calls CloudFormation makes for a resource, as AWS's published schemas tell.

A schema lists for each handler of a type every action that any property may ever need. What
one resource needs is less, by these rules:

- the action that is named after the type, such as `sqs:CreateQueue`; where the handler has
  none, one at least of those of the type's own service that change something;
- an action that a property calls for, where the template has that property;
- `iam:PassRole` for a role that a property names, and reading the objects that one names;
- the tagging action, where tags of the user's own are set.

Reads that follow a change, and actions of other services, are not asked for. See decision 9
for what the lists are like.
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tiercel.domain.stack.needed_actions import Handlers, own_service
from tiercel.sandbox.aws.corrections.stacks.arns import UNKNOWN, arn_of, arn_of_name
from tiercel.sandbox.aws.corrections.stacks.operation import (
    Handler,
    Operation,
    Properties,
    ResourceCall,
)
from tiercel.sandbox.aws.corrections.stacks.properties import (
    CALLED,
    CHANGED,
    GONE,
    GONE_WITH_THE_RESOURCE,
    NOTHING,
    SET,
)

_BOUNDARY = "iam:PermissionsBoundary"
_FUNCTION = "lambda:FunctionArn"
_NO_CHANGES = ("batchget", "describe", "get", "head", "list", "query", "scan", "tag", "untag")
_TAGS = re.compile(r"tag|(add|create)tags|put\w+tagging")
_VERBS = {
    Handler.CREATE: "(add|create|publish|put|register)",
    Handler.UPDATE: "(modify|put|set|update)",
    Handler.DELETE: "(delete|deregister|remove)",
}

_ATTACHED = {
    "Groups": ("Group", "AWS::IAM::Group"),
    "Roles": ("Role", "AWS::IAM::Role"),
    "Users": ("User", "AWS::IAM::User"),
}
_ROLES = ("Role", "RoleArn", "ExecutionRoleArn", "ServiceRoleArn", "TaskRoleArn")
_PASSED_TO = {"cloudwatch": "events", "ecs": "ecs-tasks", "stepfunctions": "states"}
_OBJECTS = ("Code", "Content", "BodyS3Location", "DefinitionS3Location")


def is_known(operation: Operation, handlers: Handlers) -> bool:
    """Tell whether it can be said which calls are made; if not, nothing may be allowed."""
    return bool(handlers) or operation.resource_type in NOTHING or _is_custom(operation)


def calls_of(operation: Operation, handlers: Handlers) -> list[ResourceCall]:
    """Return the calls that CloudFormation makes for a resource."""
    kind = operation.resource_type
    if kind in NOTHING or not is_known(operation, handlers):
        return []
    if _is_custom(operation):
        return [_custom(operation)]
    if kind == "AWS::IAM::Policy":
        return list(_policy_of_identities(operation))
    step = operation.step
    if step is Handler.UPDATE and not handlers.get(step):
        step = Handler.CREATE  # what cannot be updated is made anew
    listed = handlers.get(step, ())
    own = own_service(kind, handlers)
    first = operation.step is not Handler.UPDATE or _changes_more(operation)
    of_type = list(_of_the_type(operation, step, listed, own)) if first else []
    of_parts = [*_for_properties(operation), *_for_managed_policies(operation)]
    if operation.step is Handler.DELETE:
        return of_parts + of_type
    more = [*_for_tags(operation, listed, own), *_passing(operation), *_reading(operation)]
    return of_type + of_parts + more


def _of_the_type(
    operation: Operation, step: Handler, listed: tuple[str, ...], own: str
) -> Iterator[ResourceCall]:
    kind = operation.resource_type
    name = kind.rpartition("::")[2].lower()
    actions = [one for one in listed if not own or one.partition(":")[0].lower() == own]
    called = CALLED.get((kind, operation.step))
    pattern = f"{_VERBS[step]}{name}s?"
    named = [one for one in actions if re.fullmatch(pattern, _verb_of(one))]
    named = [called] if called else named
    if named:
        yield from (_call(operation, one) for one in named)
        return
    changing = tuple(one for one in actions if not _verb_of(one).startswith(_NO_CHANGES))
    if changing:
        yield ResourceCall(changing, arn_of(operation, changing[0]))


def _verb_of(action: str) -> str:
    return action.partition(":")[2].lower()


def _for_properties(operation: Operation) -> Iterator[ResourceCall]:
    kind, step = operation.resource_type, operation.step
    given = {} if step is Handler.DELETE else dict(SET.get(kind, {}))
    if step is Handler.UPDATE:
        given |= CHANGED.get(kind, {})
    for name in sorted(operation.touched & given.keys()):
        if operation.properties.get(name):
            yield _call(operation, given[name])
    for name, action in GONE.get(kind, {}).items():
        if _goes(operation, name, action):
            yield _call(operation, action)


def _goes(operation: Operation, name: str, action: str) -> bool:
    if operation.step is Handler.DELETE:
        return bool(operation.properties.get(name)) and action in GONE_WITH_THE_RESOURCE
    return bool(operation.before.get(name)) and not operation.properties.get(name)


def _changes_more(operation: Operation) -> bool:
    """Whether an update changes more than what has calls of its own."""
    kind = operation.resource_type
    own = {"Tags", "ManagedPolicyArns"}
    own = own.union(*(table.get(kind, {}) for table in (SET, CHANGED, GONE)))
    return bool(operation.touched - own)


def _for_tags(operation: Operation, listed: tuple[str, ...], own: str) -> Iterator[ResourceCall]:
    """Setting tags; those that begin with aws: are CloudFormation's own."""
    if "Tags" not in operation.touched:
        return
    actions = tuple(
        one for one in listed if one.partition(":")[0].lower() == own and _TAGS.match(_verb_of(one))
    )
    if actions and any(not key.startswith("aws:") for key in _tags(operation)):
        yield ResourceCall(actions, arn_of(operation, actions[0]), _context(operation, actions[0]))


def _for_managed_policies(operation: Operation) -> Iterator[ResourceCall]:
    """Attaching managed policies to a role, and taking them away."""
    if operation.resource_type == "AWS::IAM::ManagedPolicy":
        yield from _attachments(operation, "Attach", "Detach")
    if operation.resource_type != "AWS::IAM::Role":
        return
    has = set(operation.properties.get("ManagedPolicyArns") or ())
    had = set(operation.before.get("ManagedPolicyArns") or ())
    if operation.step is Handler.DELETE:
        has, had = set(), has
    for verb, policies in (("Attach", has - had), ("Detach", had - has)):
        for policy in sorted(policies):
            action = f"iam:{verb}RolePolicy"
            context = _context(operation, action) | {"iam:PolicyARN": policy}
            yield ResourceCall((action,), arn_of(operation, action), context)


def _policy_of_identities(operation: Operation) -> Iterator[ResourceCall]:
    """An inline policy is put into each role, user and group that has it."""
    yield from _attachments(operation, "Put", "Delete")


def _attachments(operation: Operation, give: str, take: str) -> Iterator[ResourceCall]:
    verb = take if operation.step is Handler.DELETE else give
    for name, (kind, resource_type) in _ATTACHED.items():
        for one in operation.properties.get(name) or ():
            arn = arn_of_name(resource_type, str(one), operation.place)
            yield ResourceCall((f"iam:{verb}{kind}Policy",), arn)


def _passing(operation: Operation) -> Iterator[ResourceCall]:
    """Naming a role needs iam:PassRole, for the service that gets it."""
    service = operation.resource_type.split("::")[1].lower()
    if service == "iam":
        return
    context = {"iam:PassedToService": f"{_PASSED_TO.get(service, service)}.amazonaws.com"}
    for role in sorted(_roles(operation.properties) - _roles(operation.before)):
        yield ResourceCall(
            ("iam:PassRole",), arn_of_name("AWS::IAM::Role", role, operation.place), context
        )


def _roles(properties: Properties) -> set[str]:
    """Return the roles that a resource and its targets name."""
    targets = properties.get("Targets") or properties.get("Target") or []
    holders = [properties, *(targets if isinstance(targets, list) else [targets])]
    found = (one.get(name) for one in holders if isinstance(one, Mapping) for name in _ROLES)
    return {str(role) for role in found if role}


def _reading(operation: Operation) -> Iterator[ResourceCall]:
    """An object that a property names is read."""
    for name in sorted(operation.touched.intersection(_OBJECTS)):
        where = operation.properties.get(name)
        if not isinstance(where, Mapping):
            continue
        bucket = where.get("S3Bucket") or where.get("Bucket")
        key = where.get("S3Key") or where.get("Key")
        if bucket and key:
            version = where.get("S3ObjectVersion") or where.get("Version")
            action = "s3:GetObjectVersion" if version else "s3:GetObject"
            yield ResourceCall((action,), f"arn:{operation.place.partition}:s3:::{bucket}/{key}")


def _is_custom(operation: Operation) -> bool:
    kind = operation.resource_type
    return kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource"


def _custom(operation: Operation) -> ResourceCall:
    """A custom resource's function is invoked, or its topic is published to."""
    token = str(operation.properties.get("ServiceToken") or UNKNOWN)
    action = "sns:Publish" if ":sns:" in token else "lambda:InvokeFunction"
    return ResourceCall((action,), token)


def _call(operation: Operation, action: str) -> ResourceCall:
    return ResourceCall((action,), arn_of(operation, action), _context(operation, action))


def _context(operation: Operation, action: str) -> dict[str, str]:
    """Return what a call says besides: tags that it sets, a role's boundary, a mapping's function.

    A role that is made has the boundary of its template; one that exists has its own.
    """
    is_made = operation.step is Handler.CREATE
    told = {}
    if is_made or _TAGS.match(_verb_of(action)):
        told = {f"aws:RequestTag/{key}": value for key, value in _tags(operation).items()}
    boundary = operation.properties.get("PermissionsBoundary")
    is_role = operation.resource_type == "AWS::IAM::Role"
    if boundary and is_role and (is_made or action == "iam:PutRolePermissionsBoundary"):
        told[_BOUNDARY] = str(boundary)
    if operation.resource_type == "AWS::Lambda::EventSourceMapping":
        function = str(operation.properties.get("FunctionName") or UNKNOWN)
        told[_FUNCTION] = arn_of_name("AWS::Lambda::Function", function, operation.place)
    return told


def _tags(operation: Operation) -> dict[str, str]:
    """Return the tags that a resource gets, its stack's among them."""
    tags = operation.properties.get("Tags") or {}
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    return {str(one.get("Key", "")): str(one.get("Value", "")) for one in tags}
