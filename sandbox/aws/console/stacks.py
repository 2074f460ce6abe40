"""Pages of stacks, made of what CloudFormation answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tiercel.sandbox.aws.console.addresses import stack_at, stacks_at
from tiercel.sandbox.pages.frame import html_page
from tiercel.sandbox.pages.markup import Markup
from tiercel.sandbox.pages.parts import code_text, facts, html_table, moment, section, state

_Told = Mapping[str, Any]
_MOST_EVENTS = 100


def stacks_page(account: str, region: str, stacks: Sequence[_Told]) -> bytes:
    """Return the list of an account's stacks."""
    rows = [
        (
            stack_at(account, region, one["StackId"], one["StackName"]),
            state(one["StackStatus"]),
            moment(one.get("LastUpdatedTime") or one.get("CreationTime")),
        )
        for one in stacks
    ]
    return html_page(f"Stacks of {account}", [], html_table(("stack", "status", "changed"), rows))


def stack_page(
    account: str, region: str, stack: _Told, resources: Sequence[_Told], events: Sequence[_Told]
) -> bytes:
    """Return a stack's page: what it is, has and gives, and what happened to it, newest first."""
    return html_page(
        stack["StackName"],
        [(f"stacks of {account}", stacks_at(account, region))],
        facts(
            ("status", state(stack["StackStatus"])),
            ("reason", stack.get("StackStatusReason", "")),
            ("id", code_text(stack["StackId"])),
            ("account", account),
            ("region", region),
            ("created", moment(stack.get("CreationTime"))),
            ("updated", moment(stack.get("LastUpdatedTime"))),
            ("protected", "from termination" if stack.get("EnableTerminationProtection") else ""),
        ),
        section("Outputs", _pairs(stack.get("Outputs", []), "OutputKey", "OutputValue")),
        section("Resources", _resources(resources)),
        section("Events", _events(events[:_MOST_EVENTS])),
        section(
            "Parameters", _pairs(stack.get("Parameters", []), "ParameterKey", "ParameterValue")
        ),
        section("Tags", _pairs(stack.get("Tags", []), "Key", "Value")),
    )


def _pairs(found: Sequence[_Told], key: str, value: str) -> Markup:
    return html_table(
        ("name", "value"), [(one[key], code_text(str(one.get(value, "")))) for one in found]
    )


def _resources(found: Sequence[_Told]) -> Markup:
    rows = [
        (
            one["LogicalResourceId"],
            one["ResourceType"],
            code_text(one.get("PhysicalResourceId", "")),
            state(one["ResourceStatus"]),
        )
        for one in found
    ]
    return html_table(("resource", "type", "id", "status"), rows)


def _events(found: Sequence[_Told]) -> Markup:
    rows = [
        (
            moment(one.get("Timestamp")),
            one.get("LogicalResourceId", ""),
            state(one.get("ResourceStatus", "")),
            one.get("ResourceStatusReason", ""),
        )
        for one in found
    ]
    return html_table(("at", "resource", "status", "reason"), rows)
