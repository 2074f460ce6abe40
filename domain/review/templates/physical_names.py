"""Names in templates that an environment's policies do not let be used.

Where names have a prefix, IAM refuses every other one, in the middle of a deploy. Names of roles,
and of what runs code with roles, have it everywhere. What CloudFormation names by itself begins
with the name of the stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tiercel.domain.organization.names import Names
from tiercel.domain.organization.stack_rules import StackNames
from tiercel.domain.review.templates.template_faults import FaultAt, FaultKind, TemplateFault
from tiercel.domain.template.intrinsics import TemplateScope, texts_of
from tiercel.domain.template.outside import PLACEHOLDER
from tiercel.domain.template.stack_names import BY_PREFIX, PATHS

_STACK_NAME = "${AWS::StackName}"
# The property that names a resource, where policies look at the name.
_NAMES: Mapping[str, str] = {
    "AWS::Athena::WorkGroup": "Name",
    "AWS::AutoScaling::AutoScalingGroup": "AutoScalingGroupName",
    "AWS::AutoScaling::LaunchConfiguration": "LaunchConfigurationName",
    "AWS::Backup::BackupVault": "BackupVaultName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::CompositeAlarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::CodeDeploy::Application": "ApplicationName",
    "AWS::DynamoDB::GlobalTable": "TableName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::ECS::CapacityProvider": "Name",
    "AWS::ECS::Cluster": "ClusterName",
    "AWS::ECS::TaskDefinition": "Family",
    "AWS::ElastiCache::CacheCluster": "ClusterName",
    "AWS::ElastiCache::ReplicationGroup": "ReplicationGroupId",
    "AWS::ElastiCache::ServerlessCache": "ServerlessCacheName",
    "AWS::ElastiCache::SubnetGroup": "CacheSubnetGroupName",
    "AWS::ElastiCache::User": "UserId",
    "AWS::ElastiCache::UserGroup": "UserGroupId",
    "AWS::ElasticLoadBalancing::LoadBalancer": "LoadBalancerName",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "Name",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "Name",
    "AWS::Events::EventBus": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::Kinesis::Stream": "Name",
    "AWS::KinesisFirehose::DeliveryStream": "DeliveryStreamName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Lambda::LayerVersion": "LayerName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::MSK::Cluster": "ClusterName",
    "AWS::MSK::Configuration": "Name",
    "AWS::AmazonMQ::Broker": "BrokerName",
    "AWS::OSIS::Pipeline": "PipelineName",
    "AWS::OpenSearchService::Domain": "DomainName",
    "AWS::Pipes::Pipe": "Name",
    "AWS::RDS::DBCluster": "DBClusterIdentifier",
    "AWS::RDS::DBInstance": "DBInstanceIdentifier",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SSM::Parameter": "Name",
    "AWS::Scheduler::Schedule": "Name",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::Serverless::Function": "FunctionName",
    "AWS::Serverless::LayerVersion": "LayerName",
    "AWS::Serverless::SimpleTable": "TableName",
    "AWS::Serverless::StateMachine": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    "AWS::Timestream::Database": "DatabaseName",
    "AWS::WAFv2::WebACL": "Name",
}
_LAYER = "AWS::Serverless::LayerVersion"
_EVENT_NAMES = {
    "CloudWatchEvent": "RuleName",
    "EventBridgeRule": "RuleName",
    "Schedule": "Name",
    "ScheduleV2": "Name",
}
# What is given to roles by their names.
_ATTACHED = ("AWS::IAM::InstanceProfile", "AWS::IAM::ManagedPolicy", "AWS::IAM::Policy")
# What may stand before the prefix; IAM leaves the first slash of a parameter's name out.
_BEFORE = {
    "AWS::KMS::Alias": "alias/",
    "AWS::Logs::LogGroup": ".*",
    "AWS::SSM::Parameter": "/?",
}


class _Named(NamedTuple):
    kind: str
    path: tuple[str, ...]
    value: Any


def names_that_do_not_fit(
    scopes: Iterable[TemplateScope], names: Names, service: str, values: Mapping[str, str]
) -> Iterator[TemplateFault]:
    """Yield the fault of names that IAM would refuse, if there are any.

    `values` are those of the parameters of the service's own template. A name of which the
    beginning is not known yet passes.
    """
    rules = names.environment.stacks.names
    known = {
        **values,
        "AWS::AccountId": names.environment.runtime_account,
        "AWS::Partition": names.partition,
        "AWS::Region": names.environment.region,
        "AWS::StackName": names.stack(service),
    }
    findings = [
        finding
        for scope in scopes
        for finding in (
            *_wrong_names(scope, names, known, always_alone=rules is not StackNames.PREFIX),
            *_paths(scope, known),
            *_roles_of_others(scope, known, names.stack_prefix),
        )
    ]
    if findings:
        yield TemplateFault(
            kind=FaultKind.NAME,
            remedy=f"begin them with {names.stack_prefix}, as shown; or leave them out: "
            "CloudFormation finds names that fit, and with "
            f'role_names = "stack" under [services.{service}] of tiercel.toml those of roles are '
            "left to it",
            findings=tuple(dict.fromkeys(findings)),
        )


def _wrong_names(
    scope: TemplateScope, names: Names, known: Mapping[str, str], *, always_alone: bool
) -> Iterator[FaultAt]:
    for one in _named(scope):
        if one.kind not in BY_PREFIX and always_alone:
            continue
        for shown in _unfit(one, scope, known, names):
            text = f"{shown}: write {_rewritten(one, shown)}"
            yield FaultAt(template=scope.path, path=one.path, text=text)


def _paths(scope: TemplateScope, known: Mapping[str, str]) -> Iterator[FaultAt]:
    for logical_id, resource in scope.resources.items():
        name, properties = PATHS.get(str(resource.get("Type")), ""), resource.get("Properties")
        if not name or not isinstance(properties, dict) or name not in properties:
            continue
        for text in texts_of(properties[name], scope):
            filled = PLACEHOLDER.sub(lambda match: known.get(match[1], match[0]), text)
            if filled.strip("/") and not filled.startswith("${"):
                place = ("Resources", logical_id, "Properties", name)
                yield FaultAt(template=scope.path, path=place, text=f"{text}: leave the path out")


def _roles_of_others(
    scope: TemplateScope, known: Mapping[str, str], prefix: str
) -> Iterator[FaultAt]:
    """Yield the roles that policies are attached to and that are none of a stack's."""
    for logical_id, resource in scope.resources.items():
        properties = resource.get("Properties")
        if resource.get("Type") not in _ATTACHED or not isinstance(properties, dict):
            continue
        roles = properties.get("Roles")
        for number, role in enumerate(roles if isinstance(roles, list) else ()):
            for text in texts_of(role, scope):
                start, unknown, _ = PLACEHOLDER.sub(
                    lambda match: known.get(match[1], match[0]), text
                ).partition("${")
                if not start.startswith(prefix) and not (unknown and prefix.startswith(start)):
                    place = ("Resources", logical_id, "Properties", "Roles", str(number))
                    told = f"{text}: only roles whose names begin with {prefix}"
                    yield FaultAt(template=scope.path, path=place, text=told)


def _named(scope: TemplateScope) -> Iterator[_Named]:
    for logical_id, resource in scope.resources.items():
        kind, properties = str(resource.get("Type")), resource.get("Properties")
        properties = properties if isinstance(properties, dict) else {}
        path = ("Resources", logical_id)
        name = BY_PREFIX.get(kind) or _NAMES.get(kind, "")
        if name in properties:
            yield _Named(kind, (*path, "Properties", name), properties[name])
        elif kind == _LAYER:
            yield _Named(kind, path, logical_id)  # SAM names it so
        events = properties.get("Events")
        for event_id, event in events.items() if isinstance(events, dict) else ():
            yield from _of_event((*path, "Properties", "Events", str(event_id)), event)


def _of_event(path: tuple[str, ...], event: Any) -> Iterator[_Named]:
    properties = event.get("Properties") if isinstance(event, dict) else None
    if isinstance(properties, dict):
        name = _EVENT_NAMES.get(str(event.get("Type")), "")
        if name in properties:
            yield _Named("AWS::Events::Rule", (*path, "Properties", name), properties[name])


def _unfit(
    one: _Named, scope: TemplateScope, known: Mapping[str, str], names: Names
) -> Iterator[str]:
    """Yield the texts, as they are written, that a name may become and may not."""
    for text in texts_of(one.value, scope):
        filled = PLACEHOLDER.sub(lambda match: known.get(match[1], match[0]), text)
        if not _fits(one.kind, filled, names):
            yield text


def _fits(kind: str, text: str, names: Names) -> bool:
    """Tell whether a name has the prefix, or may have it once all of it is known."""
    start, unknown, _ = text.partition("${")
    before = _BEFORE.get(kind, "")
    if re.match(before + re.escape(names.stack_prefix), start):
        return True
    if kind == "AWS::SSM::Parameter":
        place = f"/{names.organization}/{names.title}/"
        return start.startswith(place) or (bool(unknown) and place.startswith(start))
    if not unknown:
        return False
    return before == ".*" or names.stack_prefix.startswith(start.removeprefix(before))


def _rewritten(one: _Named, text: str) -> str:
    """Return what to write in place of a name: the stack's, which has the prefix, and the rest."""
    before = {"AWS::KMS::Alias": "alias/", "AWS::Logs::LogGroup": "/aws/lambda/"}.get(one.kind, "")
    before = before if text.startswith(before) else ""
    rest = text.removeprefix(before).replace(_STACK_NAME, "").strip("/-_.")
    if one.kind == "AWS::SSM::Parameter":
        rest = rest.replace("/", "-")
    rest = re.sub("--+", "-", rest)
    name = f"!Sub {before}{_STACK_NAME}" + (f"-{rest}" if rest else "")
    return f"LayerName: {name}" if one.kind == _LAYER and one.path[-1] != "LayerName" else name
