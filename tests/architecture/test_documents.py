"""The JSON documents that commands print: each kind has a form, is printed and is described."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from openapi_schema_validator import OAS31Validator

from tests.support.commands import invoke
from tiercel.cli.documents.kinds import DOCUMENTS, FAILURE, document_of, schema_name
from tiercel.cli.documents.schemas import document_schema
from tiercel.domain.base.errors import ExitCode

ROOT = Path(__file__).parent.parent.parent
_PRINTED = re.compile(r"output\.document\(\s*\"([a-z-]+)\"")


def test_the_kinds_that_are_printed_are_those_that_are_known() -> None:
    printed = {
        kind for file in (ROOT / "cli").rglob("*.py") for kind in _PRINTED.findall(file.read_text())
    }
    assert printed | {FAILURE} == set(DOCUMENTS)


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_each_kind_has_a_schema_and_is_described(kind: str) -> None:
    OAS31Validator.check_schema(document_schema(kind))
    pages = (ROOT / "docs/use/cli.md").read_text()
    assert f"`{schema_name(kind)}`" in pages


def test_a_schema_refuses_another_version_and_a_key_that_it_does_not_have() -> None:
    validator = OAS31Validator(document_schema("page"))
    good = document_of("page", {"address": "http://127.0.0.1"})

    assert validator.is_valid(good)
    assert not validator.is_valid(good | {"schema": "tiercel.page/2"})
    assert not validator.is_valid(good | {"data": {"address": "http://127.0.0.1", "more": 1}})
    assert not validator.is_valid({"schema": "tiercel.page/1"})


def test_a_schema_is_printed_by_the_name_that_a_document_has_and_no_other() -> None:
    code, output, _ = invoke("schema", "tiercel.page/1")
    assert (code, json.loads(output)) == (ExitCode.OK, document_schema("page"))
    code, output, _ = invoke("schema")
    assert (code, output.split()) == (ExitCode.OK, [schema_name(one) for one in DOCUMENTS])
    assert invoke("schema", "tiercel.page/2")[0] == ExitCode.REFUSED
