"""Templates that name objects of a bucket where they named files of the repository."""

from __future__ import annotations

from collections.abc import Mapping

from tiercel.domain.base.values import TemplateDocument
from tiercel.domain.template.assets import places_of
from tiercel.domain.template.boundary import BOUNDARY_PARAMETER, declare_boundary
from tiercel.domain.template.local_files import mapping
from tiercel.domain.template.locations import (
    ASSET_BUCKET_PARAMETER,
    AssetKind,
    NamedPlace,
    replaced,
)


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
        for place in places_of(found[logical_id], template):
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
