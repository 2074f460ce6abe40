"""The kinds of values that every rule works on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
)


def _json_value(value: Any) -> Any:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError("must be JSON: no dates, no nan or inf, not nested deeply") from error
    return value


Json = Annotated[Any, AfterValidator(_json_value)]


class Frozen(BaseModel):
    """A value: it never changes, and a key that nobody reads is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


PolicyDocument = Mapping[str, Any]
"""A policy of IAM, S3 or KMS, as JSON has it."""
TemplateDocument = dict[str, Any]
"""A CloudFormation template, as JSON has it."""
