"""Requests and answers are what botocore's model of CodeDeploy says, or they are no good."""

from __future__ import annotations

import functools
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator

from tiercel.sandbox.aws.codedeploy.records import CodeDeployError, CodeDeployObject


def check_request(operation: str, request: CodeDeployObject) -> None:
    """Refuse what does not fit the operation's input: unknown names, types, lengths, values."""
    if operation not in model().operation_names:
        raise CodeDeployError("UnknownOperationException", f"CodeDeploy has no {operation}")
    shape = model().operation_model(operation).input_shape
    if problems := _problems(request, shape):
        raise CodeDeployError("ValidationException", problems)


def check_answer(operation: str, answer: CodeDeployObject) -> None:
    """Raise AssertionError for an answer that botocore could not read whole."""
    shape = model().operation_model(operation).output_shape
    if problems := _problems(answer, shape):
        raise AssertionError(f"{operation} answers what its model does not have: {problems}")


@functools.cache
def model() -> ServiceModel:
    """Return CodeDeploy's own description of itself."""
    return ServiceModel(Loader().load_service_model("codedeploy", "service-2"), "codedeploy")


def _problems(value: CodeDeployObject, shape: Shape | None) -> str:
    if shape is None:
        return "" if not value else f"nothing is expected, and there is {sorted(value)}"
    report = ParamValidator().validate(value, shape)
    found = [report.generate_report()] if report.has_errors() else []
    return "\n".join([*found, *_values(value, shape, "")])


def _values(value: Any, shape: Any, path: str) -> list[str]:
    """Return the values that are none of an enumeration's: ParamValidator lets them pass."""
    if shape.type_name == "structure" and isinstance(value, dict):
        parts = [
            (name, value[name], shape.members[name]) for name in value if name in shape.members
        ]
    elif shape.type_name == "list" and isinstance(value, list):
        parts = [("[]", one, shape.member) for one in value]
    elif shape.type_name == "string" and shape.enum and value not in shape.enum:
        return [f"{path} is {value!r}, which is none of {', '.join(shape.enum)}"]
    else:
        parts = []
    return [fault for name, one, of in parts for fault in _values(one, of, f"{path}.{name}")]
