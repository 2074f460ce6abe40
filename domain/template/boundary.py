"""The permissions boundary that every role of a template carries.

The `cloudformation` service role may create roles only with the environment's boundary,
so that a template cannot give more than Tiercel itself may. Templates do not have to know:
the boundary is added when they are packaged, by a parameter that each environment fills.
Roles that SAM makes get it through the property that SAM has for it; which those are is what
SAM's own translator does (https://github.com/aws/serverless-application-model), and the tests
ask it. Roles for which SAM has no property are found by
`domain/review/templates/unbounded_roles.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tiercel.domain.base.values import TemplateDocument

BOUNDARY_PARAMETER = "TiercelPermissionsBoundary"
"""The template parameter that names the managed policy."""
CODEDEPLOY_ROLE = "TiercelCodeDeployRole"
"""The logical id of the role that CodeDeploy gets where a template names none."""
API_LOGS_ROLE = "TiercelApiLogsRole"
"""The logical id of the role by which AppSync writes logs where a template names none."""
LOOP = "Fn::ForEach::"
"""How the key of a loop over resources begins."""

NO_VALUE = {"Ref": "AWS::NoValue"}
_BOUNDARY = {"Ref": BOUNDARY_PARAMETER}
_PRINCIPALS = ("AWS::IAM::Role", "AWS::IAM::User")
_FUNCTION = "AWS::Serverless::Function"
_STATE_MACHINE = "AWS::Serverless::StateMachine"
# Sections of SAM's Globals, which these inherit from.
_GLOBALS = {_FUNCTION: "Function", _STATE_MACHINE: "StateMachine"}
_PREFERENCE = "DeploymentPreference"
_GRAPHQL = "AWS::Serverless::GraphQLApi"
# The roles that SAM would make without a boundary: who becomes them, and AWS's policy for it.
_OWN_ROLES = {
    CODEDEPLOY_ROLE: ("codedeploy", "AWSCodeDeployRoleForLambda"),
    API_LOGS_ROLE: ("appsync", "AWSAppSyncPushToCloudWatchLogs"),
}


def bounded(template: TemplateDocument) -> TemplateDocument:
    """Return the template with the boundary on every role that has none of its own.

    A boundary that is given for one side of a condition only is ours on the other.
    """
    found = template.get("Resources") or {}
    shared = _mapping(template.get("Globals"))
    sections = {kind: _mapping(shared.get(name)) for kind, name in _GLOBALS.items()}
    function = _with_preference(sections[_FUNCTION], is_shared=True)

    def changed(resource: TemplateDocument) -> TemplateDocument:
        section = sections.get(str(resource.get("Type")), {})
        return _bounded(resource, _inherited(section, resource.get("IgnoreGlobals")))

    result = template | {"Resources": mapped(found, changed)}
    if function != sections[_FUNCTION]:
        result |= {"Globals": shared | {"Function": function}}
    if result == template:
        return template
    own = {name: _role(*what) for name, what in _OWN_ROLES.items() if _names(name, result)}
    result["Resources"] = result["Resources"] | own
    return declare_boundary(result)


def declare_boundary(template: TemplateDocument) -> TemplateDocument:
    """Return the template with the parameter that names the boundary."""
    parameters = dict(template.get("Parameters") or {})
    parameters[BOUNDARY_PARAMETER] = {
        "Type": "String",
        "Description": "The managed policy that bounds every role of this stack",
    }
    return template | {"Parameters": parameters}


def mapped(
    resources: TemplateDocument, change: Callable[[TemplateDocument], TemplateDocument]
) -> TemplateDocument:
    """Return the resources, each changed, those of loops too.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach.html
    """
    result: TemplateDocument = {}
    for name, value in resources.items():
        if str(name).startswith(LOOP) and isinstance(value, list):
            result[name] = [mapped(one, change) if isinstance(one, dict) else one for one in value]
        else:
            result[name] = change(value) if isinstance(value, dict) else value
    return result


def _inherited(section: TemplateDocument, ignored: Any) -> TemplateDocument:
    if ignored == "*":
        return {}
    names = ignored if isinstance(ignored, list) else []
    return {name: value for name, value in section.items() if name not in names}


def _bounded(resource: TemplateDocument, inherited: TemplateDocument) -> TemplateDocument:
    kind, properties = resource.get("Type"), resource.get("Properties") or {}
    if kind == _GRAPHQL and isinstance(properties, dict):
        return resource | {"Properties": _with_log_role(properties)}
    if kind not in (*_PRINCIPALS, _FUNCTION, _STATE_MACHINE) or not isinstance(properties, dict):
        return resource
    changed = dict(properties)
    if kind in _PRINCIPALS or _may_make_role(str(kind), properties, inherited):
        own = properties.get("PermissionsBoundary", inherited.get("PermissionsBoundary"))
        filled = _filled(own, _BOUNDARY)
        if filled != own:
            changed["PermissionsBoundary"] = filled
    if kind == _FUNCTION:
        changed = _with_preference(changed, shared=_mapping(inherited.get(_PREFERENCE)))
    if isinstance(properties.get("Events"), dict):
        events = {name: _scheduled(event) for name, event in properties["Events"].items()}
        changed |= {"Events": events}
    return resource if changed == properties else resource | {"Properties": changed}


def _may_make_role(kind: str, properties: TemplateDocument, inherited: TemplateDocument) -> bool:
    """Tell whether SAM may make a role: for a state machine's events it always does."""
    if kind == _STATE_MACHINE and properties.get("Events"):
        return True
    role = properties.get("Role", inherited.get("Role"))
    return bool(_filled(role, _BOUNDARY) != role)


def _scheduled(event: Any) -> Any:
    """Return an event with the boundary if SAM makes a role for it that is no part of the rest."""
    if not isinstance(event, dict) or event.get("Type") != "ScheduleV2":
        return event
    properties = _mapping(event.get("Properties"))
    role, own = properties.get("RoleArn"), properties.get("PermissionsBoundary")
    filled = _filled(own, _BOUNDARY)
    if _filled(role, _BOUNDARY) == role or filled == own:
        return event
    return event | {"Properties": properties | {"PermissionsBoundary": filled}}


def _with_preference(
    properties: TemplateDocument, *, shared: TemplateDocument | None = None, is_shared: bool = False
) -> TemplateDocument:
    """Return a function's properties with a role for CodeDeploy: SAM's own has no boundary.

    What functions share is merged with what each says, so the role stands in one of the two.
    """
    preference = properties.get(_PREFERENCE)
    if not isinstance(preference, dict) or preference.get("Enabled") in (False, "false"):
        return properties
    role = preference.get("Role")
    if role is None and shared and not is_shared:
        return properties
    filled = _filled(role, {"Fn::GetAtt": [CODEDEPLOY_ROLE, "Arn"]})
    if filled == role:
        return properties
    return properties | {_PREFERENCE: preference | {"Role": filled}}


def _with_log_role(properties: TemplateDocument) -> TemplateDocument:
    """Return an API's properties with a role for its logs: SAM's own has no boundary."""
    logging = properties.get("Logging")
    if logging is False or (isinstance(logging, dict) and "Fn::If" in logging):
        return properties
    role = _mapping(logging).get("CloudWatchLogsRoleArn")
    filled = _filled(role, {"Fn::GetAtt": [API_LOGS_ROLE, "Arn"]})
    if filled == role:
        return properties
    return properties | {"Logging": _mapping(logging) | {"CloudWatchLogsRoleArn": filled}}


def _names(role: str, template: TemplateDocument) -> bool:
    return repr({"Fn::GetAtt": [role, "Arn"]}) in repr(template)


def _role(service: str, policy: str) -> TemplateDocument:
    """Return what SAM would have made, with the boundary."""
    trust = {
        "Effect": "Allow",
        "Action": ["sts:AssumeRole"],
        "Principal": {"Service": [f"{service}.amazonaws.com"]},
    }
    arn = f"arn:${{AWS::Partition}}:iam::aws:policy/service-role/{policy}"
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "ManagedPolicyArns": [{"Fn::Sub": arn}],
            "PermissionsBoundary": _BOUNDARY,
        },
    }


def _filled(value: Any, default: TemplateDocument) -> Any:
    """Return the default where there is no value, on whichever side of a condition that is."""
    if value is None or value == NO_VALUE:
        return default
    if isinstance(value, dict) and isinstance(value.get("Fn::If"), list) and len(value) == 1:
        condition, *sides = value["Fn::If"]
        return {"Fn::If": [condition, *(_filled(side, default) for side in sides)]}
    return value


def _mapping(value: Any) -> TemplateDocument:
    return value if isinstance(value, dict) else {}
