"""Nested stacks: what their templates are made of, and what becomes of them when they fail."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import engine, provisioners, stacks

_TYPE = "AWS::CloudFormation::Stack"
_Json = dict[str, Any]


def transform_nested_templates() -> None:
    """A nested template is transformed as that of its parent is: SAM, language extensions.

    The emulator takes it as it is written, and knows no type of SAM's.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/transform-aws-serverless.html
    """
    parse = engine._parse_template

    def parse_and_transform(body: str) -> _Json:
        template = engine._apply_transforms(parse(body))
        if isinstance(template, engine._TransformFailed):
            raise ValueError(template.error)  # noqa: TRY004 - in CloudFormation's words
        return dict(template)

    # Who parses the templates of requests imported the parser when the emulator began; only who
    # makes nested stacks asks for it by its name each time.
    engine._parse_template = parse_and_transform


def tell_which_nested_stack_failed() -> None:
    """A nested stack that fails is removed again, and its parent names it and not its reason.

    The emulator leaves what a failed one had made, and says nowhere which stack it was.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html
    """
    handlers = provisioners._RESOURCE_HANDLERS[_TYPE]
    create, update = handlers["create"], handlers["update"]

    def create_nested(logical_id: str, properties: _Json, parent: str) -> Any:
        before = set(cloudformation._stacks)
        try:
            return create(logical_id, properties, parent)
        except Exception as error:
            made = [one for one in set(cloudformation._stacks) - before if _is_in(one, parent)]
            if not made:
                raise
            nested = cloudformation._stacks[made[0]]
            nested["_logical_id"] = logical_id
            failed = _failed_in(nested)
            delete_nested(nested["StackId"], properties)
            raise _embedded(nested, "created", "create", failed) from error

    def update_nested(identifier: str, old: _Json, new: _Json, parent: str) -> Any:
        try:
            return update(identifier, old, new, parent)
        except Exception as error:
            nested = _stack_of(identifier)
            if nested is None:
                raise
            raise _embedded(nested, "updated", "update", _failed_in(nested)) from error

    handlers["create"] = create_nested
    handlers["update"] = update_nested
    handlers["delete"] = delete_nested


def nested_stack_id(parent: str, logical_id: str) -> str:
    """Return the id of a stack that is or was nested under a logical id; empty if there is none."""
    known = (cloudformation._stacks.get(parent) or {}).get("_resources", {}).get(logical_id)
    if known and known.get("ResourceType") == _TYPE:
        return str(known.get("PhysicalResourceId", ""))
    for stack in reversed(list(cloudformation._stacks.values())):
        told = (stack.get("_parent_stack_name"), stack.get("_logical_id"))
        if told == (parent, logical_id):
            return str(stack["StackId"])
    return ""


def delete_nested(identifier: str, _properties: _Json) -> None:
    """Delete what a nested stack made, in reverse order; ValueError if something stays.

    The emulator forgets the stack all the same, and what a template retains.
    """
    nested = _stack_of(identifier)
    if nested is None or nested["StackStatus"] == "DELETE_COMPLETE":
        return
    name, stack_id = nested["StackName"], nested["StackId"]
    _tell(nested, name, _TYPE, "DELETE_IN_PROGRESS", stack_id)
    definitions = (nested.get("_template") or {}).get("Resources", {})
    failed = []
    for logical_id in reversed(list(nested["_resources"])):
        one = nested["_resources"][logical_id]
        kind, physical_id = one["ResourceType"], one["PhysicalResourceId"]
        if (
            definitions.get(logical_id, {}).get("DeletionPolicy")
            in provisioners._RETAINING_POLICIES
        ):
            _tell(nested, logical_id, kind, "DELETE_SKIPPED", physical_id)
            nested["_resources"].pop(logical_id)
            continue
        try:
            provisioners._delete_resource(
                kind, physical_id, one.get("Properties", {}), name, logical_id
            )
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is its reason
            _tell(nested, logical_id, kind, "DELETE_FAILED", physical_id, str(error))
            failed.append(logical_id)
        else:
            _tell(nested, logical_id, kind, "DELETE_COMPLETE", physical_id)
            nested["_resources"].pop(logical_id)
    if failed:
        reason = f"The following resource(s) failed to delete: [{', '.join(sorted(failed))}]. "
        nested["StackStatus"], nested["StackStatusReason"] = "DELETE_FAILED", reason
        _tell(nested, name, _TYPE, "DELETE_FAILED", stack_id, reason)
        raise ValueError(f"Embedded stack {stack_id} was not successfully deleted: {reason}")
    for output in nested.get("Outputs", ()):
        cloudformation._exports.pop(output.get("ExportName"), None)
    nested["StackStatus"] = "DELETE_COMPLETE"
    _tell(nested, name, _TYPE, "DELETE_COMPLETE", stack_id)


def _tell(
    stack: _Json, logical_id: str, kind: str, status: str, physical_id: str, reason: str = ""
) -> None:
    name, stack_id = stack["StackName"], stack["StackId"]
    stacks._add_event(stack_id, name, logical_id, kind, status, reason, physical_id)


def _is_in(name: str, parent: str) -> bool:
    return bool(cloudformation._stacks[name].get("_parent_stack_name") == parent)


def _stack_of(identifier: str) -> _Json | None:
    found: _Json | None = cloudformation._stacks.get(
        provisioners._nested_stack_lookup_name(identifier)
    )
    return found


def _failed_in(stack: _Json) -> list[str]:
    events = cloudformation._stack_events.get(stack["StackId"], ())
    return [one["LogicalResourceId"] for one in events if one["ResourceStatus"].endswith("_FAILED")]


def _embedded(stack: _Json, done: str, verb: str, failed: list[str]) -> ValueError:
    listed = ", ".join(dict.fromkeys(failed))
    reason = f"The following resource(s) failed to {verb}: [{listed}]. "
    return ValueError(f"Embedded stack {stack['StackId']} was not successfully {done}: {reason}")
