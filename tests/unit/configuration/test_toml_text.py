"""Tables written as a text, and where an image's configuration builds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.topology import topology_text
from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.configuration.build_place import with_build_place
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.configuration.toml_text import parse_toml, text_of_tables
from tiercel.domain.organization.topology import BuildPlace

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN = st.one_of(TEXTS, st.integers(-(2**40), 2**40), st.booleans())
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)


@settings(max_examples=60)
@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_tables_that_are_written_are_read_as_they_were(tables: dict[str, Any]) -> None:
    assert parse_toml(text_of_tables(tables), "tiercel.toml") == tables


def test_a_long_list_of_hosts_is_read_again() -> None:
    tables = {"builds": {"indexes": [f"packages{n}.eu.example.com" for n in range(90)]}}
    assert parse_toml(text_of_tables(tables), "tiercel.toml") == tables


@pytest.mark.parametrize(
    "builds",
    [
        "",
        "[builds]\nindexes = []\n",
        '[builds] # where\nindexes = [\n"a.example.com",\n]\n',
        '[builds]\n  where="isolated" # as always\n',
        "[builds]\nwhere = 'here'\n[builds.index_credentials]\n",
        '[builds]\nwhere = "codebuild"\n',
    ],
)
def test_an_image_builds_where_it_can_whatever_its_configuration_says(builds: str) -> None:
    text = topology_text("acme/shop", more=builds)
    before = parse_topology(text)

    after = parse_topology(with_build_place(text, "codebuild", "tiercel.toml"))

    assert after.builds.where is BuildPlace.CODEBUILD
    same = after.builds.model_copy(update={"where": before.builds.where})
    assert after.model_copy(update={"builds": same}) == before


@pytest.mark.parametrize("builds", ['builds.where = "here"\n', "builds = { indexes = [] }\n"])
def test_builds_in_a_line_of_its_own_are_set_too(builds: str) -> None:
    made = with_build_place(builds + topology_text("acme/shop"), "codebuild", "tiercel.toml")
    assert parse_topology(made).builds.where is BuildPlace.CODEBUILD


def test_a_file_that_says_so_already_keeps_its_comments() -> None:
    text = topology_text("acme/shop", more='[builds] # in AWS\nwhere = "codebuild"\n')
    assert with_build_place(text, "codebuild", "tiercel.toml") == text


def test_what_is_no_toml_is_told_as_such() -> None:
    with pytest.raises(ConfigurationError):
        with_build_place("[builds\n", "codebuild", "tiercel.toml")
