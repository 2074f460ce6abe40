"""References that Tiercel does not package, and the refusals that say so.

Local ones would reach CloudFormation as they are and fail there later and less clearly. What lies
elsewhere could be changed after it was reviewed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.limits import not_a_mapping
from tiercel.domain.base.text import printable
from tiercel.domain.base.values import TemplateDocument

UNPACKAGED: dict[str, tuple[str, ...]] = {
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
"""Properties that name a file by its place, and that Tiercel does not package."""
NESTED_PATHS = ("CodeUri", "S3", "ScriptLocation")
"""Keys below such a property in which the place may stand."""


def refuse_references(logical_id: str, resource: TemplateDocument, where: str) -> None:
    """Raise RefusedInputError if a resource names a file that Tiercel does not package."""
    resource_type = str(resource.get("Type"))
    properties = mapping(resource, "Properties", where)
    for name in UNPACKAGED.get(resource_type, ()):
        if _names_local_file(properties.get(name)):
            raise refused_reference(logical_id, f"{resource_type}.{name}", where)
    image = properties.get("ImageUri")
    is_built_here = mapping(resource, "Metadata", where).get("Dockerfile")
    if is_built_here or (is_local(image) and "dkr.ecr." not in str(image)):
        raise refused_reference(logical_id, f"{resource_type}.ImageUri (a container image)", where)


def _names_local_file(value: Any) -> bool:
    if isinstance(value, str):
        return is_local(value)
    return any(is_local(node.get(key)) for _, node in walk(value) for key in NESTED_PATHS)


def refuse_includes(template: TemplateDocument, where: str) -> None:
    """Raise RefusedInputError if `AWS::Include` reads anything, for the template or a part of it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/create-reusable-transform-function-snippets-and-add-to-your-template-with-aws-include-transform.html
    """
    transforms = [("Transform", template.get("Transform"))]
    transforms += [(pointer, node.get("Fn::Transform")) for pointer, node in walk(template)]
    for pointer, value in transforms:
        for macro in value if isinstance(value, list) else [value]:
            if not isinstance(macro, dict) or macro.get("Name") != "AWS::Include":
                continue
            location = mapping(macro, "Parameters", where).get("Location")
            if is_local(location):
                raise refused_reference(pointer, "Fn::Transform AWS::Include", where)
            if location is not None:
                raise _elsewhere(
                    "template.remote_include",
                    "a template includes a part that lies elsewhere",
                    where=f"{pointer} in {where}",
                    why=_shown(location),
                )


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
        remedy="put its content into the template; or keep it in a bucket of your own, and name "
        "the place in `reads_from` of the environment in the worker's tiercel.toml",
    )


def require_not_elsewhere(place: str, value: Any, kind: str, where: str) -> None:
    """Raise RefusedInputError for a property of a packaged kind that names something elsewhere.

    What lies elsewhere can be changed after it was reviewed and signed. `kind` is that of the
    asset; `value` is no local path.
    """
    if not _lies_elsewhere(value):
        return
    where, why = f"{place} in {where}", _shown(value)
    if kind in ("code", "layer"):
        raise _elsewhere(
            "template.remote_code", "a function's code lies elsewhere", where=where, why=why
        )
    if kind == "template":
        raise _elsewhere(
            "template.remote_template", "a nested template lies elsewhere", where=where, why=why
        )
    raise _elsewhere(
        "template.remote_definition", "a definition lies elsewhere", where=where, why=why
    )


def _lies_elsewhere(value: Any) -> bool:
    """Inline code and images are no places, on whichever side of a condition."""
    if not isinstance(value, dict):
        return isinstance(value, str)
    if isinstance(value.get("Fn::If"), list):
        return any(_lies_elsewhere(one) for one in value["Fn::If"][1:])
    return bool(value) and not {"ZipFile", "ImageUri"} & value.keys() and not _is_no_value(value)


def _is_no_value(value: TemplateDocument) -> bool:
    return value == {"Ref": "AWS::NoValue"}


def _shown(value: Any) -> str:
    return f"it is read from {printable(json.dumps(value), 300)} when the stack is deployed"


def _elsewhere(code: str, what: str, *, where: str, why: str) -> RefusedInputError:
    return RefusedInputError(
        code,
        what,
        where=where,
        why=why,
        state="nothing was uploaded or deployed",
        remedy="put it into the repository, and name it by its path there",
    )
