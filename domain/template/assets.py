"""Local references of a template: which there are, and what replaces them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tiercel.domain.base.values import Frozen, TemplateDocument
from tiercel.domain.template.boundary import BOUNDARY_PARAMETER, declare_boundary
from tiercel.domain.template.local_files import (
    is_local,
    mapping,
    refuse_images,
    refused_loop,
    require_not_elsewhere,
    walk,
)
from tiercel.domain.template.locations import (
    ASSET_BUCKET_PARAMETER,
    AssetKind,
    LocationForm,
    NamedPlace,
    places,
    replaced,
)


class Asset(Frozen):
    """One local reference: where it stands in the template and the path it names.

    `handler` is what a function runs, empty where only a deploy knows; `layers` are the logical
    ids of its layers in the same template, and `has_other_layers` says that it has more.
    """

    logical_id: str
    resource_type: str
    property: str
    path: str
    kind: AssetKind
    runtime: str = ""
    architecture: str = ""
    build_method: str = ""
    handler: str = ""
    layers: tuple[str, ...] = ()
    has_other_layers: bool = False


_FUNCTION_TYPES = ("AWS::Lambda::Function", "AWS::Serverless::Function")
_BUILD_METHOD_TYPES = ("AWS::Serverless::Function", "AWS::Serverless::LayerVersion")
_GLOBALS = {"AWS::Serverless::Api": "Api", "AWS::Serverless::Function": "Function"}


def find_assets(template: TemplateDocument, where: str = "template") -> tuple[Asset, ...]:
    """Return every local reference that Tiercel packages, in the template's order.

    Raises RefusedInputError, naming resource and property, for what cannot be packaged:
    deploying it would fail later and less clearly.
    """
    for key, value in (template.get("Resources") or {}).items():
        if str(key).startswith("Fn::ForEach::"):
            _refuse_loop(str(key), value, template, where)
    assets: list[Asset] = []
    for logical_id, resource in resources(template):
        refuse_images(logical_id, _with_globals(resource, template, where), resource, where)
        assets += _assets(logical_id, resource, template, where)
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
    has_nested = False
    for logical_id in dict.fromkeys(logical_id for logical_id, _ in keys):
        for place in _places(found[logical_id], template):
            key = keys.get((logical_id, place.property))
            if key is not None:
                has_nested |= place.location.kind is AssetKind.TEMPLATE
                rewritten[logical_id] = _naming(rewritten[logical_id], place, key)
    result = declare_asset_bucket(template | {"Resources": rewritten})
    return declare_boundary(result) if has_nested else result


def declare_asset_bucket(template: TemplateDocument) -> TemplateDocument:
    """Return the template with the parameter that names the asset bucket."""
    parameters = dict(template.get("Parameters") or {})
    parameters[ASSET_BUCKET_PARAMETER] = {
        "Type": "String",
        "Description": "The bucket of this account that holds the packages of the release",
    }
    return template | {"Parameters": parameters}


def _naming(resource: TemplateDocument, place: NamedPlace, key: str) -> TemplateDocument:
    """Return a resource that names an object instead of a local path."""
    properties = mapping(resource, "Properties", "")
    changed = replaced(properties, place.keys, place.location.of_object(key))
    if place.location.kind is AssetKind.TEMPLATE:
        return _nested_stack(resource, changed, place.property)
    return resource | {"Properties": changed}


def _nested_stack(
    resource: TemplateDocument, properties: TemplateDocument, name: str
) -> TemplateDocument:
    """Return the stack that SAM makes of an application: its Location takes no function.

    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-application.html
    """
    passed_on = {name: {"Ref": name} for name in (ASSET_BUCKET_PARAMETER, BOUNDARY_PARAMETER)}
    changed = {other: value for other, value in properties.items() if other != name}
    changed |= {
        "TemplateURL": properties[name],
        "Parameters": (properties.get("Parameters") or {}) | passed_on,
    }
    if isinstance(properties.get("Tags"), dict):
        changed["Tags"] = [{"Key": tag, "Value": text} for tag, text in properties["Tags"].items()]
    return resource | {"Type": "AWS::CloudFormation::Stack", "Properties": changed}


def _assets(
    logical_id: str, resource: TemplateDocument, template: TemplateDocument, where: str
) -> Iterator[Asset]:
    resource_type = str(resource.get("Type"))
    for place in _places(resource, template, where):
        kind = place.location.kind
        if place.location.form is LocationForm.TEXT:
            continue
        if not is_local(place.value):
            if not place.location.may_lie_elsewhere:
                named = f"{logical_id}.{place.property}"
                require_not_elsewhere(named, place.value, kind.value, where)
            continue
        properties = _with_globals(resource, template, where)
        if kind is AssetKind.TEMPLATE:
            mapping(properties, "Parameters", where)
        metadata = mapping(resource, "Metadata", where)
        asset = Asset(
            logical_id=logical_id,
            resource_type=resource_type,
            property=place.property,
            path=place.value,
            kind=kind,
            runtime=_text(properties.get("Runtime")),
            architecture=_architecture(kind, properties, metadata),
            build_method=_text(metadata.get("BuildMethod"))
            if resource_type in _BUILD_METHOD_TYPES
            else "",
        )
        yield _of_function(asset, properties) if resource_type in _FUNCTION_TYPES else asset


def _of_function(asset: Asset, properties: TemplateDocument) -> Asset:
    stated = properties.get("Layers") or []
    layers = stated if isinstance(stated, list) else [stated]
    own = [one["Ref"] for one in layers if isinstance(one, dict) and set(one) == {"Ref"}]
    names = tuple(str(name) for name in own)
    return asset.model_copy(
        update={
            "handler": _text(properties.get("Handler")),
            "layers": names,
            "has_other_layers": len(names) < len(layers),
        }
    )


def _architecture(kind: AssetKind, properties: TemplateDocument, metadata: TemplateDocument) -> str:
    """A layer names the architecture that it is built for in its Metadata.

    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-layers.html
    """
    if kind is AssetKind.LAYER and metadata.get("BuildArchitecture"):
        return _text(metadata["BuildArchitecture"])
    key = "CompatibleArchitectures" if kind is AssetKind.LAYER else "Architectures"
    architectures = properties.get(key) or ["x86_64"]
    return _text(architectures[0] if isinstance(architectures, list) else "")


def _with_globals(
    resource: TemplateDocument, template: TemplateDocument, where: str
) -> TemplateDocument:
    """Add SAM's Globals, which every resource of a type inherits unless it ignores them.

    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html
    """
    inherited: TemplateDocument = {}
    section = _GLOBALS.get(str(resource.get("Type")))
    if section:
        inherited = mapping(mapping(template, "Globals", where), section, where)
    ignored = resource.get("IgnoreGlobals") or []
    if ignored == "*":
        inherited = {}
    elif isinstance(ignored, list):
        inherited = {name: value for name, value in inherited.items() if name not in ignored}
    own = mapping(resource, "Properties", where)
    shared, more = inherited.get("Layers"), own.get("Layers")
    if isinstance(shared, list) and isinstance(more, list):
        own = own | {"Layers": shared + more}
    return {**inherited, **own}


def _places(
    resource: TemplateDocument, template: TemplateDocument, where: str = ""
) -> Iterator[NamedPlace]:
    """SAM packages the template's own folder when a function names no code at all."""
    properties = _with_globals(resource, template, where)
    resource_type = str(resource.get("Type"))
    for place in places(resource_type, properties):
        if resource_type != "AWS::Serverless::Function":
            yield place
        elif "InlineCode" not in properties and properties.get("PackageType") != "Image":
            omitted = place.value is None and "ImageUri" not in properties
            yield place._replace(value=".") if omitted else place


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _refuse_loop(key: str, loop: Any, template: TemplateDocument, where: str) -> None:
    """Nobody knows before a deploy what it makes; what is known has been written out before."""
    for _, node in walk(loop):
        if isinstance(node.get("Type"), str) and "::" in node["Type"]:
            refuse_images(key, _with_globals(node, template, where), node, where)
            if any(_assets(key, node, template, where)):
                raise refused_loop(key, where)
