"""A failure of a flow run as data, which the run leaves and whoever follows it reads."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from tiercel.domain.base.failure import Failure

KEY = "failure-document"
"""What the document is called among the things that a run reports."""


@dataclass(frozen=True)
class _Document:
    attempt: int
    failure: Failure


_DOCUMENT = TypeAdapter(_Document)


def failure_document(failure: Failure, attempt: int) -> dict[str, Any]:
    """Return the document of how a run failed in one of its attempts, counted from 1."""
    document: dict[str, Any] = _DOCUMENT.dump_python(_Document(attempt, failure), mode="json")
    return document


def failure_in(document: object, attempt: int) -> Failure | None:
    """Return the failure that a document, as JSON text, tells of; None if of another attempt.

    Also None if it is no such document: then nobody has said how the run failed.
    """
    if not isinstance(document, str):
        return None
    try:
        found = _DOCUMENT.validate_json(document)
    except ValidationError:
        return None
    return found.failure if found.attempt == attempt else None
