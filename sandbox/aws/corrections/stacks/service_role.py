"""What a stack operation does, it does with the permissions of the stack's service role."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any
from xml.sax.saxutils import escape

from ministack import app
from ministack.core import iam_evaluator, responses, router
from ministack.services import cloudformation, iam, sts
from ministack.services.cloudformation import changesets, handlers, helpers, provisioners, stacks

from tiercel.domain.stack.causes import SANDBOX_CANNOT
from tiercel.sandbox.aws.corrections.permissions import refusals
from tiercel.sandbox.aws.corrections.stacks.arns import UNKNOWN
from tiercel.sandbox.aws.corrections.stacks.operation import (
    Handler,
    Operation,
    ResourceCall,
    StackPlace,
)
from tiercel.sandbox.aws.corrections.stacks.resource_calls import calls_of, is_known
from tiercel.tasks.stack.service_role import published_handlers

_ROLE = "RoleARN"
_SERVICE = "cloudformation.amazonaws.com"
_SESSION_SECONDS = 3600.0
_TAKE_A_ROLE = (
    *("CreateStack", "UpdateStack", "CreateChangeSet"),
    *("DeleteStack", "ContinueUpdateRollback", "RollbackStack"),
)

_caller: ContextVar[str] = ContextVar("caller", default="")
_asked: ContextVar[tuple[str, str]] = ContextVar("asked", default=("", ""))
_sessions: dict[str, str] = {}


def keep_the_service_role_of_a_stack() -> None:
    """A stack keeps the role that it was last given; one that CloudFormation may not be is refused.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
    """
    for action in _TAKE_A_ROLE:
        handlers._ACTION_HANDLERS[action] = _keeping_the_role(handlers._ACTION_HANDLERS[action])
    execute = handlers._ACTION_HANDLERS["ExecuteChangeSet"]

    def execute_change_set(parameters: Any) -> Any:
        change_set = _change_set(parameters)
        stack = cloudformation._stacks.get(change_set["StackName"]) if change_set else None
        if change_set and stack and change_set.get(_ROLE):
            stack[_ROLE] = change_set[_ROLE]
        return execute(parameters)

    handlers._ACTION_HANDLERS["ExecuteChangeSet"] = execute_change_set


def act_as_the_service_role() -> None:
    """Resources are created, updated and deleted by the service role, or without one by the caller.

    Their policies and boundary decide about each call that `resource_calls` tells, and a refusal
    fails the resource. The emulator asks nobody.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
    """
    create, update, delete = (
        provisioners._provision_resource,
        provisioners._update_resource,
        provisioners._delete_resource,
    )

    def provision(kind: str, name: str, properties: Any, stack: str) -> Any:
        if _asked.get() != (stack, name):
            _demand(Operation(Handler.CREATE, kind, stack, name, properties or {}, _place()))
        return create(kind, name, properties, stack)

    def change(
        kind: str, identifier: str, old: Any, new: Any, stack: str, name: str = "", *rest: Any
    ) -> Any:
        if old == new or provisioners._replacing_change(kind, old, new):
            return update(kind, identifier, old, new, stack, name, *rest)
        given = Operation(
            Handler.UPDATE, kind, stack, name, new or {}, _place(), identifier, old or {}
        )
        _demand(given)
        token = _asked.set((stack, name))
        try:
            return update(kind, identifier, old, new, stack, name, *rest)
        finally:
            _asked.reset(token)

    def remove(
        kind: str, identifier: str, properties: Any, stack: str = "", name: str = ""
    ) -> None:
        _demand(
            Operation(Handler.DELETE, kind, stack, name, properties or {}, _place(), identifier)
        )
        delete(kind, identifier, properties, stack, name)

    for module in (provisioners, stacks):
        module._provision_resource = provision
        module._update_resource = change
        module._delete_resource = remove


def keep_own_tags_from_keys() -> None:
    """A key of a stack gets the tags of template and stack, and none of CloudFormation's own.

    The type's schema says `cloudFormationSystemTags: false`.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
    """
    original = stacks._with_stack_tags

    def with_stack_tags(kind: str, *more: Any) -> Any:
        tagged = original(kind, *more)
        if kind != "AWS::KMS::Key":
            return tagged
        kept = [one for one in tagged["Tags"] if not one["Key"].startswith("aws:")]
        return tagged | {"Tags": kept}

    stacks._with_stack_tags = with_stack_tags


def remember_the_caller() -> None:
    """Without a service role CloudFormation has the permissions of whoever calls it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
    """
    original = iam_evaluator.pin_request_caller

    def pin(headers: Any, query: Any = None) -> None:
        _caller.set(router.extract_access_key_id(headers or {}, query or {}) or "")
        original(headers, query)

    iam_evaluator.pin_request_caller = pin


def _keeping_the_role(handler: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def keeping(parameters: Any) -> Any:
        role = helpers._p(parameters, _ROLE)
        if role and not _may_become(role):
            message = f"Role {escape(role)} is invalid or cannot be assumed"
            return helpers._error("ValidationError", message)
        answer = handler(parameters)
        if role and answer[0] == 200:
            # A change set's role becomes the stack's when it is executed.
            holder = _change_set(parameters)
            holder = holder or handlers._resolve_stack(helpers._p(parameters, "StackName"))
            if holder:
                holder[_ROLE] = role
        return answer

    return keeping


def _change_set(parameters: Any) -> Any:
    name = helpers._p(parameters, "ChangeSetName")
    if not name:
        return None
    return changesets._find_change_set(name, helpers._p(parameters, "StackName"))[1]


def _may_become(role_arn: str) -> bool:
    """Whether the role is of this account and trusts CloudFormation."""
    role = iam._roles.get(role_arn.rpartition("/")[2])
    if role is None or role["Arn"] != role_arn:
        return False
    asked = iam_evaluator.EvalContext(
        principal_arn=_SERVICE,
        principal_type="Service",
        principal_account=responses.get_account_id(),
        action="sts:AssumeRole",
        resource_arn=role_arn,
        region=responses.get_region(),
    )
    trust = role["AssumeRolePolicyDocument"]
    decision: str = iam_evaluator.evaluate_resource_policy(trust, asked, _SERVICE).decision
    return decision == "Allow"


def _demand(operation: Operation) -> None:
    """Raise ValueError in CloudFormation's words unless every call is allowed."""
    kind, region = operation.resource_type, operation.place.region
    key, account = key_of(operation.stack), operation.place.account
    principal = _principal(key, account)
    if principal is None:
        return
    published = published_handlers(region, [kind]).get(kind, {})
    if not is_known(operation, published) and kind in provisioners._RESOURCE_HANDLERS:
        raise ValueError(
            f"{SANDBOX_CANNOT}: AWS publishes no permissions for {kind}, so the sandbox cannot "
            f"tell whether {principal.arn} may {operation.step} it"
        )
    require(key, account, calls_of(operation, published))


def require(key: str, account: str, calls: Iterable[ResourceCall]) -> None:
    """Raise ValueError in CloudFormation's words unless whoever has the key may make the calls."""
    principal = _principal(key, account)
    if principal is None:
        return
    for call in calls:
        found = [_refused(key, principal, action, call) for action in call.actions]
        if all(found):
            raise ValueError(_failed(str(found[0]), call.actions[0]))


def _principal(key: str, account: str) -> Any:
    """Return who has the key, None where nothing is asked: of an account's root, or at all."""
    if not app.AUTH:
        return None
    principal = iam_evaluator.resolve_principal(key, account)
    if isinstance(principal, iam_evaluator.AuthError):
        raise ValueError(principal.message)  # noqa: TRY004 - as the emulator's own handlers do
    return None if principal.policies is None else principal


def _refused(
    key: str, principal: Any, action: str, call: ResourceCall
) -> refusals.DeniedCall | None:
    if call.resource == UNKNOWN:
        return _refused_everywhere(principal, action, call)
    service = action.partition(":")[0]
    region = responses.get_region()
    denied = iam_evaluator.enforce(key, action, service, region, call.resource, dict(call.context))
    if isinstance(denied, iam_evaluator.AuthError):
        return refusals.DeniedCall(principal.arn, action, call.resource, denied.message)
    return refusals.last_refusal() if denied else None


def _refused_everywhere(
    principal: Any, action: str, call: ResourceCall
) -> refusals.DeniedCall | None:
    """Refuse what no resource at all is allowed; only a Deny on every resource counts."""
    asked = iam_evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        action=action,
        resource_arn="*",
        region=responses.get_region(),
        service_context={name.lower(): value for name, value in call.context.items()},
        principal_keys=principal.keys,
    )
    layers = [refusals.anywhere(layer) for layer in (principal.policies, *principal.limits)]
    result = iam_evaluator.evaluate(asked, *layers)
    if result.decision == "Allow":
        return None
    return refusals.DeniedCall(principal.arn, action, "*", result.reason)


def key_of(stack_name: str) -> str:
    """Return the access key with which a stack, or the one that it is nested in, is changed."""
    stack = cloudformation._stacks.get(stack_name) or {}
    while not stack.get(_ROLE) and stack.get("_parent_stack_name"):
        stack = cloudformation._stacks.get(stack["_parent_stack_name"]) or {}
    return key_of_role(stack[_ROLE]) if stack.get(_ROLE) else _caller.get()


def key_of_role(role_arn: str) -> str:
    """Return the access key of a session of the role, as CloudFormation has one."""
    key = _sessions.get(role_arn, "")
    if sts._sessions.get(key, {}).get("Expiration", 0.0) > time.time() + 60:
        return key
    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    key = _sessions[role_arn] = "ASIA" + secrets.token_hex(8).upper()
    session = {
        "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/AWSCloudFormation",
        "UserId": f"{sts._role_id(role_arn)}:AWSCloudFormation",
        "SecretAccessKey": secrets.token_urlsafe(30),
        "SessionToken": secrets.token_urlsafe(60),
        "Expiration": time.time() + _SESSION_SECONDS,
        "AccountId": account,
        "PrincipalType": "AssumedRole",
    }
    sts.register_session(key, session)
    return key


def _place() -> StackPlace:
    return StackPlace(responses.get_account_id(), responses.get_region())


def _failed(message: str, action: str) -> str:
    """Return the error in the words of CloudFormation's resource handler."""
    service = action.partition(":")[0].capitalize()
    return (
        f'Resource handler returned message: "{message} (Service: {service}, Status Code: 403, '
        f'Request ID: {uuid.uuid4()})" (RequestToken: {uuid.uuid4()}, '
        "HandlerErrorCode: AccessDenied)"
    )
