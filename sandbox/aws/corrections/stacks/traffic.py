"""CodeDeploy's resource types, and aliases whose traffic CodeDeploy shifts when they are updated.

Reasons of a failed update are those that AWS was seen to give. What a rollback does to an alias
whose own shift had succeeded was not compared: here it goes back at once.
"""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import uuid
from contextvars import ContextVar
from typing import Any

from ministack.core import responses
from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks

from tiercel.sandbox.aws.codedeploy.deploying import wait_for
from tiercel.sandbox.aws.codedeploy.managed_policies import know_the_policies_of_codedeploy
from tiercel.sandbox.aws.codedeploy.records import CodeDeployError, arn
from tiercel.sandbox.aws.codedeploy.revisions import AFTER, BEFORE, Revision, function_name
from tiercel.sandbox.aws.codedeploy.service import call_codedeploy, register
from tiercel.sandbox.aws.corrections.stacks import service_role
from tiercel.sandbox.aws.corrections.stacks.operation import ResourceCall

_Json = dict[str, Any]

_APPLICATION = "AWS::CodeDeploy::Application"
_GROUP = "AWS::CodeDeploy::DeploymentGroup"
_CONFIG = "AWS::CodeDeploy::DeploymentConfig"
_ALIAS = "AWS::Lambda::Alias"
_POLICY = "CodeDeployLambdaAliasUpdate"
_NAMES = {
    _APPLICATION: "ApplicationName",
    _GROUP: "DeploymentGroupName",
    _CONFIG: "DeploymentConfigName",
}

_deployed: ContextVar[tuple[str, _Json, _Json] | None] = ContextVar("deployed", default=None)
"""The stack that is deployed just now, its template and parameters; none in a rollback."""


def serve_codedeploy() -> None:
    """Deployments of Lambda functions run; the emulator has no CodeDeploy.

    https://docs.aws.amazon.com/codedeploy/latest/APIReference/Welcome.html
    """

    def judge(role: str, action: str, resource: str) -> None:
        key, account = service_role.key_of_role(role), responses.get_account_id()
        service_role.require(key, account, [ResourceCall((action,), resource)])

    know_the_policies_of_codedeploy()
    register(judge)


def make_codedeploy_resources() -> None:
    """Applications, groups and configurations of templates are made in CodeDeploy.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_CodeDeploy.html
    """
    for kind in _NAMES:
        provisioners._RESOURCE_HANDLERS[kind] = {
            "create": lambda name, given, stack, kind=kind: _create(kind, name, given, stack),
            "update": lambda identifier, old, new, stack, name, kind=kind: _update(
                kind, identifier, old, new, stack, name
            ),
            "update_with_logical_id": True,
            "delete": lambda identifier, given, kind=kind: _delete(kind, identifier, given),
        }


def shift_the_traffic_of_aliases() -> None:
    """An alias with the update policy for CodeDeploy waits for the deployment of its new version.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html
    """
    _remember_what_is_deployed()
    runs_apart = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda kind: kind == _ALIAS or runs_apart(kind)
    handler = provisioners._RESOURCE_HANDLERS[_ALIAS]
    original = handler["update"]

    def update(identifier: str, old: _Json, new: _Json, stack: str, name: str = "") -> Any:
        policy = _policy(stack, name)
        if policy and _shifts(old, new):
            _shift(old, new, policy, stack)
            old = old | {"FunctionVersion": new["FunctionVersion"]}
        return original(identifier, old, new, stack, name)

    handler["update"] = update


def _remember_what_is_deployed() -> None:
    deploy, roll_back = stacks._deploy_stack_async, stacks._roll_back_operation
    depends = engine._extract_deps

    async def deploying(
        stack: str, stack_id: str, template: _Json, given: _Json, *more: Any, **named: Any
    ) -> None:
        _deployed.set((stack, template, given))
        await deploy(stack, stack_id, template, given, *more, **named)

    async def rolling_back(*arguments: Any, **named: Any) -> None:
        _deployed.set(None)
        await roll_back(*arguments, **named)

    def dependencies(definition: _Json, names: set[str]) -> set[str]:
        told = {"Properties": definition.get("UpdatePolicy") or {}}
        return set(depends(definition, names) | depends(told, names))

    for module in (stacks, changesets, handlers):
        module._deploy_stack_async = deploying
    stacks._roll_back_operation = rolling_back
    engine._extract_deps = dependencies


def _policy(stack: str, logical_id: str) -> _Json:
    """Return the update policy for CodeDeploy of an alias, resolved; empty without one."""
    deployed, record = _deployed.get(), cloudformation._stacks.get(stack) or {}
    if deployed and deployed[0] == stack:
        _, template, given = deployed
    elif deployed and record.get("_parent_stack_name"):
        template, given = record.get("_template") or {}, record.get("_resolved_params") or {}
    else:
        return {}
    definition = (template.get("Resources") or {}).get(logical_id) or {}
    policy = (definition.get("UpdatePolicy") or {}).get(_POLICY) or {}
    resolved = engine._resolve_refs(
        policy,
        record.get("_resources") or {},
        given,
        record.get("_conditions") or {},
        template.get("Mappings") or {},
        stack,
        record.get("StackId"),
    )
    return {key: value for key, value in resolved.items() if value is not engine._NO_VALUE}


def _shifts(old: _Json, new: _Json) -> bool:
    """Whether another version gets the traffic of the same alias."""
    same = all(old.get(key) == new.get(key) for key in ("FunctionName", "Name"))
    return same and old.get("FunctionVersion") != new.get("FunctionVersion")


def _shift(old: _Json, new: _Json, policy: _Json, stack: str) -> None:
    """Deploy the new version and wait; raises ValueError in CloudFormation's words."""
    of, name = policy["ApplicationName"], policy["DeploymentGroupName"]
    hooks = {
        event: function_name(policy[key])
        for event, key in ((BEFORE, "BeforeAllowTrafficHook"), (AFTER, "AfterAllowTrafficHook"))
        if policy.get(key)
    }
    revision = Revision(
        function_name(new["FunctionName"]),
        new["Name"],
        str(old["FunctionVersion"]),
        str(new["FunctionVersion"]),
        hooks,
    )
    _ask_the_service_role(stack, of, name)
    request = {"applicationName": of, "deploymentGroupName": name, "revision": revision.location()}
    identifier = _called("CreateDeployment", request)["deploymentId"]
    info = wait_for(identifier)
    if info["status"] != "Succeeded":
        why = info.get("errorInformation", {}).get("message", "")
        raise _failed(f"{identifier} failed. {why}", "InternalFailure")


def _ask_the_service_role(stack: str, of: str, name: str) -> None:
    """Raise ValueError unless CloudFormation may deploy.

    https://docs.aws.amazon.com/codedeploy/latest/userguide/auth-and-access-control-permissions-reference.html
    """
    group = arn("deploymentgroup", f"{of}/{name}")
    config = _called("GetDeploymentGroup", {"applicationName": of, "deploymentGroupName": name})
    used = config["deploymentGroupInfo"]["deploymentConfigName"]
    calls = [
        ResourceCall(("codedeploy:CreateDeployment",), group),
        ResourceCall(("codedeploy:GetDeployment",), group),
        ResourceCall(("codedeploy:GetDeploymentConfig",), arn("deploymentconfig", used)),
        ResourceCall(("codedeploy:RegisterApplicationRevision",), arn("application", of)),
    ]
    account = responses.get_account_id()
    service_role.require(service_role.key_of(stack), account, calls)


def _create(kind: str, logical_id: str, given: _Json, stack: str) -> tuple[str, _Json]:
    name = str(given.get(_NAMES[kind]) or provisioners._physical_name(stack, logical_id))
    _called(f"Create{kind.rpartition('::')[2]}", _request(given) | {_camel(_NAMES[kind]): name})
    return name, {}


def _update(
    kind: str, identifier: str, old: _Json, new: _Json, stack: str, logical_id: str
) -> tuple[str, _Json]:
    """Change a group in place; what makes another one of anything is made anew."""
    of = old.get("ApplicationName") == new.get("ApplicationName")
    named = new.get(_NAMES[kind]) in (None, old.get(_NAMES[kind]))
    if kind == _GROUP and of and named:
        asked = _request(new) | {"currentDeploymentGroupName": identifier}
        for absent in ("deploymentGroupName", "tags"):
            asked.pop(absent, None)
        _called("UpdateDeploymentGroup", asked)
        return identifier, {}
    if kind == _APPLICATION and named:
        return identifier, {}
    made: tuple[str, _Json] = provisioners._seeded_create(
        lambda name, given, of_stack: _create(kind, name, given, of_stack), logical_id, new, stack
    )
    return made


def _delete(kind: str, identifier: str, given: _Json) -> None:
    asked = {_camel(_NAMES[kind]): identifier}
    if kind == _GROUP:
        asked["applicationName"] = given.get("ApplicationName", "")
    _called(f"Delete{kind.rpartition('::')[2]}", asked)


def _called(operation: str, request: _Json) -> _Json:
    try:
        return call_codedeploy(operation, request)
    except CodeDeployError as error:
        code = "NotFound" if "DoesNotExist" in error.code else "InvalidRequest"
        raise _failed(f"{error.message} (Service: CodeDeploy, Status Code: 400)", code) from error


def _request(given: Any) -> Any:
    """Return properties in the API's words: names begin small, but for those of tags."""
    if isinstance(given, dict):
        return {
            _camel(name): value if name == "Tags" else _request(value)
            for name, value in given.items()
        }
    if isinstance(given, list):
        return [_request(one) for one in given]
    return {"true": True, "false": False}.get(given, given) if isinstance(given, str) else given


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]


def _failed(message: str, code: str) -> ValueError:
    """Return the error in the words of CloudFormation's resource handler."""
    return ValueError(
        f'Resource handler returned message: "{message}" (RequestToken: {uuid.uuid4()}, '
        f"HandlerErrorCode: {code})"
    )
