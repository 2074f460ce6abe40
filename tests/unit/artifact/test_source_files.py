"""How many files a service's source may have, and how large they may be."""

from __future__ import annotations

import pytest

from tests.support.codes import because
from tiercel.domain.artifact.source_files import (
    MAX_SOURCE_BYTES,
    MAX_SOURCE_FILES,
    SourceFile,
    require_source_limits,
)
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.git_objects import GITLINK, GitEntry

ENTRY = GitEntry("100644", "a" * 40)


def test_what_is_within_the_limits_is_returned_by_name() -> None:
    files = [SourceFile("b", ENTRY, 1), SourceFile("a", ENTRY, MAX_SOURCE_BYTES - 1)]
    found = require_source_limits(files, MAX_SOURCE_FILES, "here")
    assert [one.path for one in found] == ["a", "b"]


def test_one_byte_more_than_is_allowed_is_refused_and_the_largest_file_named() -> None:
    files = [SourceFile("a", ENTRY, 2), SourceFile("big\x1b[2J", ENTRY, MAX_SOURCE_BYTES - 1)]
    with pytest.raises(RefusedInputError, check=because("source.too_large")) as refusal:
        require_source_limits(files, 2, "here")
    assert "big" in refusal.value.why
    assert refusal.value.why.isprintable()


def test_one_path_more_than_is_allowed_is_refused() -> None:
    with pytest.raises(RefusedInputError, check=because("source.too_many_files")):
        require_source_limits([], MAX_SOURCE_FILES + 1, "here")


def test_a_submodule_is_refused_wherever_it_lies() -> None:
    files = [SourceFile("a", ENTRY, 1), SourceFile("b/c", GitEntry(GITLINK, "b" * 40), 0)]
    with pytest.raises(RefusedInputError, check=because("source.submodule")) as refusal:
        require_source_limits(files, 2, "here")
    assert refusal.value.where == "b/c"
