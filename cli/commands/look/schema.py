"""`tiercel schema`: what the JSON documents of all commands look like."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from tiercel.cli.documents.kinds import DOCUMENTS, schema_name
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable


def schema(
    kind: Annotated[
        str, typer.Argument(help="What a document's `schema` says; else all kinds are listed.")
    ] = "",
) -> None:
    """Print the JSON Schema of a kind of document that commands print with --json."""
    if not kind:
        sys.stdout.write("".join(f"{schema_name(one)}\n" for one in DOCUMENTS))
        return
    from tiercel.cli.documents.schemas import document_schema

    known = {schema_name(one): one for one in DOCUMENTS}
    found = known.get(kind, kind)
    if found not in DOCUMENTS:
        raise RefusedInputError(
            "schema.unknown",
            f"there is no kind of document {printable(kind, 60)!r}",
            state="nothing was called",
            remedy="see `tiercel schema` for all of them",
        )
    sys.stdout.write(json.dumps(document_schema(found), indent=2) + "\n")
