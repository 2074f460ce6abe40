"""What CloudFormation validates when a change set is made, before anything is changed."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.core import responses
from ministack.services import cloudformation, s3
from ministack.services.cloudformation import changesets, engine, handlers, helpers, stacks

from tiercel.sandbox.aws.corrections.stacks.nested_change_sets import (
    change_sets_below,
    fail_above,
)
from tiercel.tasks.stack.service_role import published_schema

_Json = dict[str, Any]

_FAILED = (
    "The following hook(s)/validation failed: [{}]. To troubleshoot Early Validation errors, use "
    "the DescribeEvents API for detailed failure information."
)
_CHECKS = {
    "NAME_CONFLICT_VALIDATION": "AWS::EarlyValidation::ResourceExistenceCheck",
    "PROPERTY_VALIDATION": "AWS::EarlyValidation::PropertyValidation",
}
# The property that names a resource, where that alone tells whether the name is taken.
_NAMES = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::IAM::Role": "RoleName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SSM::Parameter": "Name",
}
_REMOVALS = ("Delete", "ReplaceAndDelete")


def validate_when_a_change_set_is_made() -> None:
    """Names that are taken and wrong properties fail a change set, full buckets warn.

    DescribeEvents tells them by its ARN. The emulator validates some of it when a stack is made.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
    """
    original = handlers._ACTION_HANDLERS["CreateChangeSet"]

    def create(parameters: Any) -> Any:
        known = set(cloudformation._change_sets)
        answer = original(parameters)
        if helpers._p(parameters, "DisableValidation").lower() != "true":
            made = [cloudformation._change_sets[one] for one in cloudformation._change_sets]
            for change_set in made:
                if change_set["ChangeSetId"] not in known and "ParentChangeSetId" not in change_set:
                    for one in change_sets_below(change_set):
                        _validate(one)
        return answer

    handlers._ACTION_HANDLERS["CreateChangeSet"] = create


def _validate(change_set: _Json) -> None:
    found = [*_properties(change_set), *_taken_names(change_set), *_full_buckets(change_set)]
    operation = str(uuid.uuid4())
    failed = [one["ValidationName"] for one in found if one["ValidationFailureMode"] == "FAIL"]
    status = "FAILED" if failed else "SUCCEEDED"
    change_set["_operation_events"] = [
        stacks._operation_event(
            change_set["StackId"], operation, "VALIDATION_ERROR", "CREATE_CHANGESET", **one
        )
        | {"OperationStatus": status}
        for one in found
    ]
    if failed and change_set["Status"] != "FAILED":
        checks = sorted({_CHECKS[one] for one in failed})
        change_set["Status"], change_set["ExecutionStatus"] = "FAILED", "UNAVAILABLE"
        change_set["StatusReason"] = _FAILED.format(", ".join(checks))
        fail_above(change_set)


def _finding(change: Mapping[str, Any], name: str, reason: str, path: str = "") -> _Json:
    return {
        "LogicalResourceId": change["LogicalResourceId"],
        "ResourceType": change["ResourceType"],
        "ValidationName": name,
        "ValidationStatus": "FAILED",
        "ValidationFailureMode": "FAIL" if name in _CHECKS else "WARN",
        "ValidationStatusReason": reason,
        "ValidationPath": f"/Resources/{change['LogicalResourceId']}{path}",
    }


_CUSTOM = "AWS::CloudFormation::CustomResource"
"""Has the properties that its provider takes, whatever its published schema says."""


def _made(change_set: _Json) -> Iterator[tuple[_Json, _Json]]:
    """Yield each change that makes or changes a resource, with the resource's properties."""
    resources = change_set["_template"].get("Resources", {})
    for change in change_set["Changes"]:
        told = change["ResourceChange"]
        properties = resources.get(told["LogicalResourceId"], {}).get("Properties") or {}
        if told["Action"] in ("Add", "Modify") and isinstance(properties, dict):
            yield told, properties


def _properties(change_set: _Json) -> Iterator[_Json]:
    """Yield what is required and missing, what a type does not have, and wrong choices."""
    for told, properties in _made(change_set):
        yield from _choices(told, change_set)
        schema = published_schema(responses.get_region(), told["ResourceType"])
        if "Fn::Transform" in properties or not schema:
            continue
        for name in schema.get("required", ()):
            if name not in properties:
                reason = f"Required property [{name}] not found"
                yield _finding(told, "PROPERTY_VALIDATION", reason, "/Properties")
        if schema.get("additionalProperties") is False and told["ResourceType"] != _CUSTOM:
            for name in sorted(properties.keys() - schema["properties"].keys()):
                reason = f"Unsupported property [{name}]"
                yield _finding(told, "PROPERTY_VALIDATION", reason, f"/Properties/{name}")


def _choices(told: _Json, change_set: _Json) -> Iterator[_Json]:
    """Yield the values that are none of those that a property may have."""
    template, values = change_set["_template"], change_set["_resolved_params"]
    for logical_id, _, name, path, reason in stacks._validation_errors(
        template["Resources"],
        [told["LogicalResourceId"]],
        values,
        engine._evaluate_conditions(template, values),
        template.get("Mappings", {}),
        change_set["StackName"],
        change_set["StackId"],
    ):
        if name == "PROPERTY_VALIDATION":
            yield _finding(told, name, reason, path.removeprefix(f"/Resources/{logical_id}"))


def _taken_names(change_set: _Json) -> Iterator[_Json]:
    for told, properties in _made(change_set):
        name = properties.get(_NAMES.get(told["ResourceType"], ""))
        if told["Action"] != "Add" or not name:
            continue
        text = _static(name, change_set)
        if text and _exists(told["ResourceType"], text):
            kind = told["ResourceType"]
            reason = f"Resource of type '{kind}' with identifier '{text}' already exists."
            yield _finding(told, "NAME_CONFLICT_VALIDATION", reason)


def _static(value: Any, change_set: _Json) -> str:
    """Return a name that is known beforehand, empty if it depends on another resource."""
    template, values = change_set["_template"], change_set["_resolved_params"]
    named = {name for name, _ in engine._intrinsic_references(value)}
    if named & set(template.get("Resources", {})):
        return ""
    try:
        found = engine._resolve_refs(
            value,
            {},
            values,
            engine._evaluate_conditions(template, values),
            template.get("Mappings", {}),
            change_set["StackName"],
            change_set["StackId"],
        )
    except Exception:  # noqa: BLE001 - what cannot be told is not validated
        return ""
    return found if isinstance(found, str) and "{{resolve:" not in found else ""


def _exists(kind: str, name: str) -> bool:
    region, account = responses.get_region(), responses.get_account_id()
    if kind == "AWS::S3::Bucket":  # of any account
        return s3._bucket_owner_account(name) is not None
    identifier = f"arn:aws:sns:{region}:{account}:{name}" if kind == "AWS::SNS::Topic" else name
    problem: str | None = changesets._IMPORT_LOOKUPS[kind][1](identifier)
    return problem is None


def _full_buckets(change_set: _Json) -> Iterator[_Json]:
    for change in change_set["Changes"]:
        told = change["ResourceChange"]
        goes = told.get("PolicyAction") in _REMOVALS
        bucket = told.get("PhysicalResourceId", "")
        if told["ResourceType"] != "AWS::S3::Bucket" or not goes:
            continue
        if s3._buckets.get(bucket, {}).get("objects") or s3._bucket_has_versions(bucket):
            reason = (
                f"The bucket '{bucket}' is not empty. You must either delete all objects and "
                "versions or use the deletion policy to retain it, otherwise the delete operation "
                "will fail."
            )
            yield _finding(told, "BUCKET_EMPTINESS_VALIDATION", reason)
