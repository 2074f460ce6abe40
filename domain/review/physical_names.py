"""Names in templates that an environment's policies do not let be used.

Where names have a prefix, IAM refuses every other one, in the middle of a deploy. Names of roles
have it everywhere. What CloudFormation names by itself begins with the name of the stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tiercel.domain.organization.names import Names
from tiercel.domain.organization.stack_rules import StackNames
from tiercel.domain.review.template_faults import FaultAt, FaultKind, TemplateFault
from tiercel.domain.template.intrinsics import TemplateScope, texts_of
from tiercel.domain.template.outside import PLACEHOLDER

_STACK_NAME = "${AWS::StackName}"
# The property that names a resource, where policies look at the name.
_NAMES: Mapping[str, str] = {
    "AWS::Athena::WorkGroup": "Name",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::CompositeAlarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::CodeDeploy::Application": "ApplicationName",
    "AWS::DynamoDB::GlobalTable": "TableName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Events::EventBus": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::Kinesis::Stream": "Name",
    "AWS::KinesisFirehose::DeliveryStream": "DeliveryStreamName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Lambda::LayerVersion": "LayerName",
    "AWS::Logs::LogGroup": "LogGroupName",
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
    "AWS::WAFv2::WebACL": "Name",
}
_LAYER = "AWS::Serverless::LayerVersion"
_EVENT_NAMES = {
    "CloudWatchEvent": "RuleName",
    "EventBridgeRule": "RuleName",
    "Schedule": "Name",
    "ScheduleV2": "Name",
}
_ROLE = "AWS::IAM::Role"
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
        FaultAt(template=scope.path, path=one.path, text=f"{shown}: write {_rewritten(one, shown)}")
        for scope in scopes
        for one in _named(scope)
        if rules is StackNames.PREFIX or one.kind == _ROLE
        for shown in _unfit(one, scope, known, names)
    ]
    if findings:
        yield TemplateFault(
            kind=FaultKind.NAME,
            remedy=f"begin them with {names.stack_prefix}, as shown; or leave them out: "
            "CloudFormation finds names that fit",
            findings=tuple(dict.fromkeys(findings)),
        )


def _named(scope: TemplateScope) -> Iterator[_Named]:
    for logical_id, resource in scope.resources.items():
        kind, properties = str(resource.get("Type")), resource.get("Properties")
        properties = properties if isinstance(properties, dict) else {}
        path = ("Resources", logical_id)
        name = "RoleName" if kind == _ROLE else _NAMES.get(kind, "")
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
