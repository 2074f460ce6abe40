"""The JSON Schema of each kind of document."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pydantic import TypeAdapter

from tiercel.cli.documents.kinds import DOCUMENTS, FAILURE, schema_name
from tiercel.domain.base.failure import Failure

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def document_schema(kind: str) -> dict[str, Any]:
    """Return the schema of a kind of document; KeyError if there is no such kind."""
    error, definitions = _schema_of(Failure)
    properties: dict[str, Any] = {"schema": {"const": schema_name(kind)}, "error": error}
    required = ["schema", "error"]
    if kind != FAILURE:
        module, _, name = DOCUMENTS[kind].where.partition(":")
        properties["data"], own = _schema_of(getattr(import_module(module), name))
        definitions |= own
        required = ["schema", "data"]
    return {
        "$schema": _DIALECT,
        "title": schema_name(kind),
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
        "$defs": definitions,
    }


def _schema_of(form: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a form's schema, and apart from it what that refers to."""
    schema = TypeAdapter(form).json_schema(mode="serialization")
    return schema, schema.pop("$defs", {})
