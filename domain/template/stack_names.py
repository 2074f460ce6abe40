"""Names that have to begin with the environment's prefix, and how they are left to CloudFormation.

Policies know roles, and what runs code with them, by the start of their names. CloudFormation's own
names begin with the stack's, which begins with the prefix; so a service may leave them to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.template.boundary import mapped

BY_PREFIX: Mapping[str, str] = {
    "AWS::Batch::ComputeEnvironment": "ComputeEnvironmentName",
    "AWS::Batch::JobDefinition": "JobDefinitionName",
    "AWS::Batch::JobQueue": "JobQueueName",
    "AWS::Batch::SchedulingPolicy": "Name",
    "AWS::CodeBuild::Project": "Name",
    "AWS::CodePipeline::Pipeline": "Name",
    "AWS::ECR::Repository": "RepositoryName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::SageMaker::Endpoint": "EndpointName",
    "AWS::SageMaker::EndpointConfig": "EndpointConfigName",
    "AWS::SageMaker::Model": "ModelName",
    "AWS::SageMaker::NotebookInstance": "NotebookInstanceName",
}
"""The property that names what is called with the prefix wherever it stands: by another name a
stack could run code with another's role."""
PATHS: Mapping[str, str] = {
    "AWS::IAM::InstanceProfile": "Path",
    "AWS::IAM::ManagedPolicy": "Path",
    "AWS::IAM::Role": "Path",
    "AWS::Serverless::Function": "RolePath",
    "AWS::Serverless::StateMachine": "RolePath",
}
"""The property that stands before the name in the ARN, which no policy knows."""
# What only says something to people.
_LABELS = ("Description", "Metadata", "Tags")
# What a name of IAM may go on with.
_OF_NAMES = r"[\w+=,.@-]"
# What CloudFormation makes up for these does not begin with the stack's name.
_OTHERWISE = "AWS::SageMaker::"


def left_to_cloudformation(template: TemplateDocument) -> TemplateDocument:
    """Return the template without such names and paths.

    A name that the template mentions somewhere else stays: what stands there would name nothing.
    """
    texts = list(_texts(template))

    def unnamed(resource: TemplateDocument) -> TemplateDocument:
        kind, properties = str(resource.get("Type")), resource.get("Properties")
        if not isinstance(properties, dict) or kind.startswith(_OTHERWISE):
            return resource
        dropped = {PATHS.get(kind, "")} & properties.keys()
        name = BY_PREFIX.get(kind, "")
        if name in properties and _mentions(properties[name], texts) == 1:
            dropped.add(name)
        kept = {key: value for key, value in properties.items() if key not in dropped}
        return resource | {"Properties": kept} if dropped else resource

    found = template.get("Resources")
    if not isinstance(found, dict):
        return template
    return template | {"Resources": mapped(found, unnamed)}


def _texts(value: Any) -> Iterator[str]:
    """Yield every text of a template, and every function as JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        function = str(next(iter(value), "")) if len(value) == 1 else ""
        if function.startswith(("Ref", "Fn::")) and not isinstance(value.get("Fn::Sub"), str):
            yield json.dumps(value, sort_keys=True, default=str)
        for key, one in value.items():
            if key not in _LABELS:
                yield from _texts(one)


def _mentions(name: Any, texts: list[str]) -> int:
    """Count the places that have the name, the property itself among them."""
    if isinstance(name, dict) and set(name) == {"Fn::Sub"} and isinstance(name["Fn::Sub"], str):
        name = name["Fn::Sub"]
    if isinstance(name, str):
        whole = re.compile(rf"(?<!{_OF_NAMES}){re.escape(name)}(?!{_OF_NAMES})")
        return sum(len(whole.findall(text)) for text in texts) if name else 0
    said = json.dumps(name, sort_keys=True, default=str)
    parameter = name.get("Ref") if isinstance(name, dict) else None
    return sum((text == said) + text.count(f"${{{parameter}}}") for text in texts)
