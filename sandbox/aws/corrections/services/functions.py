"""Lambda functions and layers whose code is not there."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import io
import uuid
import zipfile
from typing import Any

from ministack.services.cloudformation import provisioners

from tiercel.sandbox.aws.corrections.services import documents

_Json = dict[str, Any]


def demand_code() -> None:
    """A function or layer whose code object does not exist, or is no zip, is not created.

    The emulator creates a function that answers with a made-up result.
    https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
    """
    _demand("AWS::Lambda::Function", "Code")
    _demand("AWS::Lambda::LayerVersion", "Content")


def _demand(resource_type: str, property_name: str) -> None:
    handlers = provisioners._RESOURCE_HANDLERS[resource_type]
    original_create, original_update = handlers["create"], handlers.get("update")

    def create(logical_id: str, properties: _Json, stack: str) -> Any:
        _check(properties.get(property_name, {}))
        return original_create(logical_id, properties, stack)

    def update(identifier: str, old: _Json, new: _Json, stack: str, *more: Any) -> Any:
        if new.get(property_name) != old.get(property_name):
            _check(new.get(property_name, {}))
        return original_update(identifier, old, new, stack, *more)

    handlers["create"] = create
    if original_update:
        handlers["update"] = update


def _check(code: _Json) -> None:
    if not code.get("S3Bucket"):
        return
    try:
        content = documents.document_in(
            code["S3Bucket"], code.get("S3Key", ""), code.get("S3ObjectVersion")
        )
    except ValueError as error:
        raise _refused(f"Error occurred while GetObject. {error}") from error
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise _refused("Could not unzip uploaded file. Please check your file, then try again.")


def _refused(message: str) -> ValueError:
    """Return the error in the words of CloudFormation's resource handler."""
    return ValueError(
        f'Resource handler returned message: "{message} (Service: Lambda, Status Code: 400, '
        f'Request ID: {uuid.uuid4()})" (RequestToken: {uuid.uuid4()}, '
        "HandlerErrorCode: InvalidRequest)"
    )
