"""Types that AWS has and the emulator has not are kept as a record, so that whole stacks are made.

A record has what a template sees of a resource: a name, and the attributes of its schema. Whoever
makes it needs the permissions; there is nothing behind it. Its event says so. A change of what
cannot be changed changes the record.
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ministack.core import responses
from ministack.services.cloudformation import changesets, engine, provisioners, stacks
from ministack.services.cloudformation import handlers as cloudformation_handlers

from tiercel.tasks.stack.service_role import published_schema, published_types

_EVERYWHERE = "us-east-1"
_NOTE = "The sandbox keeps a record of this resource: nothing is behind it"
_BY_TYPE: Mapping[str, Any] = {
    "array": [],
    "boolean": True,
    "integer": 1,
    "number": 1,
    "object": {},
}
_Attributes = dict[str, Any]


def keep_records_of_types_that_are_missing() -> None:
    """Make a record where AWS would make a resource of a type that the emulator lacks."""
    handlers = provisioners._RESOURCE_HANDLERS
    kept = frozenset(published_types(_EVERYWHERE)) - handlers.keys()
    for kind in kept:
        handlers[kind] = {
            "create": partial(_create, kind),
            "update": partial(_update, kind),
            "update_with_logical_id": True,
            "delete": lambda _identifier, _properties: None,
        }
    stacks._add_event = _with_note(stacks._add_event, kept)
    validate = engine.validate_template_support

    def validate_types(template: Any, *more: Any, **named: Any) -> None:
        validate(template, *more, **named)
        missing = _types(template) & kept - set(published_types(responses.get_region()))
        if missing:
            listed = ", ".join(sorted(missing))
            raise ValueError(f"Template format error: Unrecognized resource types: [{listed}]")

    for module in (engine, cloudformation_handlers, changesets):
        module.validate_template_support = validate_types


def _types(template: Mapping[str, Any]) -> set[str]:
    """Return the types of what is made for sure; a condition may leave out the others."""
    resources = (template.get("Resources") or {}).values()
    return {
        str(one.get("Type"))
        for one in resources
        if isinstance(one, dict) and "Condition" not in one
    }


def _create(kind: str, logical_id: str, properties: Any, stack: str) -> tuple[str, _Attributes]:
    schema = published_schema(responses.get_region(), kind)
    name = _name(schema, logical_id, properties or {}, stack)
    attributes = {one: _value(schema, kind, one, name) for one in _told(schema)}
    attributes |= {
        one: value for one, value in (properties or {}).items() if isinstance(value, str)
    }
    identifier = [one for one in _paths(schema, "primaryIdentifier") if one in attributes]
    return (str(attributes[identifier[0]]) if identifier else name), attributes


def _update(
    kind: str, identifier: str, _old: Any, new: Any, stack: str, logical_id: str
) -> tuple[str, _Attributes]:
    """Keep the identity of the record, whatever changes."""
    _, attributes = _create(kind, logical_id, new, stack)
    return identifier, attributes


def _name(
    schema: Mapping[str, Any], logical_id: str, properties: Mapping[str, Any], stack: str
) -> str:
    for one in _paths(schema, "primaryIdentifier"):
        if isinstance(properties.get(one), str):
            return str(properties[one])
    return str(provisioners._physical_name(stack, logical_id))


def _paths(schema: Mapping[str, Any], key: str) -> list[str]:
    """Return the properties that a schema lists under a key, as `Endpoint.Address`."""
    return [str(one).removeprefix("/properties/").replace("/", ".") for one in schema.get(key, ())]


def _told(schema: Mapping[str, Any]) -> list[str]:
    """Return what Fn::GetAtt may ask for: what only reads have, and a few types' properties."""
    read_only = [one for one in _paths(schema, "readOnlyProperties") if "*" not in one]
    texts = [
        name for name, one in schema.get("properties", {}).items() if one.get("type") == "string"
    ]
    return list(dict.fromkeys((*read_only, *texts)))


def _value(schema: Mapping[str, Any], kind: str, attribute: str, name: str) -> Any:
    """Return something of the attribute's kind: an ARN, a number, or a text with the name in it."""
    last = attribute.rpartition(".")[2]
    if last.lower().endswith("arn"):
        service = kind.split("::")[1].lower()
        place = f"{responses.get_region()}:{responses.get_account_id()}"
        return f"arn:aws:{service}:{place}:{kind.rpartition('::')[2].lower()}/{name}"
    declared = schema.get("properties", {}).get(attribute, {}).get("type")
    if isinstance(declared, str) and declared in _BY_TYPE:
        return _BY_TYPE[declared]
    return "443" if last == "Port" else name if last in ("Id", "Name") else f"{name}.{last.lower()}"


def _with_note(original: Callable[..., None], kept: frozenset[str]) -> Callable[..., None]:
    def add_event(
        stack_id: str, stack: str, logical_id: str, kind: str, status: str, *more: Any, **named: Any
    ) -> None:
        if kind in kept and status == "CREATE_COMPLETE" and not more and not named.get("reason"):
            named["reason"] = _NOTE
        original(stack_id, stack, logical_id, kind, status, *more, **named)

    return add_event
