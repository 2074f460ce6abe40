from __future__ import annotations

import posixpath
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.artifact.archives import (
    MAX_NAME_BYTES,
    MAX_PACKAGE_FILES,
    MAX_RATIO,
    MAX_UNZIPPED_BYTES,
    ArchiveEntry,
    fault_of,
    require_fit_together,
    require_safe_archive,
    require_safe_package,
)
from tiercel.domain.base.errors import RefusedInputError

WHERE = "services/orders/app.zip"
MIB = 1024 * 1024


def refusal_of(check: Callable[[], None]) -> RefusedInputError:
    with pytest.raises(RefusedInputError) as refusal:
        check()
    assert refusal.value.where == WHERE
    assert refusal.value.state == "nothing was uploaded"
    return refusal.value


@pytest.mark.parametrize(
    ("limit", "source"),
    [
        # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
        (MAX_UNZIPPED_BYTES, 262_144_000),
        # Two bytes of the zip's end record count the files; 65,535 means zip64.
        (MAX_PACKAGE_FILES, 2**16 - 2),
    ],
)
def test_the_limits_are_those_of_lambda_and_of_zip(limit: int, source: int) -> None:
    assert limit == source


def test_a_package_may_have_250_mib_unzipped_and_not_one_byte_more() -> None:
    require_safe_package(["app.py"], MAX_UNZIPPED_BYTES, WHERE)
    error = refusal_of(lambda: require_safe_package(["app.py"], MAX_UNZIPPED_BYTES + 1, WHERE))
    assert "262,144,001" in error.what
    assert error.remedy


def test_a_function_and_its_layers_may_be_together_what_one_package_may_be() -> None:
    sizes = {"Orders": 100 * MIB, "Numbers": 100 * MIB, "Tables": 50 * MIB}
    require_fit_together(sizes, MAX_UNZIPPED_BYTES, WHERE)
    more = sizes | {"Tables": 50 * MIB + 1}
    error = refusal_of(lambda: require_fit_together(more, MAX_UNZIPPED_BYTES, WHERE))
    assert error.code == "package.too_large_with_layers"
    assert "Orders" in error.what
    for told in (*more, "104,857,600", "52,428,801", "262,144,001", "262,144,000"):
        assert told in error.why


def test_a_package_may_have_65534_files_and_not_one_more() -> None:
    names = [str(number) for number in range(MAX_PACKAGE_FILES)]
    require_safe_package(names, 0, WHERE)
    assert "65,535" in refusal_of(lambda: require_safe_package([*names, "x"], 0, WHERE)).what


@pytest.mark.parametrize(
    ("longest", "longer"),
    [("x" * MAX_NAME_BYTES, "x" * (MAX_NAME_BYTES + 1)), ("é" * 512, "é" * 512 + "x")],
)
def test_a_name_may_have_1024_bytes_and_not_one_more(longest: str, longer: str) -> None:
    require_safe_package([longest], 0, WHERE)
    assert "1,025" in refusal_of(lambda: require_safe_package([longer], 0, WHERE)).what


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("App.py", "app.py"),
        ("lib/README", "lib/readme"),
        ("Lib/x", "lib/x"),
        ("Straße", "STRASSE"),
        ("É", "é"),
    ],
)
def test_two_names_that_differ_in_case_only_are_refused_and_both_shown(
    one: str, other: str
) -> None:
    error = refusal_of(lambda: require_safe_package([one, "between", other], 0, WHERE))
    assert one in error.why
    assert other in error.why


def test_a_name_that_is_not_utf_8_is_refused_and_shown_without_its_bytes() -> None:
    error = refusal_of(lambda: require_safe_package(["a/\udcff.py"], 0, WHERE))
    assert error.code == "package.name_not_utf8"
    assert error.why == r"'a/\udcff.py'"


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("..", "leads out of the folder"),
        ("../app.py", "leads out of the folder"),
        ("lib/../../app.py", "leads out of the folder"),
        ("lib/..", "leads out of the folder"),
        ("/etc/passwd", "is absolute"),
        ("//host/share", "is absolute"),
        ("lib\\app.py", "has a backslash"),
        ("..\\app.py", "has a backslash"),
        ("app.py\x00.txt", "has a NUL"),
        ("", "has a part without a name"),
        (".", "has a part without a name"),
        ("lib//app.py", "has a part without a name"),
        ("lib/./app.py", "has a part without a name"),
        ("lib/", "has a part without a name"),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused_for_a_reason(name: str, fault: str) -> None:
    error = refusal_of(lambda: require_safe_package(["first.py", name], 0, WHERE))
    assert error.code == "package.unsafe_name"
    assert error.why.startswith(f"{name!r} {fault}")


@pytest.mark.parametrize("name", ["app.py", "..app", "a..b/.c", "lib/...", "a b/ä.py", "C:x"])
def test_an_unusual_name_that_stays_inside_is_taken(name: str) -> None:
    require_safe_package([name], 0, WHERE)


def test_a_name_that_is_there_twice_is_refused() -> None:
    error = refusal_of(lambda: require_safe_package(["a", "a"], 0, WHERE))
    assert (error.what, error.why) == ("an archive has two files of one name", "'a'")


def entry(name: str = "app.py", size: int = 10, packed: int = 10, **more: bool) -> ArchiveEntry:
    return ArchiveEntry(name, size, packed, **more)


def test_an_archive_with_files_and_folders_is_taken() -> None:
    require_safe_archive([entry("lib/", 0, 0), entry("lib/app.py"), entry("README")], WHERE)


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (entry(is_link=True), "an archive has a symbolic link"),
        (entry(is_encrypted=True), "an archive is encrypted"),
        (entry("../app.py"), "a file's name is unsafe"),
        (entry("/lib/", 0, 0), "a file's name is unsafe"),
        (entry("FIRST"), "two files of a package differ only in case"),
        (entry(size=MAX_RATIO * MIB + 1000, packed=MIB), "an archive becomes far larger"),
        (entry(size=MAX_UNZIPPED_BYTES, packed=MAX_UNZIPPED_BYTES), "too many unzipped bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_archive_that_is_unsafe_to_unpack_is_refused(bad: ArchiveEntry, what: str) -> None:
    error = refusal_of(lambda: require_safe_archive([entry("first", 1, 1), bad], WHERE))
    assert error.what.startswith(what)


def test_a_small_archive_may_become_much_larger() -> None:
    require_safe_archive([entry(size=MIB, packed=1)], WHERE)
    refusal_of(lambda: require_safe_archive([entry(size=MIB + 1, packed=1)], WHERE))


@given(st.text(st.sampled_from("a./\\\x00") | st.characters(), max_size=12))
def test_a_name_without_fault_is_the_one_way_to_write_a_place_inside(name: str) -> None:
    written = f"/folder/{name}"
    inside = posixpath.normpath(written) == written and name != ""
    assert (fault_of(name) == "") is (inside and not {"\\", "\x00"} & set(name))


@given(st.lists(st.text(max_size=20), max_size=20))
def test_any_names_are_taken_or_refused_and_never_anything_else(names: list[str]) -> None:
    try:
        require_safe_package(names, 0, WHERE)
    except RefusedInputError:
        return
    assert len({name.casefold() for name in names}) == len(names)
