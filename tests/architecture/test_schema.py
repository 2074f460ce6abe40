from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from openapi_schema_validator import OAS32Validator

from tests.architecture.documents import ROOT, code_of, rows, text_of
from tests.architecture.test_docs import CONFIGURATION, SMALL, set_key
from tests.support.commands import invoke
from tiercel.domain.configuration.schema import configuration_schema

# Of JSON Schema 2020-12, of which OpenAPI's dialect is a superset.
VALIDATOR = OAS32Validator(configuration_schema())
BY_RULES = ("; ", "waits", "there is no")


def test_the_command_prints_the_schema() -> None:
    code, output, _ = invoke("config", "schema")
    assert (code, json.loads(output)) == (0, configuration_schema())


def faults(text: str) -> list[str]:
    document: dict[str, Any] = tomllib.loads(text)
    return [one.message for one in VALIDATOR.iter_errors(document)]


@pytest.mark.parametrize("path", ["tiercel.toml", "examples/shop/tiercel.toml"])
def test_our_own_files_are_valid(path: str) -> None:
    assert faults((ROOT / path).read_text()) == []


@pytest.mark.parametrize("row", rows(text_of(CONFIGURATION), "key", "type"), ids=" ".join)
def test_every_example_of_a_key_is_valid(row: list[str]) -> None:
    assert faults(set_key(code_of(row[0]), code_of(row[4]))) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("organization.nmae", '"x"'),
        ("organization.name", "3"),
        ("organization.name", '"Acme"'),
        ("builds.where", '"elsewhere"'),
        ("builds.processes", '"many"'),
        ("environments.NAME.region", "left out"),
        ("environments.NAME.runtime_account", "12"),
        ("services.NAME.depends_on", '"storage"'),
        ("services.NAME.name", '"orders"'),
        ("services.NAME.parameters", "{ Level = 3 }"),
        ("services.NAME.parameters", '{ "two words" = "x" }'),
    ],
)
def test_a_wrong_key_or_value_is_seen_by_an_editor(key: str, value: str) -> None:
    assert faults(SMALL.replace("name = 'x'", "")) == []
    assert faults(set_key(key, value))


@pytest.mark.parametrize("text", ["", "[environments]\n", '[organization]\nname = "acme"\n'])
def test_half_a_file_is_none_of_both_kinds(text: str) -> None:
    assert faults(text)
