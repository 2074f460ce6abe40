"""Change sets of nested stacks, which CreateChangeSet makes with IncludeNestedStacks."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from ministack.core import responses
from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, engine, handlers, helpers, stacks

from tiercel.sandbox.aws.corrections.stacks.nested_stacks import nested_stack_id

_Json = dict[str, Any]

_TYPE = "AWS::CloudFormation::Stack"
_DEEPEST = 10
_FROM_THE_ROOT = "Only executable from the root change set."
_NO_CHANGES = (
    "The submitted information didn't contain changes. "
    "Submit different information to create a change set."
)


def plan_nested_stacks() -> None:
    """With IncludeNestedStacks each nested stack that changes gets a change set of its own.

    The change of the nested stack names it, and it is carried out and deleted with the root's.
    Nested stacks that are added have none in review here until then.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/change-sets-for-nested-stacks.html
    """
    original = handlers._ACTION_HANDLERS["CreateChangeSet"]

    def create(parameters: Any) -> Any:
        known = set(cloudformation._change_sets)
        answer = original(parameters)
        if helpers._p(parameters, "IncludeNestedStacks").lower() == "true":
            for identifier in set(cloudformation._change_sets) - known:
                change_set = cloudformation._change_sets[identifier]
                change_set["IncludeNestedStacks"] = True
                _look_into(change_set, identifier, 0)
        return answer

    handlers._ACTION_HANDLERS["CreateChangeSet"] = create
    for action in ("ExecuteChangeSet", "DeleteChangeSet"):
        handlers._ACTION_HANDLERS[action] = _with_those_below(handlers._ACTION_HANDLERS[action])
    _tell_of_nesting()


def change_sets_below(root: _Json) -> Iterator[_Json]:
    """Yield the change set itself and all that are nested in it."""
    yield root
    for one in list(cloudformation._change_sets.values()):
        if one.get("RootChangeSetId") == root["ChangeSetId"]:
            yield one


def fail_above(change_set: _Json) -> None:
    """Fail what a failed change set is nested in, as AWS does: it names the first one."""
    while parent := cloudformation._change_sets.get(change_set.get("ParentChangeSetId", "")):
        if parent["Status"] != "FAILED" or parent["StatusReason"] == _NO_CHANGES:
            reason = f"Nested change set {change_set['ChangeSetId']} was not successfully created: "
            _fail(parent, reason + "Currently in FAILED.")
        change_set = parent


def _fail(change_set: _Json, reason: str) -> None:
    change_set["Status"], change_set["ExecutionStatus"] = "FAILED", "UNAVAILABLE"
    change_set["StatusReason"] = reason


def _look_into(parent: _Json, root: str, depth: int) -> None:
    template, values = parent["_template"], parent["_resolved_params"]
    resolved = changesets._resolve_props_for_diff(
        template, values, parent["StackName"], parent["StackId"]
    )
    for change in parent["Changes"]:
        told = change["ResourceChange"]
        if told["ResourceType"] != _TYPE or told["Action"] == "Remove" or depth == _DEEPEST:
            continue
        properties = resolved["Resources"][told["LogicalResourceId"]].get("Properties") or {}
        nested = _nested(parent, root, told["LogicalResourceId"])
        try:
            _compare(nested, properties)
        except Exception as error:  # noqa: BLE001 - whatever a template does is its reason
            _fail(nested, str(error))
        told["ChangeSetId"] = nested["ChangeSetId"]
        cloudformation._change_sets[nested["ChangeSetId"]] = nested
        _look_into(nested, root, depth + 1)
        if nested["Status"] == "FAILED" and nested["StatusReason"] != _NO_CHANGES:
            fail_above(nested)


def _nested(parent: _Json, root: str, logical_id: str) -> _Json:
    """Return a change set without changes for the stack under a logical id, old or new."""
    region, account = responses.get_region(), responses.get_account_id()
    start = f"arn:aws:cloudformation:{region}:{account}"
    mark = uuid.uuid4().hex[:12].upper()
    name = f"{parent['StackName']}-{logical_id}-{mark}"
    stack_id = nested_stack_id(parent["StackName"], logical_id) or (
        f"{start}:stack/{name}/{uuid.uuid4()}"
    )
    known = handlers._resolve_stack(stack_id)
    if known is None or known["StackStatus"] == "DELETE_COMPLETE":
        known, stack_id = None, f"{start}:stack/{name}/{uuid.uuid4()}"
    set_name = f"{parent['ChangeSetName']}-{logical_id}-{mark}"
    return {
        **parent,
        "ChangeSetId": f"{start}:changeSet/{set_name}/{uuid.uuid4()}",
        "ChangeSetName": set_name,
        "StackId": stack_id,
        "StackName": known["StackName"] if known else name,
        "ParentChangeSetId": parent["ChangeSetId"],
        "RootChangeSetId": root,
        "Status": "CREATE_COMPLETE",
        "ExecutionStatus": "UNAVAILABLE",
        "StatusReason": _FROM_THE_ROOT,
        "Description": "",
        "ChangeSetType": "UPDATE" if known else "CREATE",
        "Changes": [],
        "Parameters": [],
        "_template": {},
        "_resolved_params": {},
        "_operation_events": [],
    }


def _compare(nested: _Json, properties: _Json) -> None:
    """Fill in what changes; ValueError in CloudFormation's words if it cannot be told."""
    url = properties.get("TemplateURL")
    body, refused = helpers._resolve_template({"TemplateURL": [str(url)]})
    if refused is not None or not body:
        raise ValueError(f"Template not found at {url}")
    template = engine._parse_template(body)
    given = [
        {"Key": name, "Value": value if isinstance(value, str) else str(value)}
        for name, value in (properties.get("Parameters") or {}).items()
    ]
    values = engine._resolve_parameters(template, given)
    conditions = engine._evaluate_conditions(template, values)
    engine.validate_template_support(template, conditions, params=values)
    before = handlers._resolve_stack(nested["StackId"]) or {}
    old = before.get("_resolved_params", {})
    place = (nested["StackName"], nested["StackId"])
    changed = {
        name for name, value in values.items() if old.get(name, {}).get("Value") != value["Value"]
    }
    nested["Changes"] = stacks._diff_resources(
        changesets._resolve_props_for_diff(before.get("_template") or {}, old, *place),
        changesets._resolve_props_for_diff(template, values, *place),
        before.get("_resources"),
        template,
        changed,
    )
    nested["_template"], nested["_resolved_params"] = template, values
    same_outputs = (before.get("_template") or {}).get("Outputs") == template.get("Outputs")
    if not nested["Changes"] and same_outputs:
        _fail(nested, _NO_CHANGES)


def _with_those_below(handler: Any) -> Any:
    def handling(parameters: Any) -> Any:
        name, stack = (helpers._p(parameters, key) for key in ("ChangeSetName", "StackName"))
        root = changesets._find_change_set(name, stack)[1]
        below = [one for one in change_sets_below(root) if one is not root] if root else []
        answer = handler(parameters)
        if answer[0] == 200:
            for one in below:
                cloudformation._change_sets.pop(one["ChangeSetId"], None)
        return answer

    return handling


def _tell_of_nesting() -> None:
    original = handlers._ACTION_HANDLERS["DescribeChangeSet"]

    def describe(parameters: Any) -> Any:
        status, headers, body = original(parameters)
        name, stack = (helpers._p(parameters, key) for key in ("ChangeSetName", "StackName"))
        found = changesets._find_change_set(name, stack)[1]
        if status != 200 or not found or not found.get("IncludeNestedStacks"):
            return status, headers, body
        text = body.decode()
        for change in found["Changes"]:
            told = change["ResourceChange"]
            if "ChangeSetId" in told:
                named = f"<LogicalResourceId>{helpers._esc(told['LogicalResourceId'])}</LogicalRe"
                text = text.replace(
                    named, f"<ChangeSetId>{helpers._esc(told['ChangeSetId'])}</ChangeSetId>{named}"
                )
        more = "<IncludeNestedStacks>true</IncludeNestedStacks>" + "".join(
            f"<{key}>{helpers._esc(found[key])}</{key}>"
            for key in ("ParentChangeSetId", "RootChangeSetId")
            if key in found
        )
        end = "</DescribeChangeSetResult>"
        return status, headers, text.replace(end, more + end).encode()

    handlers._ACTION_HANDLERS["DescribeChangeSet"] = describe
