"""What a service's templates let in from outside: foreign principals, layers and images.

It is recorded with the artifact, and judged before every deploy by what the environment's worker
allows: one template serves several environments, and what is foreign differs between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from pydantic import Field

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.values import Frozen, TemplateDocument
from tiercel.domain.template.intrinsics import OWN, TemplateScope, items_of, scope_of, texts_of
from tiercel.domain.template.local_files import is_local, walk
from tiercel.domain.template.locations import places, places_elsewhere
from tiercel.domain.template.trusts import ANYBODY, arn_fields, trusted_principals

PLACEHOLDER = re.compile(r"\$\{([^}?]+)\}")
"""Where a text has the value of a parameter, or of what each account and region has."""
_OWN_ACCOUNT = "${AWS::AccountId}"
_LAYERED = ("AWS::Lambda::Function", "AWS::Serverless::Function")
_IMAGE_KEYS = ("Image", "ImageIdentifier", "ImageUri")
# Types whose property of such a name is a container image, and none that CloudFormation keeps.
_WITH_IMAGES = (
    "AWS::AppRunner::Service",
    "AWS::Batch::JobDefinition",
    "AWS::ECS::TaskDefinition",
    "AWS::Lambda::Function",
    "AWS::SageMaker::Model",
    "AWS::Serverless::Function",
)


_MOST_NESTED = 200


class OutsideKind(StrEnum):
    """In which way something from outside gets in."""

    TRUST = "trust"
    LAYER = "layer"
    IMAGE = "image"
    PLACE = "place"


class OutsideReference(Frozen):
    """One thing from outside, and the name of the property that lets it in.

    `text` has a placeholder for each parameter of the service's template; `defaults` has theirs.
    """

    kind: OutsideKind
    template: str
    logical_id: str
    name: str
    text: str
    defaults: dict[str, str] = Field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where it stands, as errors and pages name it."""
        return f"{self.logical_id}.{self.name} in {self.template}"


def outside_references(
    path: str, templates: Mapping[str, TemplateDocument]
) -> tuple[OutsideReference, ...]:
    """Return what a service's template and those nested in it let in, each once.

    `templates` has all of them by their paths, as they stand in the repository.
    """
    whole = scope_of(path, templates)
    defaults = _defaults(templates[path])
    found: list[OutsideReference] = []
    for scope in _scopes(whole):
        for kind, logical_id, name, text in _of_template(scope):
            used = {one: defaults[one] for one in PLACEHOLDER.findall(text) if one in defaults}
            reference = OutsideReference(
                kind=kind,
                template=scope.path,
                logical_id=logical_id,
                name=name,
                text=text,
                defaults=used,
            )
            if reference not in found:
                found.append(reference)
    return tuple(found)


def _scopes(whole: TemplateScope) -> list[TemplateScope]:
    """Return a template and those nested in it, once for all that are given the same."""
    found = {_given(whole): whole}
    waiting = [whole]
    while waiting:
        for _, nested in waiting.pop().nested():
            if _given(nested) not in found:
                found[_given(nested)] = nested
                waiting.append(nested)
        if len(found) > _MOST_NESTED:
            raise RefusedInputError(
                "template.too_many_nested",
                f"the template nests more than {_MOST_NESTED} stacks that differ",
                where=whole.path,
                state="nothing was uploaded",
                remedy="split the service",
            )
    return list(found.values())


def _given(scope: TemplateScope) -> tuple[str, tuple[tuple[str, tuple[str, ...]], ...]]:
    return scope.path, tuple(sorted(scope.parameters.items()))


def _defaults(template: TemplateDocument) -> dict[str, str]:
    """Return the defaults of parameters; what is a secret is written down nowhere."""
    return {
        str(name): str(declared["Default"])
        for name, declared in (template.get("Parameters") or {}).items()
        if isinstance(declared, dict) and "Default" in declared
        if str(declared.get("NoEcho", "")).lower() != "true"
    }


def _of_template(scope: TemplateScope) -> Iterator[tuple[OutsideKind, str, str, str]]:
    for logical_id, name, principal in trusted_principals(scope):
        if not is_of_own(principal) and account_of(principal) != _OWN_ACCOUNT:
            yield OutsideKind.TRUST, logical_id, name, principal
    for logical_id, resource in scope.all_resources():
        properties = resource.get("Properties")
        if isinstance(properties, dict):
            yield from _of_resource(scope, logical_id, str(resource.get("Type")), properties)
    shared = scope.template.get("Globals")
    function = shared.get("Function") if isinstance(shared, dict) else None
    if isinstance(function, dict):
        yield from _layers(scope, "Globals.Function", function)


def _of_resource(
    scope: TemplateScope, logical_id: str, kind: str, properties: TemplateDocument
) -> Iterator[tuple[OutsideKind, str, str, str]]:
    if kind in _LAYERED:
        yield from _layers(scope, logical_id, properties)
    if kind in _WITH_IMAGES:
        for _, node in walk(properties):
            for key in _IMAGE_KEYS:
                if key in node and not isinstance(node[key], list):
                    for text in items_of(node[key], scope):
                        yield OutsideKind.IMAGE, logical_id, key, text
    for name, text in _places(scope, kind, properties):
        yield OutsideKind.PLACE, logical_id, name, text


def _places(
    scope: TemplateScope, kind: str, properties: TemplateDocument
) -> Iterator[tuple[str, str]]:
    """Yield what CloudFormation reads from elsewhere, however deep it stands in a condition."""
    packaged = {one.value for one in places(kind, properties) if is_local(one.value)}
    for name, key in places_elsewhere(kind):
        value = properties.get(name)
        held = [node[key] for _, node in walk(value) if key in node] if key else [value]
        for one in held:
            if one is not None and not (isinstance(one, str) and one in packaged):
                for text in _addresses(one, scope):
                    yield name, text


def _addresses(value: Any, scope: TemplateScope) -> tuple[str, ...]:
    if isinstance(value, dict):
        bucket, key = (value.get(name, value.get(f"S3{name}")) for name in ("Bucket", "Key"))
        if bucket is not None and key is not None:
            return texts_of({"Fn::Join": ["", ["s3://", bucket, "/", key]]}, scope)
    return items_of(value, scope)


def _layers(
    scope: TemplateScope, logical_id: str, properties: TemplateDocument
) -> Iterator[tuple[OutsideKind, str, str, str]]:
    layers: Any = properties.get("Layers")
    for text in items_of(layers, scope) if layers is not None else ():
        if text != OWN:
            yield OutsideKind.LAYER, logical_id, "Layers", text


def is_of_own(text: str) -> bool:
    """Tell whether a text is a resource of the same stack, or something in or of that one.

    One in the middle of a text may be called anything: an account, or a part of its id.
    """
    return text == OWN or text.startswith((f"{OWN}/", f"{OWN}:"))


def account_of(text: str) -> str:
    """Return the account that a principal or an ARN names, or all of a text that names none."""
    fields = arn_fields(text)
    return (fields[4] or ANYBODY) if fields[0] == "arn" and len(fields) > 4 else text
