from __future__ import annotations

import pytest

from tests.support.codes import because
from tiercel.domain.artifact.filtered_files import (
    filter_by_attributes,
    filter_by_content,
    may_convert,
    require_finished,
)
from tiercel.domain.base.errors import RefusedInputError


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "lfs"),
        (b"\0GITCRYPT\0\x01\x02", "git-crypt"),
        (b"version 1\n", ""),
        (b"", ""),
    ],
)
def test_a_pointer_and_an_encrypted_file_are_known_by_their_beginning(
    content: bytes, name: str
) -> None:
    assert filter_by_content(content) == name


@pytest.mark.parametrize(
    ("path", "attributes", "name"),
    [
        ("a/b.enc", {"": "*.enc filter=vault diff\n"}, "vault"),
        ("a/b.enc", {"": "# *.enc filter=vault\n*.bin filter=vault\n\n"}, ""),
        ("a/b.enc", {"": "/b.enc filter=vault"}, ""),
        ("a/b.enc", {"": "a/*.enc filter=vault"}, "vault"),
        ("a/c/b.enc", {"": "a/**/b.enc filter=vault"}, "vault"),
        ("a/b.enc", {"": "**/b.enc filter=vault"}, "vault"),
        ("a/b.enc", {"": "*.enc filter=vault\nb.enc -filter"}, ""),
        ("a/b.enc", {"": "*.enc filter=vault", "a": "*.enc !filter"}, ""),
        ("a/b.enc", {"a": "*.enc filter=vault"}, "vault"),
        ("ab/b.enc", {"a": "*.enc filter=vault"}, ""),
        ("a/b.bin", {"": "*.bin filter=lfs"}, ""),
        ("a.ipynb", {"": "*.ipynb filter=nbstripout"}, ""),
    ],
)
def test_the_last_line_that_fits_names_the_filter(
    path: str, attributes: dict[str, str], name: str
) -> None:
    assert filter_by_attributes(path, attributes) == name


def test_files_without_content_are_refused_with_their_names() -> None:
    require_finished({})
    with pytest.raises(RefusedInputError, check=because("source.filtered")) as refusal:
        require_finished({"model.bin": "lfs", "a.enc": "vault"})
    assert refusal.value.where == "a.enc, model.bin"


@pytest.mark.parametrize(
    ("attributes", "converts"),
    [
        ("", False),
        (
            "* text=auto\n*.sh text eol=lf\n*.png binary\n*.md diff=markdown linguist-vendored",
            False,
        ),
        ("*.bat eol=crlf", True),
        ("*.bat crlf", True),
        ("*.bin filter=lfs diff=lfs merge=lfs -text", True),
        ("*.c ident", True),
        ("*.txt working-tree-encoding=UTF-16", True),
        ("[attr]lines eol=lf", True),
    ],
)
def test_attributes_that_change_what_is_checked_out_are_known(
    attributes: str, *, converts: bool
) -> None:
    assert may_convert(attributes) is converts
