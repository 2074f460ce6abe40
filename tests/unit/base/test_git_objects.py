"""git's objects: known ids, what they refer to, and everything that is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.base.git_objects import (
    DamagedObjectError,
    GitEntry,
    commit_links,
    entries_below,
    is_reached,
    object_id,
    tree_entries,
)

A, B, C, D = (letter * 40 for letter in "abcd")
MODES = ["100644", "100755", "120000", "160000", "40000", "100664"]
NAMES = st.binary(min_size=1, max_size=20).filter(lambda name: not {0, 47} & set(name))
ENTRIES = st.dictionaries(
    NAMES, st.tuples(st.sampled_from(MODES), st.binary(min_size=20, max_size=20))
)


@pytest.mark.parametrize(
    ("kind", "body", "name"),
    [
        ("blob", b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
        ("blob", b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
        ("tree", b"", "4b825dc642cb6eb9a060e54bf8d69288fbee4904"),
    ],
)
def test_an_object_has_the_id_that_git_gives_it(kind: str, body: bytes, name: str) -> None:
    assert object_id(kind, body) == name


def tree(entries: dict[bytes, tuple[str, bytes]]) -> bytes:
    rows = (mode.encode() + b" " + name + b"\0" + one for name, (mode, one) in entries.items())
    return b"".join(rows)


@given(ENTRIES)
def test_a_tree_is_read_as_it_was_written_whatever_its_names_are(
    entries: dict[bytes, tuple[str, bytes]],
) -> None:
    found = tree_entries(tree(entries))
    assert {name.encode("utf-8", "surrogateescape"): one for name, one in found.items()} == {
        name: GitEntry(mode, one.hex()) for name, (mode, one) in entries.items()
    }


@given(st.binary(max_size=80))
def test_what_is_no_tree_is_refused_and_never_a_crash(body: bytes) -> None:
    try:
        tree_entries(body)
    except DamagedObjectError:
        return
    assert body == b"" or b"\0" in body


@pytest.mark.parametrize(
    "body",
    [
        b"100644 a\0" + b"x" * 19,
        b"100644 a",
        b"100644\0" + b"x" * 20,
        b"100648 a\0" + b"x" * 20,
        b" a\0" + b"x" * 20,
        b"100644 \0" + b"x" * 20,
        b"100644 a/b\0" + b"x" * 20,
    ],
)
def test_a_tree_that_is_cut_off_or_has_no_names_is_refused(body: bytes) -> None:
    with pytest.raises(DamagedObjectError):
        tree_entries(body)


@pytest.mark.parametrize(
    ("mode", "kind", "executable"),
    [
        ("100644", "blob", False),
        ("100755", "blob", True),
        ("100775", "blob", True),
        ("120000", "blob", False),
        ("160000", "commit", False),
        ("40000", "tree", False),
    ],
)
def test_an_entry_says_what_it_is(mode: str, kind: str, executable: bool) -> None:
    entry = GitEntry(mode, A)
    assert (entry.kind, entry.is_executable) == (kind, executable)


def test_a_folder_in_the_form_of_old_repositories_is_one() -> None:
    assert tree_entries(b"040000 a\0" + b"x" * 20)["a"].is_tree


def test_a_commit_names_its_tree_and_its_parents_before_its_message_only() -> None:
    body = f"tree {A}\nparent {B}\nparent {C}\nauthor x\n\nparent {D}\n".encode()
    assert commit_links(body) == (A, (B, C))
    assert commit_links(f"tree {A}\nauthor x\n\nparent {D}\n".encode()) == (A, ())


@pytest.mark.parametrize("body", [b"", b"parent " + b"a" * 40 + b"\n", b"tree abc\n"])
def test_a_commit_without_a_tree_is_none(body: bytes) -> None:
    with pytest.raises(DamagedObjectError):
        commit_links(body)


@pytest.mark.parametrize(
    ("goal", "reached"), [(A, True), (B, True), (C, True), (D, False), ("", False)]
)
def test_a_commit_is_reached_over_any_of_the_parents_that_are_known(
    goal: str, reached: bool
) -> None:
    assert is_reached(goal, A, {A: (B, C), B: (), D: (A,)}) is reached


def test_a_history_that_goes_in_a_circle_ends() -> None:
    assert not is_reached(C, A, {A: (B,), B: (A,)})


def test_every_path_below_a_tree_is_named_folders_too() -> None:
    folder, file = GitEntry("40000", B), GitEntry("100644", C)
    trees = {A: {"x": folder, "a": file}, B: {"b": file}}
    assert dict(entries_below("", A, trees)) == {"x": folder, "a": file, "x/b": file}
    assert dict(entries_below("in/", B, trees)) == {"in/b": file}
    with pytest.raises(DamagedObjectError):
        list(entries_below("", D, trees))
