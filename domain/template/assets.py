"""Local references of a template: which there are, and what replaces them.

The properties are those that `aws cloudformation package` rewrites
(https://docs.aws.amazon.com/cli/latest/reference/cloudformation/package.html).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from pydantic import Field

from tiercel.domain.base.values import Frozen, TemplateDocument
from tiercel.domain.template.boundary import BOUNDARY_PARAMETER, declare_boundary
from tiercel.domain.template.intrinsics import TemplateScope, items_of
from tiercel.domain.template.local_files import (
    is_local,
    mapping,
    refuse_includes,
    refuse_references,
    refused_reference,
    require_not_elsewhere,
    walk,
)
from tiercel.domain.template.values import GivenValues, value_scope

ASSET_BUCKET_PARAMETER = "TiercelAssetBucket"
"""The template parameter that names the bucket from which the stack's account reads."""


class AssetKind(StrEnum):
    """What a local path is, and with it what has to be done before CloudFormation can read it."""

    CODE = "code"
    LAYER = "layer"
    FILE = "file"
    TEMPLATE = "template"


class Asset(Frozen):
    """One local reference: where it stands in the template and the path it names.

    It is built for `runtime` and `architecture`; `runtimes` and `architectures` are those that it
    has to run on: several only of a layer. `unknown` says which property that decides this has no
    single value, in words.
    """

    logical_id: str
    resource_type: str
    property: str
    path: str
    kind: AssetKind
    runtime: str = ""
    architecture: str = ""
    build_method: str = ""
    runtimes: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    unknown: str = ""
    handler: str = ""
    metadata: TemplateDocument = Field(default_factory=dict)


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

_LAMBDA_TYPES = ("AWS::Lambda::Function", "AWS::Lambda::LayerVersion")
_BUILD_METHOD_TYPES = ("AWS::Serverless::Function", "AWS::Serverless::LayerVersion", *_LAMBDA_TYPES)
_GLOBALS = {"AWS::Serverless::Api": "Api", "AWS::Serverless::Function": "Function"}


def find_assets(
    template: TemplateDocument, where: str = "template", given: GivenValues | None = None
) -> tuple[Asset, ...]:
    """Return every local reference that Tiercel packages, in the template's order.

    `given` are the values of the template's parameters. Raises RefusedInputError, naming resource
    and property, for a local reference of any other kind: deploying it would fail later and less
    clearly.
    """
    refuse_includes(template, where)
    for key, value in (template.get("Resources") or {}).items():
        if str(key).startswith("Fn::ForEach::"):
            _refuse_loop(str(key), value, template, where)
    assets = []
    scope = value_scope(template, given or {})
    for logical_id, resource in resources(template):
        refuse_references(logical_id, resource, where)
        asset = _asset(logical_id, resource, scope, where)
        if asset:
            assets.append(asset)
    return tuple(assets)


def resources(template: TemplateDocument) -> Iterator[tuple[str, TemplateDocument]]:
    """Yield the template's resources by logical id."""
    for logical_id, resource in (template.get("Resources") or {}).items():
        if isinstance(resource, dict):
            yield str(logical_id), resource


def rewrite(template: TemplateDocument, keys: Mapping[tuple[str, str], str]) -> TemplateDocument:
    """Return the template with each (logical id, property) pointing at an object's key.

    The bucket is left to the parameter `TiercelAssetBucket`, which nested stacks
    receive too, with the boundary, so that one template serves every environment.
    """
    if not keys:
        return template
    found = template["Resources"]
    rewritten = dict(found)
    for (logical_id, name), key in keys.items():
        resource = rewritten[logical_id]
        properties = dict(resource.get("Properties") or {})
        if _PACKAGED[resource["Type"]][1] is AssetKind.TEMPLATE:
            rewritten[logical_id] = _nested_stack(resource, properties, name, key)
        else:
            properties[name] = _location(resource["Type"], key)
            rewritten[logical_id] = resource | {"Properties": properties}
    result = declare_asset_bucket(template | {"Resources": rewritten})
    has_nested = any(_PACKAGED[found[name]["Type"]][1] is AssetKind.TEMPLATE for name, _ in keys)
    return declare_boundary(result) if has_nested else result


def declare_asset_bucket(template: TemplateDocument) -> TemplateDocument:
    """Return the template with the parameter that names the asset bucket."""
    parameters = dict(template.get("Parameters") or {})
    parameters[ASSET_BUCKET_PARAMETER] = {
        "Type": "String",
        "Description": "The bucket of this account that holds the packages of the release",
    }
    return template | {"Parameters": parameters}


def _location(resource_type: str, key: str) -> TemplateDocument:
    bucket = {"Ref": ASSET_BUCKET_PARAMETER}
    if resource_type in _LAMBDA_TYPES:
        return {"S3Bucket": bucket, "S3Key": key}
    return {"Bucket": bucket, "Key": key}


def _nested_stack(
    resource: TemplateDocument, properties: TemplateDocument, name: str, key: str
) -> TemplateDocument:
    """Return the stack that SAM makes of an application: its Location takes no function.

    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-application.html
    """
    url = f"https://${{{ASSET_BUCKET_PARAMETER}}}.s3.${{AWS::Region}}.${{AWS::URLSuffix}}/{key}"
    passed_on = {name: {"Ref": name} for name in (ASSET_BUCKET_PARAMETER, BOUNDARY_PARAMETER)}
    changed = {other: value for other, value in properties.items() if other != name}
    changed |= {
        "TemplateURL": {"Fn::Sub": url},
        "Parameters": (properties.get("Parameters") or {}) | passed_on,
    }
    if isinstance(properties.get("Tags"), dict):
        changed["Tags"] = [{"Key": tag, "Value": text} for tag, text in properties["Tags"].items()]
    return resource | {"Type": "AWS::CloudFormation::Stack", "Properties": changed}


def _asset(
    logical_id: str, resource: TemplateDocument, scope: TemplateScope, where: str
) -> Asset | None:
    resource_type = str(resource.get("Type"))
    if resource_type not in _PACKAGED:
        return None
    name, kind = _PACKAGED[resource_type]
    properties = _with_globals(resource, resource_type, scope.template, where)
    path = _path(resource_type, name, properties)
    if not is_local(path):
        require_not_elsewhere(f"{logical_id}.{name}", path, kind.value, where)
        return None
    if kind is AssetKind.TEMPLATE:
        mapping(properties, "Parameters", where)
    metadata = mapping(resource, "Metadata", where)
    is_of_sam = resource_type in _BUILD_METHOD_TYPES
    return Asset(
        logical_id=logical_id,
        resource_type=resource_type,
        property=name,
        path=path,
        kind=kind,
        build_method=text_of(metadata.get("BuildMethod")) if is_of_sam else "",
        handler=text_of(properties.get("Handler")),
        metadata=metadata,
        **_runs_on(kind, properties, metadata, scope),
    )


_MACHINE_KEYS = {
    _CODE: ("Runtime", "Architectures"),
    _LAYER: ("CompatibleRuntimes", "CompatibleArchitectures"),
}


def _runs_on(
    kind: AssetKind, properties: TemplateDocument, metadata: TemplateDocument, scope: TemplateScope
) -> TemplateDocument:
    """Return what decides the machine, with the values that parameters have.

    A layer names the architecture that it is built for in its Metadata:
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-layers.html
    """
    if kind not in _MACHINE_KEYS:
        return {}
    runtime, architecture = _MACHINE_KEYS[kind]
    built_for = text_of(metadata.get("BuildArchitecture")) if kind is _LAYER else ""
    found = {
        "runtimes": _texts(properties.get(runtime), scope),
        "architectures": _texts(built_for or properties.get(architecture), scope) or ("x86_64",),
    }
    unknown = [
        f"{key} may be {' or '.join(values)}" if is_known else f"{key} is known at a deploy only"
        for key, values in zip((runtime, architecture), found.values(), strict=True)
        for is_known in [not any("${" in text for text in values)]
        if not is_known or (kind is _CODE and len(values) > 1)
    ]
    return found | {
        "runtime": _known(found["runtimes"]) if kind is _CODE else "",
        "architecture": _known(found["architectures"]),
        "unknown": "; ".join(unknown),
    }


def _known(texts: tuple[str, ...]) -> str:
    return next((text for text in texts[:1] if "${" not in text), "")


def _texts(value: Any, scope: TemplateScope) -> tuple[str, ...]:
    texts = () if value is None else items_of(value, scope)
    return tuple(dict.fromkeys(part.strip() for text in texts for part in text.split(",")))


def _with_globals(
    resource: TemplateDocument, resource_type: str, template: TemplateDocument, where: str
) -> TemplateDocument:
    """Add SAM's Globals, which every resource of a type inherits unless it ignores them.

    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html
    """
    inherited: TemplateDocument = {}
    if resource_type in _GLOBALS:
        inherited = mapping(mapping(template, "Globals", where), _GLOBALS[resource_type], where)
    ignored = resource.get("IgnoreGlobals") or []
    if ignored == "*":
        inherited = {}
    elif isinstance(ignored, list):
        inherited = {name: value for name, value in inherited.items() if name not in ignored}
    return {**inherited, **mapping(resource, "Properties", where)}


def _path(resource_type: str, name: str, properties: TemplateDocument) -> Any:
    """SAM packages the template's own folder when a function names no code at all."""
    value = properties.get(name)
    if resource_type != "AWS::Serverless::Function":
        return value
    if "InlineCode" in properties or properties.get("PackageType") == "Image":
        return None
    return "." if value is None and "ImageUri" not in properties else value


def text_of(value: Any) -> str:
    """Return a value that is text, and nothing for any other."""
    return value if isinstance(value, str) else ""


def _refuse_loop(key: str, loop: Any, template: TemplateDocument, where: str) -> None:
    """A loop makes a resource of each name, and with it another path: none is guessed at."""
    for _, node in walk(loop):
        if isinstance(node.get("Type"), str) and "::" in node["Type"]:
            refuse_references(key, node, where)
            if _asset(key, node, value_scope(template, {}), where):
                raise refused_reference(key, "a local path inside Fn::ForEach", where)
