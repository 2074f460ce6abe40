"""Local references that Tiercel does not package, and the refusal that says so.

They would reach CloudFormation as they are and fail there later and less clearly.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tiercel.domain.artifact.limits import not_a_mapping
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.values import TemplateDocument

_REFUSED: dict[str, tuple[str, ...]] = {
    "AWS::AppSync::FunctionConfiguration": (
        "RequestMappingTemplateS3Location",
        "ResponseMappingTemplateS3Location",
        "CodeS3Location",
    ),
    "AWS::AppSync::GraphQLSchema": ("DefinitionS3Location",),
    "AWS::AppSync::Resolver": (
        "RequestMappingTemplateS3Location",
        "ResponseMappingTemplateS3Location",
        "CodeS3Location",
    ),
    "AWS::CloudFormation::ModuleVersion": ("ModulePackage",),
    "AWS::CloudFormation::ResourceVersion": ("SchemaHandlerPackage",),
    "AWS::CloudFormation::StackSet": ("TemplateURL",),
    "AWS::CodeCommit::Repository": ("Code",),
    "AWS::ElasticBeanstalk::ApplicationVersion": ("SourceBundle",),
    "AWS::Glue::Job": ("Command",),
    "AWS::Serverless::GraphQLApi": ("SchemaUri", "Functions", "Resolvers"),
}

# Keys below a property in which a path may stand.
_NESTED_PATHS = ("CodeUri", "S3", "ScriptLocation")


def refuse_references(logical_id: str, resource: TemplateDocument, where: str) -> None:
    """Raise RefusedInputError if a resource names a file that Tiercel does not package."""
    resource_type = str(resource.get("Type"))
    properties = mapping(resource, "Properties", where)
    for name in _REFUSED.get(resource_type, ()):
        if _names_local_file(properties.get(name)):
            raise refused_reference(logical_id, f"{resource_type}.{name}", where)
    image = properties.get("ImageUri")
    is_built_here = mapping(resource, "Metadata", where).get("Dockerfile")
    if is_built_here or (is_local(image) and "dkr.ecr." not in str(image)):
        raise refused_reference(logical_id, f"{resource_type}.ImageUri (a container image)", where)


def _names_local_file(value: Any) -> bool:
    if isinstance(value, str):
        return is_local(value)
    return any(is_local(node.get(key)) for _, node in walk(value) for key in _NESTED_PATHS)


def refuse_includes(template: TemplateDocument, where: str) -> None:
    """Raise RefusedInputError if `AWS::Include` names a file, of the template or a part of it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/create-reusable-transform-function-snippets-and-add-to-your-template-with-aws-include-transform.html
    """
    transforms = [("Transform", template.get("Transform"))]
    transforms += [(pointer, node.get("Fn::Transform")) for pointer, node in walk(template)]
    for pointer, value in transforms:
        for macro in value if isinstance(value, list) else [value]:
            if not isinstance(macro, dict) or macro.get("Name") != "AWS::Include":
                continue
            if is_local(mapping(macro, "Parameters", where).get("Location")):
                raise refused_reference(pointer, "Fn::Transform AWS::Include", where)


def is_local(value: Any) -> bool:
    """Tell whether a property's value names something in the repository."""
    return isinstance(value, str) and "://" not in value and not value.startswith("arn:")


def mapping(parent: TemplateDocument, key: str, where: str) -> TemplateDocument:
    """Return the mapping below a key, an empty one if there is none; RefusedInputError for text."""
    value = parent.get(key) or {}
    if not isinstance(value, dict):
        raise not_a_mapping(key, where)
    return value


def walk(value: Any, pointer: str = "") -> Iterator[tuple[str, TemplateDocument]]:
    """Yield every mapping of a value, itself first, with the keys that lead to it."""
    if isinstance(value, dict):
        yield pointer or "/", value
        for key, child in value.items():
            yield from walk(child, f"{pointer}/{key}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from walk(child, f"{pointer}/{index}")


def refused_reference(resource: str, reference: str, where: str) -> RefusedInputError:
    """Return the error for a resource's reference, named by type and property."""
    return RefusedInputError(
        "template.local_reference",
        f"{resource} refers to a local file in a way that Tiercel does not package",
        where=where,
        why=f"{reference} names a file of the repository",
        state="nothing was uploaded or deployed",
        remedy="upload that file in the service's own build and refer to its s3:// address, "
        "or put its content into the template",
    )
