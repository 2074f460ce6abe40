"""Parameters and secrets that a template refers to are read with the service role's permissions."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

from ministack.core import responses
from ministack.services import cloudformation, secretsmanager, ssm
from ministack.services.cloudformation import (
    changesets,
    engine,
    handlers,
    helpers,
    provisioners,
    stacks,
)

from tiercel.domain.base.digests import sha256_hex
from tiercel.sandbox.aws.corrections.stacks.operation import ResourceCall
from tiercel.sandbox.aws.corrections.stacks.service_role import key_of, key_of_role, require

_IMAGE = re.compile(r"/aws/service/(?=.*(?:ami|image_id|canonical|suse)).+")
_MAKE = ("CreateChangeSet", "CreateStack", "UpdateStack")
_key: ContextVar[Callable[[], str] | None] = ContextVar("reads references", default=None)


def read_references_as_the_service_role() -> None:
    """A parameter of Parameter Store, or a secret, that the role may not read is not read.

    That holds for dynamic references, when a resource is made, and for template parameters of
    the types `AWS::SSM::Parameter::Value`, when a change set is. The emulator asks nobody.
    What AWS publishes of its images there has an id of the sandbox's own.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
    https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters.html
    """
    for action in _MAKE:
        handlers._ACTION_HANDLERS[action] = _as_the_role(handlers._ACTION_HANDLERS[action])
    _deploy_as_the_role()
    read_parameter, read_secret = ssm.resolve_parameter_value, secretsmanager.resolve_secret_string

    def parameter(name: str, *more: Any, **other: Any) -> Any:
        _require("ssm:GetParameters", name, f"parameter/{name.removeprefix('/')}")
        return read_parameter(name, *more, **other) or _published_image(name)

    def secret(name: str, *more: Any, **other: Any) -> Any:
        # The ARN of a secret ends in six characters of its own.
        _require("secretsmanager:GetSecretValue", name, f"secret:{name}-000000")
        return read_secret(name, *more, **other)

    ssm.resolve_parameter_value = parameter
    secretsmanager.resolve_secret_string = secret


def resolve_references_in_nested_stacks() -> None:
    """Dynamic references of nested templates are resolved as those of their parent are.

    The emulator leaves them as they are written.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
    """
    create, update = stacks._provision_resource, stacks._update_resource

    def provision(kind: str, name: str, properties: Any, stack: str) -> Any:
        return create(kind, name, _resolved(properties, stack), stack)

    def change(
        kind: str, identifier: str, old: Any, new: Any, stack: str, name: str = "", *rest: Any
    ) -> Any:
        # What the nested stack had is kept as it was written, too.
        before, after = _resolved(old, stack), _resolved(new, stack)
        return update(kind, identifier, before, after, stack, name, *rest)

    for module in (provisioners, stacks):
        module._provision_resource = provision
        module._update_resource = change


def _published_image(name: str) -> str | None:
    """Return an id for a machine image that AWS publishes under a name, None for anything else."""
    return f"ami-{sha256_hex(name.encode())[:17]}" if _IMAGE.fullmatch(name) else None


def _resolved(properties: Any, stack: str) -> Any:
    if not (cloudformation._stacks.get(stack) or {}).get("_parent_stack_name"):
        return properties
    token = _key.set(partial(key_of, stack))
    try:
        return engine._resolve_dynamic_references(properties)[0]
    finally:
        _key.reset(token)


def _as_the_role(handler: Any) -> Any:
    def handling(parameters: Any) -> Any:
        stack = handlers._resolve_stack(helpers._p(parameters, "StackName"))
        role = helpers._p(parameters, "RoleARN")
        name = stack["StackName"] if stack else ""
        token = _key.set(partial(key_of_role, role) if role else partial(key_of, name))
        try:
            return handler(parameters)
        finally:
            _key.reset(token)

    return handling


def _deploy_as_the_role() -> None:
    original = stacks._deploy_stack_async

    async def deploy(stack: str, *arguments: Any, **more: Any) -> None:
        _key.set(partial(key_of, stack))  # in the context of this one operation
        await original(stack, *arguments, **more)

    for module in (stacks, handlers, changesets):
        module._deploy_stack_async = deploy


def _require(action: str, name: str, resource: str) -> None:
    key = _key.get()
    if key is None:
        return
    service, account = action.partition(":")[0], responses.get_account_id()
    arn = f"arn:aws:{service}:{responses.get_region()}:{account}:{resource}"
    arn = name if name.startswith("arn:") else arn
    require(key(), account, [ResourceCall((action,), arn)])
