"""Which types of CloudFormation's own SAM makes of a resource.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html
"""

from __future__ import annotations

from typing import Any

_ROLE = "AWS::IAM::Role"
_PERMISSION = "AWS::Lambda::Permission"
_MAPPING = ("AWS::Lambda::EventSourceMapping",)
_RULE = ("AWS::Events::Rule", _PERMISSION)
_MADE = {
    "AWS::Serverless::Api": (
        "AWS::ApiGateway::Deployment",
        "AWS::ApiGateway::RestApi",
        "AWS::ApiGateway::Stage",
    ),
    "AWS::Serverless::Application": ("AWS::CloudFormation::Stack",),
    "AWS::Serverless::Function": ("AWS::Lambda::Function",),
    "AWS::Serverless::HttpApi": ("AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Stage"),
    "AWS::Serverless::LayerVersion": ("AWS::Lambda::LayerVersion",),
    "AWS::Serverless::SimpleTable": ("AWS::DynamoDB::Table",),
    "AWS::Serverless::StateMachine": ("AWS::StepFunctions::StateMachine",),
}
WITH_ROLE = ("AWS::Serverless::Function", "AWS::Serverless::StateMachine")
"""Resources for which SAM makes a role, unless they name one."""
_MADE_FOR_PROPERTIES = {
    "AutoPublishAlias": ("AWS::Lambda::Alias", "AWS::Lambda::Version"),
    "DeploymentPreference": ("AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup"),
    "FunctionUrlConfig": ("AWS::Lambda::Url",),
}
_MADE_FOR_EVENTS = {
    "Api": (_PERMISSION,),
    "CloudWatchEvent": _RULE,
    "CloudWatchLogs": ("AWS::Logs::SubscriptionFilter", _PERMISSION),
    "DocumentDB": _MAPPING,
    "DynamoDB": _MAPPING,
    "EventBridgeRule": _RULE,
    "HttpApi": (_PERMISSION,),
    "IoTRule": ("AWS::IoT::TopicRule", _PERMISSION),
    "Kinesis": _MAPPING,
    "MQ": _MAPPING,
    "MSK": _MAPPING,
    "S3": (_PERMISSION,),
    "SNS": ("AWS::SNS::Subscription", _PERMISSION),
    "SQS": _MAPPING,
    "Schedule": _RULE,
    "ScheduleV2": ("AWS::Scheduler::Schedule", _ROLE),
    "SelfManagedKafka": _MAPPING,
}


def made_types(resource: dict[str, Any]) -> tuple[str, ...]:
    """Return the types that CloudFormation makes for a template's resource, its own mostly.

    A type of SAM that is not known here is returned as it is: nothing is published for it.
    """
    own = str(resource.get("Type", ""))
    if own not in _MADE:
        return (own,)
    properties = resource.get("Properties")
    if not isinstance(properties, dict):
        return _MADE[own]
    made = set(_MADE[own])
    if own in WITH_ROLE and "Role" not in properties:
        made.add(_ROLE)
    if own in WITH_ROLE and resource.get("Connectors"):
        made.add("AWS::IAM::ManagedPolicy")
    if own in WITH_ROLE:
        made.update(
            *(_MADE_FOR_PROPERTIES[one] for one in properties if one in _MADE_FOR_PROPERTIES)
        )
        made.update(*(_MADE_FOR_EVENTS.get(one, ()) for one in _event_types(properties)))
    return tuple(sorted(made))


def _event_types(properties: dict[str, Any]) -> set[str]:
    events = properties.get("Events")
    found = events.values() if isinstance(events, dict) else ()
    return {str(one.get("Type", "")) for one in found if isinstance(one, dict)}
