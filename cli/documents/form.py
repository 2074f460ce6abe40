"""What the forms of documents are made of. They describe what is printed, and make none of it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from tiercel.domain.base.failure import Failure


class ClosedForm(BaseModel):
    """The keys of an object, all of them."""

    model_config = ConfigDict(extra="forbid")


class OpenForm(BaseModel):
    """Some keys of an object that has others, too."""

    model_config = ConfigDict(extra="allow")


class FailureForm(ClosedForm):
    """A failure in place of a part that could not be had."""

    error: Failure


AnyObject = dict[str, Any]
