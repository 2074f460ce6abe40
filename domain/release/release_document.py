"""What a flow run released, as data, which the run leaves and whoever follows it reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from tiercel.domain.base.text import printable

RELEASE_KEY = "release-document"
"""What the document is called among the things that a run reports."""
_LONGEST = 2_000


@dataclass(frozen=True)
class ReleasedDocument:
    """`releases` is `STACK:NUMBER`, with a space between several; `address` may be empty."""

    releases: str
    address: str = ""


_DOCUMENT = TypeAdapter(ReleasedDocument)


def release_document(numbers: Mapping[str, int], address: str) -> dict[str, Any]:
    """Return the document of releases, which are numbers by stack.

    The address is an output of a stack, so it may be anything: it becomes one line.
    """
    releases = " ".join(f"{stack}:{number}" for stack, number in sorted(numbers.items()))
    document = ReleasedDocument(releases, printable(address, _LONGEST))
    told: dict[str, Any] = _DOCUMENT.dump_python(document, mode="json")
    return told


def released_in(document: object) -> ReleasedDocument | None:
    """Return what a document, as JSON text, tells of; None if it is no such document."""
    if not isinstance(document, str):
        return None
    try:
        return _DOCUMENT.validate_json(document)
    except ValidationError:
        return None
