"""The ARN that a call for a resource of a stack is authorized on, as far as names tell it.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

from string import Template
from typing import Any

from tiercel.sandbox.aws.corrections.stacks.operation import Handler, Operation, StackPlace

UNKNOWN = ""
_NAMES_NO_RESOURCE = frozenset(
    {
        "cognito-identity:CreateIdentityPool",
        "cognito-idp:CreateUserPool",
        "kms:CreateKey",
        "lambda:CreateEventSourceMapping",
    }
)

# The property with the name of a resource, and what its ARN looks like.
_NAMED = {
    "AWS::Athena::WorkGroup": ("Name", "athena:$region:$account:workgroup/$name"),
    "AWS::CloudWatch::Alarm": ("AlarmName", "cloudwatch:$region:$account:alarm:$name"),
    "AWS::CodeDeploy::Application": (
        "ApplicationName",
        "codedeploy:$region:$account:application:$name",
    ),
    "AWS::CodeDeploy::DeploymentConfig": (
        "DeploymentConfigName",
        "codedeploy:$region:$account:deploymentconfig:$name",
    ),
    "AWS::CodeDeploy::DeploymentGroup": (
        "DeploymentGroupName",
        "codedeploy:$region:$account:deploymentgroup:$name",
    ),
    "AWS::DynamoDB::GlobalTable": ("TableName", "dynamodb:$region:$account:table/$name"),
    "AWS::DynamoDB::Table": ("TableName", "dynamodb:$region:$account:table/$name"),
    "AWS::Events::EventBus": ("Name", "events:$region:$account:event-bus/$name"),
    "AWS::Events::Rule": ("Name", "events:$region:$account:rule/$name"),
    "AWS::IAM::Group": ("GroupName", "iam::$account:group/$name"),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", "iam::$account:policy/$name"),
    "AWS::IAM::Role": ("RoleName", "iam::$account:role/$name"),
    "AWS::IAM::User": ("UserName", "iam::$account:user/$name"),
    "AWS::Kinesis::Stream": ("Name", "kinesis:$region:$account:stream/$name"),
    "AWS::KinesisFirehose::DeliveryStream": (
        "DeliveryStreamName",
        "firehose:$region:$account:deliverystream/$name",
    ),
    "AWS::KMS::Alias": ("AliasName", "kms:$region:$account:$name"),
    "AWS::KMS::Key": ("", "kms:$region:$account:key/$name"),
    "AWS::Lambda::EventSourceMapping": (
        "",
        "lambda:$region:$account:event-source-mapping:$name",
    ),
    "AWS::Lambda::Function": ("FunctionName", "lambda:$region:$account:function:$name"),
    "AWS::Lambda::LayerVersion": ("LayerName", "lambda:$region:$account:layer:$name"),
    "AWS::Logs::LogGroup": ("LogGroupName", "logs:$region:$account:log-group:$name:*"),
    "AWS::Pipes::Pipe": ("Name", "pipes:$region:$account:pipe/$name"),
    "AWS::S3::Bucket": ("BucketName", "s3:::$name"),
    "AWS::Scheduler::Schedule": ("Name", "scheduler:$region:$account:schedule/default/$name"),
    "AWS::SecretsManager::Secret": ("Name", "secretsmanager:$region:$account:secret:$name-000000"),
    "AWS::SNS::Topic": ("TopicName", "sns:$region:$account:$name"),
    "AWS::SQS::Queue": ("QueueName", "sqs:$region:$account:$name"),
    "AWS::SSM::Parameter": ("Name", "ssm:$region:$account:parameter/$name"),
    "AWS::StepFunctions::StateMachine": (
        "StateMachineName",
        "states:$region:$account:stateMachine:$name",
    ),
}

# The property that names the resource which calls for another one are authorized on.
_PARENTS = {
    "AWS::IAM::RolePolicy": ("RoleName", "AWS::IAM::Role"),
    "AWS::Lambda::Alias": ("FunctionName", "AWS::Lambda::Function"),
    "AWS::Lambda::EventInvokeConfig": ("FunctionName", "AWS::Lambda::Function"),
    "AWS::Lambda::Permission": ("FunctionName", "AWS::Lambda::Function"),
    "AWS::Lambda::Url": ("TargetFunctionArn", "AWS::Lambda::Function"),
    "AWS::Lambda::Version": ("FunctionName", "AWS::Lambda::Function"),
    "AWS::Logs::LogStream": ("LogGroupName", "AWS::Logs::LogGroup"),
    "AWS::Logs::MetricFilter": ("LogGroupName", "AWS::Logs::LogGroup"),
    "AWS::Logs::SubscriptionFilter": ("LogGroupName", "AWS::Logs::LogGroup"),
    "AWS::S3::BucketPolicy": ("Bucket", "AWS::S3::Bucket"),
    "AWS::SNS::Subscription": ("TopicArn", "AWS::SNS::Topic"),
    "AWS::SNS::TopicPolicy": ("Topics", "AWS::SNS::Topic"),
    "AWS::SQS::QueuePolicy": ("Queues", "AWS::SQS::Queue"),
}
_WITHIN = {"AWS::CodeDeploy::DeploymentGroup": "ApplicationName"}
_APIS = {
    "AWS::ApiGateway::": ("RestApiId", "restapis"),
    "AWS::ApiGatewayV2::": ("ApiId", "apis"),
}


def arn_of(operation: Operation, action: str) -> str:
    """Return what a call for the resource is authorized on.

    `*` if the action names no resource, and an empty text where names do not tell it: then
    the sandbox asks whether the action is allowed on anything.
    """
    if action in _NAMES_NO_RESOURCE:
        return "*"
    kind = operation.resource_type
    if kind in _PARENTS:
        property_name, parent = _PARENTS[kind]
        return arn_of_name(parent, _first(operation.properties.get(property_name)), operation.place)
    if kind == "AWS::CloudFormation::Stack":
        return operation.physical_id or _nested_stack(operation)
    for start, (parent_id, path) in _APIS.items():
        if kind.startswith(start):
            return _of_api(operation, parent_id, path)
    return arn_of_name(kind, _name(operation), operation.place)


def arn_of_name(resource_type: str, name: str, place: StackPlace) -> str:
    """Return the ARN of a resource by its name, ARN or URL; empty when it cannot be told."""
    if not name or name.startswith("arn:"):
        return name
    if resource_type not in _NAMED:
        return UNKNOWN
    if resource_type == "AWS::SQS::Queue":
        name = name.rpartition("/")[2]
    elif resource_type == "AWS::Lambda::Function":
        name = name.rpartition("function:")[2]
    elif resource_type == "AWS::SSM::Parameter":
        name = name.removeprefix("/")
    form = Template(_NAMED[resource_type][1])
    return f"arn:{place.partition}:" + form.substitute(vars(place), name=name)


def _name(operation: Operation) -> str:
    """Return the resource's name: its own, that of the template, or as AWS makes it.

    That of a deployment group stands behind its application's.
    """
    within = operation.properties.get(_WITHIN.get(operation.resource_type, ""))
    own = _own_name(operation)
    return f"{within}/{own}" if within and own else own


def _own_name(operation: Operation) -> str:
    if operation.step is not Handler.CREATE:
        return operation.physical_id
    property_name = _NAMED.get(operation.resource_type, ("", ""))[0]
    if not property_name:
        return UNKNOWN
    made = f"{operation.stack}-{operation.logical_id}-000000000000"
    name = str(operation.properties.get(property_name) or made)
    return name.lower() if operation.resource_type == "AWS::S3::Bucket" else name


def _nested_stack(operation: Operation) -> str:
    place = operation.place
    name = f"{operation.stack}-{operation.logical_id}-000000000000"
    return f"arn:{place.partition}:cloudformation:{place.region}:{place.account}:stack/{name}/*"


def _of_api(operation: Operation, parent_id: str, path: str) -> str:
    place = operation.place
    start = f"arn:{place.partition}:apigateway:{place.region}::/{path}"
    if operation.resource_type.endswith(("::Api", "::RestApi")):
        return f"{start}/{operation.physical_id}" if operation.physical_id else start
    parent = operation.properties.get(parent_id)
    part = operation.resource_type.rpartition("::")[2].lower()
    return f"{start}/{parent}/{part}s" if parent else UNKNOWN


def _first(value: Any) -> str:
    if isinstance(value, list):
        value = value[0] if value else ""
    return str(value or "")
