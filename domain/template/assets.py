"""Local references of a template: which there are, and for which machines they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import Field

from tiercel.domain.base.values import Frozen, TemplateDocument
from tiercel.domain.template.conditions import decided
from tiercel.domain.template.expansion.loops import looped_resources
from tiercel.domain.template.intrinsics import UNKNOWN_TEXT, TemplateScope, items_of
from tiercel.domain.template.local_files import (
    is_local,
    mapping,
    refuse_images,
    refused_loop,
    require_not_elsewhere,
    walk,
)
from tiercel.domain.template.locations import (
    AssetKind,
    LocationForm,
    NamedPlace,
    places,
)
from tiercel.domain.template.values import GIVEN_IN_PART, GivenValues, value_scope


class Asset(Frozen):
    """One local reference: where it stands in the template and the path it names.

    It is built for `runtime` and `architecture`; `runtimes` and `architectures` are those that it
    has to run on: several only of a layer. `unknown` says which property that decides this has no
    single value, in words; `runtime` may be a language without a version then. `handler` is what a
    function runs, empty where only a deploy knows; `layers` are the logical ids of its layers in
    the same template, and `has_other_layers` says that it has more.
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
    layers: tuple[str, ...] = ()
    has_other_layers: bool = False


_BUILD_METHOD_TYPES = (
    "AWS::Lambda::Function",
    "AWS::Lambda::LayerVersion",
    "AWS::Serverless::Function",
    "AWS::Serverless::LayerVersion",
)
_GLOBALS = {"AWS::Serverless::Api": "Api", "AWS::Serverless::Function": "Function"}


def find_assets(
    template: TemplateDocument, where: str = "template", given: GivenValues | None = None
) -> tuple[Asset, ...]:
    """Return every local reference that Tiercel packages, in the template's order.

    `given` are the values of the template's parameters. Raises RefusedInputError, naming resource
    and property, for what cannot be packaged: deploying it would fail later and less clearly.
    """
    for key, value in (template.get("Resources") or {}).items():
        if str(key).startswith("Fn::ForEach::"):
            _refuse_loop(str(key), value, template, where)
    assets: list[Asset] = []
    scope = value_scope(template, given or {})
    # What tiercel.toml gives is no part of the source: nothing is built by it.
    of_source = value_scope(template, dict.fromkeys(given or {}, (UNKNOWN_TEXT,)))
    for logical_id, resource in resources(template):
        refuse_images(logical_id, with_globals(resource, template, where), resource, where)
        settled = resource | {"Metadata": decided(resource.get("Metadata") or {}, of_source)}
        assets += _assets(logical_id, settled, scope, where)
    return tuple(assets)


def resources(template: TemplateDocument) -> Iterator[tuple[str, TemplateDocument]]:
    """Yield the template's resources by logical id."""
    for logical_id, resource in (template.get("Resources") or {}).items():
        if isinstance(resource, dict):
            yield str(logical_id), resource


def written_resources(template: TemplateDocument) -> dict[str, TemplateDocument]:
    """Return the template's resources with those of loops, each as its id is written."""
    looped = {one.written: one.resource for one in looped_resources(template)}
    return looped | dict(resources(template))


def _assets(
    logical_id: str, resource: TemplateDocument, scope: TemplateScope, where: str
) -> Iterator[Asset]:
    for place in places_of(resource, scope.template, where):
        if place.location.form is LocationForm.TEXT:
            continue
        if is_local(place.value):
            yield _asset(logical_id, resource, place, scope, where)
        elif not place.location.may_lie_elsewhere:
            named = f"{logical_id}.{place.property}"
            require_not_elsewhere(named, place.value, place.location.kind.value, where)


def _asset(
    logical_id: str, resource: TemplateDocument, place: NamedPlace, scope: TemplateScope, where: str
) -> Asset:
    kind, resource_type = place.location.kind, str(resource.get("Type"))
    properties = with_globals(resource, scope.template, where)
    if kind is AssetKind.TEMPLATE:
        mapping(properties, "Parameters", where)
    metadata = mapping(resource, "Metadata", where)
    is_of_sam = resource_type in _BUILD_METHOD_TYPES
    return Asset(
        logical_id=logical_id,
        resource_type=resource_type,
        property=place.property,
        path=place.value,
        kind=kind,
        build_method=text_of(metadata.get("BuildMethod")) if is_of_sam else "",
        handler=text_of(properties.get("Handler")),
        metadata=metadata,
        **_layers(properties),
        **_runs_on(kind, properties, metadata, scope),
    )


def _layers(properties: TemplateDocument) -> TemplateDocument:
    stated = properties.get("Layers") or []
    layers = stated if isinstance(stated, list) else [stated]
    own = [one["Ref"] for one in layers if isinstance(one, dict) and set(one) == {"Ref"}]
    names = tuple(str(name) for name in own)
    return {"layers": names, "has_other_layers": len(names) < len(layers)}


_MACHINE_KEYS = {
    AssetKind.CODE: ("Runtime", "Architectures"),
    AssetKind.LAYER: ("CompatibleRuntimes", "CompatibleArchitectures"),
}

_RESOLVED = re.compile(r"\{\{resolve:.*?(?:\}\}|$)", re.DOTALL)
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html"""


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
    built_for = text_of(metadata.get("BuildArchitecture")) if kind is AssetKind.LAYER else ""
    found = {
        "runtimes": _texts(properties.get(runtime), scope),
        "architectures": _texts(built_for or properties.get(architecture), scope) or ("x86_64",),
    }
    is_one = kind is AssetKind.CODE
    named = zip((runtime, architecture), found.values(), strict=True)
    unknown = [_why_unknown(key, values, is_one=is_one) for key, values in named]
    return found | {
        "runtime": _runtime(found["runtimes"]) if is_one else "",
        "architecture": _known(found["architectures"]),
        "unknown": "; ".join(reason for reason in unknown if reason),
    }


def _why_unknown(key: str, values: tuple[str, ...], *, is_one: bool) -> str:
    """Return why a property has no value on which a package may depend, or nothing."""
    if any(GIVEN_IN_PART in text for text in values):
        return f"{key} has a value of tiercel.toml in it that is no whole name"
    if any("${" in text for text in values):
        return f"{key} is known at a deploy only"
    return f"{key} may be {' or '.join(values)}" if is_one and len(values) > 1 else ""


def _known(texts: tuple[str, ...]) -> str:
    return next((text for text in texts[:1] if "${" not in text), "")


def _runtime(texts: tuple[str, ...]) -> str:
    """Return the first; its language alone where the version is not known, nothing of several."""
    languages = {re.split(r"[0-9.$]", text)[0] for text in texts}
    if len(languages) != 1:
        return ""
    return next(iter(languages)) if "${" in texts[0] else texts[0]


def _texts(value: Any, scope: TemplateScope) -> tuple[str, ...]:
    """Return the texts of a value, in which CloudFormation resolves references at a deploy."""
    texts = () if value is None else items_of(value, scope)
    known = [_RESOLVED.sub(UNKNOWN_TEXT, text) for text in texts]
    return tuple(dict.fromkeys(part.strip() for text in known for part in text.split(",")))


def globals_for(
    resource: TemplateDocument, template: TemplateDocument, where: str
) -> TemplateDocument:
    """Return what SAM's Globals have for a resource, whatever it says itself.

    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html
    """
    inherited: TemplateDocument = {}
    section = _GLOBALS.get(str(resource.get("Type")))
    if section:
        inherited = mapping(mapping(template, "Globals", where), section, where)
    ignored = resource.get("IgnoreGlobals") or []
    if ignored == "*":
        return {}
    names = ignored if isinstance(ignored, list) else []
    return {name: value for name, value in inherited.items() if name not in names}


def with_globals(
    resource: TemplateDocument, template: TemplateDocument, where: str
) -> TemplateDocument:
    """Return properties with SAM's Globals, which a type inherits unless they are ignored."""
    inherited = globals_for(resource, template, where)
    own = mapping(resource, "Properties", where)
    shared, more = inherited.get("Layers"), own.get("Layers")
    if isinstance(shared, list) and isinstance(more, list):
        own = own | {"Layers": shared + more}
    return {**inherited, **own}


def places_of(
    resource: TemplateDocument, template: TemplateDocument, where: str = ""
) -> Iterator[NamedPlace]:
    """Yield what may name a file, where SAM does: the template's own folder without any code."""
    properties = with_globals(resource, template, where)
    resource_type = str(resource.get("Type"))
    for place in places(resource_type, properties):
        if resource_type != "AWS::Serverless::Function":
            yield place
        elif "InlineCode" not in properties and properties.get("PackageType") != "Image":
            omitted = place.value is None and "ImageUri" not in properties
            yield place._replace(value=".") if omitted else place


def text_of(value: Any) -> str:
    """Return a value that is text, and nothing for any other."""
    return value if isinstance(value, str) else ""


def _refuse_loop(key: str, loop: Any, template: TemplateDocument, where: str) -> None:
    """Nobody knows before a deploy what it makes; what is known has been written out before."""
    for _, node in walk(loop):
        if isinstance(node.get("Type"), str) and "::" in node["Type"]:
            refuse_images(key, with_globals(node, template, where), node, where)
            if any(_assets(key, node, value_scope(template, {}), where)):
                raise refused_loop(key, where)
