"""Local references of a template: which there are, and what replaces them.

The properties are those that `aws cloudformation package` rewrites
(https://docs.aws.amazon.com/cli/latest/reference/cloudformation/package.html).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from domain.errors import RefusedInputError
from domain.topology import Frozen

ASSET_BUCKET_PARAMETER = "TiercelAssetBucket"
"""The template parameter that names the bucket from which the stack's account reads."""

Template = dict[str, Any]


class AssetKind(StrEnum):
    """What has to be done with a local path before CloudFormation can read it."""

    CODE = "code"
    LAYER = "layer"
    FILE = "file"
    TEMPLATE = "template"


class Asset(Frozen):
    """One local reference: where it stands in the template and the path it names."""

    logical_id: str
    resource_type: str
    property: str
    path: str
    kind: AssetKind
    runtime: str = ""
    architecture: str = ""
    build_method: str = ""


_CODE, _LAYER, _FILE, _TEMPLATE = AssetKind

_PACKAGED: dict[str, tuple[str, AssetKind]] = {
    "AWS::Serverless::Function": ("CodeUri", _CODE),
    "AWS::Serverless::LayerVersion": ("ContentUri", _LAYER),
    "AWS::Serverless::Api": ("DefinitionUri", _FILE),
    "AWS::Serverless::HttpApi": ("DefinitionUri", _FILE),
    "AWS::Serverless::StateMachine": ("DefinitionUri", _FILE),
    "AWS::Serverless::Application": ("Location", _TEMPLATE),
    "AWS::Lambda::Function": ("Code", _CODE),
    "AWS::Lambda::LayerVersion": ("Content", _LAYER),
    "AWS::ApiGateway::RestApi": ("BodyS3Location", _FILE),
    "AWS::ApiGatewayV2::Api": ("BodyS3Location", _FILE),
    "AWS::StepFunctions::StateMachine": ("DefinitionS3Location", _FILE),
    "AWS::CloudFormation::Stack": ("TemplateURL", _TEMPLATE),
}

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
    "AWS::Serverless::GraphQLApi": ("SchemaUri",),
}

_LAMBDA_TYPES = ("AWS::Lambda::Function", "AWS::Lambda::LayerVersion")
_BUILD_METHOD_TYPES = ("AWS::Serverless::Function", "AWS::Serverless::LayerVersion")


def find_assets(template: Template, where: str = "template") -> tuple[Asset, ...]:
    """Return every local reference that Tiercel packages, in the template's order.

    Raises RefusedInputError, naming resource and property, for a local reference of
    any other kind: deploying it would fail later and less clearly.
    """
    _refuse_includes(template, where)
    assets = []
    for logical_id, resource in resources(template):
        _refuse_other_references(logical_id, resource, where)
        asset = _asset(logical_id, resource, template)
        if asset:
            assets.append(asset)
    return tuple(assets)


def resources(template: Template) -> Iterator[tuple[str, Template]]:
    """Yield the template's resources by logical id."""
    for logical_id, resource in (template.get("Resources") or {}).items():
        if isinstance(resource, dict):
            yield str(logical_id), resource


def rewrite(template: Template, keys: Mapping[tuple[str, str], str]) -> Template:
    """Return the template with each (logical id, property) pointing at an object's key.

    The bucket is left to the parameter `TiercelAssetBucket`, which nested stacks
    receive too, so that one template serves every environment.
    """
    if not keys:
        return template
    result = copy.deepcopy(template)
    for (logical_id, name), key in keys.items():
        resource = result["Resources"][logical_id]
        properties = resource["Properties"] = resource.get("Properties") or {}
        properties[name] = _location(resource["Type"], key)
        if _PACKAGED[resource["Type"]][1] is AssetKind.TEMPLATE:
            parameters = properties["Parameters"] = properties.get("Parameters") or {}
            parameters[ASSET_BUCKET_PARAMETER] = {"Ref": ASSET_BUCKET_PARAMETER}
    return declare_asset_bucket(result)


def declare_asset_bucket(template: Template) -> Template:
    """Return the template with the parameter that names the asset bucket."""
    parameters = dict(template.get("Parameters") or {})
    parameters[ASSET_BUCKET_PARAMETER] = {
        "Type": "String",
        "Description": "The bucket of this account that holds the packages of the release",
    }
    return template | {"Parameters": parameters}


def _location(resource_type: str, key: str) -> Any:
    bucket = {"Ref": ASSET_BUCKET_PARAMETER}
    if resource_type in _LAMBDA_TYPES:
        return {"S3Bucket": bucket, "S3Key": key}
    if _PACKAGED[resource_type][1] is AssetKind.TEMPLATE:
        url = f"https://${{{ASSET_BUCKET_PARAMETER}}}.s3.${{AWS::Region}}.${{AWS::URLSuffix}}/{key}"
        return {"Fn::Sub": url}
    return {"Bucket": bucket, "Key": key}


def _asset(logical_id: str, resource: Template, template: Template) -> Asset | None:
    resource_type = str(resource.get("Type"))
    if resource_type not in _PACKAGED:
        return None
    name, kind = _PACKAGED[resource_type]
    properties = _with_globals(resource, resource_type, template)
    path = properties.get(name, _default_path(resource_type, properties))
    if not is_local(path):
        return None
    architectures = properties.get("Architectures") or ["x86_64"]
    return Asset(
        logical_id=logical_id,
        resource_type=resource_type,
        property=name,
        path=path,
        kind=kind,
        runtime=_text(properties.get("Runtime")),
        architecture=_text(architectures[0] if isinstance(architectures, list) else ""),
        build_method=_build_method(resource),
    )


def _build_method(resource: Template) -> str:
    if resource.get("Type") not in _BUILD_METHOD_TYPES:
        return ""
    return _text((resource.get("Metadata") or {}).get("BuildMethod"))


def _with_globals(resource: Template, resource_type: str, template: Template) -> Template:
    """Add SAM's Globals, which every function of the template inherits."""
    properties = resource.get("Properties") or {}
    if resource_type != "AWS::Serverless::Function":
        return dict(properties)
    return {**((template.get("Globals") or {}).get("Function") or {}), **properties}


def _default_path(resource_type: str, properties: Template) -> Any:
    """SAM packages the template's own folder when a function names no code at all."""
    has_code = {"InlineCode", "ImageUri"}.intersection(properties)
    if resource_type == "AWS::Serverless::Function" and not has_code:
        return None if properties.get("PackageType") == "Image" else "."
    return None


def is_local(value: Any) -> bool:
    """Tell whether a property's value names something in the repository."""
    return isinstance(value, str) and "://" not in value and not value.startswith("arn:")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _refuse_other_references(logical_id: str, resource: Template, where: str) -> None:
    resource_type = str(resource.get("Type"))
    properties = resource.get("Properties") or {}
    if not isinstance(properties, dict):
        raise RefusedInputError("a resource's Properties must be a mapping", where=where)
    for name in _REFUSED.get(resource_type, ()):
        if _names_local_file(properties.get(name)):
            raise _refusal(logical_id, f"{resource_type}.{name}", where)
    image = properties.get("ImageUri")
    is_built_here = (resource.get("Metadata") or {}).get("Dockerfile")
    if is_built_here or (is_local(image) and "dkr.ecr." not in str(image)):
        raise _refusal(logical_id, f"{resource_type}.ImageUri (a container image)", where)


def _names_local_file(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_names_local_file(value.get(key)) for key in ("ScriptLocation", "S3"))
    return is_local(value)


def _refuse_includes(template: Template, where: str) -> None:
    """`AWS::Include` and `Fn::ForEach` hide references; neither is guessed at."""
    for pointer, node in _walk(template):
        include = node.get("Fn::Transform")
        if not isinstance(include, dict) or include.get("Name") != "AWS::Include":
            continue
        if is_local((include.get("Parameters") or {}).get("Location")):
            raise _refusal(pointer, "Fn::Transform AWS::Include", where)
    for key, value in (template.get("Resources") or {}).items():
        if str(key).startswith("Fn::ForEach::") and _hides_asset(value):
            raise _refusal(str(key), "a local path inside Fn::ForEach", where)


def _hides_asset(value: Any) -> bool:
    for _, node in _walk(value):
        name, _ = _PACKAGED.get(str(node.get("Type")), ("", None))
        if name and is_local((node.get("Properties") or {}).get(name)):
            return True
    return False


def _walk(value: Any, pointer: str = "") -> Iterator[tuple[str, Template]]:
    if isinstance(value, dict):
        yield pointer or "/", value
        for key, child in value.items():
            yield from _walk(child, f"{pointer}/{key}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _walk(child, f"{pointer}/{index}")


def _refusal(resource: str, reference: str, where: str) -> RefusedInputError:
    return RefusedInputError(
        f"{resource} refers to a local file in a way that Tiercel does not package",
        where=where,
        why=f"{reference} names a file of the repository",
        state="nothing was uploaded or deployed",
        remedy="upload that file in the service's own build and refer to its s3:// address, "
        "or put its content into the template",
    )
