"""Change sets: whose they are, and the stack that they create."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

from typing import Any

from ministack.core import iam_actions
from ministack.services import cloudformation
from ministack.services.cloudformation import handlers, helpers


def authorize_the_stack_of_a_change_set() -> None:
    """A call that names a change set by its ARN alone is authorized on its stack.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
    """
    original = iam_actions.extract_resource_arn

    def extract(
        service: str,
        method: str,
        path: str,
        headers: Any,
        body: bytes,
        parameters: Any,
        *place: str,
    ) -> Any:
        arn = original(service, method, path, headers, body, parameters, *place)
        if service != "cloudformation" or arn != "*":
            return arn
        name = helpers._p(parameters, "ChangeSetName")
        change_set = cloudformation._change_sets.get(name)
        return change_set["StackId"] if change_set else arn

    iam_actions.extract_resource_arn = extract


def keep_the_stack_under_review() -> None:
    """Another CREATE change set of a stack in review belongs to that stack, with its id.

    The emulator makes another stack of the same name, and drops it when the change set is
    refused.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
    """
    original = handlers._ACTION_HANDLERS["CreateChangeSet"]

    def create(parameters: Any) -> Any:
        name = helpers._p(parameters, "StackName")
        before = cloudformation._stacks.get(name)
        if before is None or before["StackStatus"] != "REVIEW_IN_PROGRESS":
            return original(parameters)
        events = cloudformation._stack_events.get(before["StackId"], [])
        status, headers, body = original(parameters)
        made = cloudformation._stacks.get(name)
        cloudformation._stacks[name] = before
        cloudformation._stack_events[before["StackId"]] = events
        if made is None or made["StackId"] == before["StackId"]:
            return status, headers, body
        cloudformation._stack_events.pop(made["StackId"], None)
        for change_set in cloudformation._change_sets.values():
            if change_set["StackId"] == made["StackId"]:
                change_set["StackId"] = before["StackId"]
        text = body if isinstance(body, bytes) else body.encode()
        return status, headers, text.replace(made["StackId"].encode(), before["StackId"].encode())

    handlers._ACTION_HANDLERS["CreateChangeSet"] = create


def free_the_names_of_executed_change_sets() -> None:
    """A stack's change sets are gone once one was executed: its name may be used again.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ExecuteChangeSet.html
    """
    original = handlers._ACTION_HANDLERS["CreateChangeSet"]

    def create(parameters: Any) -> Any:
        stack = handlers._resolve_stack(helpers._p(parameters, "StackName"))
        name = helpers._p(parameters, "ChangeSetName")
        for identifier, change_set in list(cloudformation._change_sets.items()):
            executed = change_set["ExecutionStatus"] in {"EXECUTE_COMPLETE", "EXECUTE_FAILED"}
            same = stack and change_set["StackName"] == stack["StackName"]
            if same and executed and change_set["ChangeSetName"] == name:
                cloudformation._change_sets.pop(identifier)
        return original(parameters)

    handlers._ACTION_HANDLERS["CreateChangeSet"] = create


def execute_what_changes_outputs_alone() -> None:
    """A change set of a template with other outputs is executable, and lists no change.

    The emulator looks at resources only, and fails it as one without changes. AWS's pages say
    that what is AVAILABLE can be executed; that it may list nothing is known from the AWS CDK.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html
    """
    original = handlers._ACTION_HANDLERS["CreateChangeSet"]

    def create(parameters: Any) -> Any:
        known = set(cloudformation._change_sets)
        answer = original(parameters)
        for identifier, change_set in list(cloudformation._change_sets.items()):
            if identifier in known or "didn't contain changes" not in change_set["StatusReason"]:
                continue
            before = cloudformation._stacks[change_set["StackName"]]["_template"]
            if change_set["_template"].get("Outputs", {}) != before.get("Outputs", {}):
                change_set["Status"], change_set["ExecutionStatus"] = "CREATE_COMPLETE", "AVAILABLE"
                change_set["StatusReason"] = ""
        return answer

    handlers._ACTION_HANDLERS["CreateChangeSet"] = create
