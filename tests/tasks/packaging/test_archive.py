from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiercel.domain.artifact.archives import MAX_NAME_BYTES, MAX_UNZIPPED_BYTES
from tiercel.domain.base.errors import ExitCode, RefusedInputError
from tiercel.tasks.packaging.archive import zip_files, zip_folder
from tiercel.tasks.packaging.foreign_zips import require_safe_zip

TREE = {
    "app.py": b"def handler(event, context): ...\n" * 50,
    "lib/data.bin": bytes(range(256)) * 10,
    "lib/empty": b"",
    "lib/deep/er/x.txt": b"x",
    "B.txt": b"b",
    "a.txt": b"a",
}


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def zipped(folder: Path) -> bytes:
    target = folder.parent / "package.zip"
    digest = zip_folder(folder, target, "src")
    assert digest == hashlib.sha256(target.read_bytes()).hexdigest()
    return target.read_bytes()


def contents(package: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(package) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def refusal_of(folder: Path) -> RefusedInputError:
    with pytest.raises(RefusedInputError) as refusal:
        zip_folder(folder, folder.parent / "package.zip", "src")
    assert refusal.value.exit_code is ExitCode.REFUSED
    return refusal.value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.mkdir()
    return path


def test_the_same_tree_gives_the_same_bytes_wherever_whenever_and_however_it_was_made(
    tmp_path: Path,
) -> None:
    one = write(tmp_path / "one/source", TREE)
    before = os.umask(0o077)
    try:
        other = write(tmp_path / "another/longer/place", dict(reversed(TREE.items())))
    finally:
        os.umask(before)
    for number, path in enumerate(sorted(other.rglob("*"))):
        os.utime(path, (10**9 + number * 86_401, 10**9 - number * 12_345))
    assert (one / "app.py").stat().st_mode != (other / "app.py").stat().st_mode
    assert zipped(one) == zipped(other)


def test_the_bytes_of_a_package_never_change(folder: Path) -> None:
    # Computed once: a new digest here means that every published package is made again.
    # Raise tiercel.domain.artifact.source_tree.PACKAGE_FORMAT when that is meant.
    lines = b"".join(b"%d times %d\n" % (n * n % 997, n * 31 % 1009) for n in range(5000))
    digest = hashlib.sha256(zipped(write(folder, TREE | {"lines": lines}))).hexdigest()
    assert digest == "a9cd73150a3171cfeadd2c3e47e9d254156be016843d1045c343cd876228c7d3"


def test_every_other_content_name_or_mode_gives_other_bytes(tmp_path: Path) -> None:
    packages = {zipped(write(tmp_path / "plain/source", TREE))}
    packages.add(zipped(write(tmp_path / "content/source", TREE | {"a.txt": b"A"})))
    packages.add(zipped(write(tmp_path / "more/source", TREE | {"c.txt": b""})))
    moved = {name.replace("a.txt", "moved.txt"): body for name, body in TREE.items()}
    packages.add(zipped(write(tmp_path / "name/source", moved)))
    executable = write(tmp_path / "mode/source", TREE)
    (executable / "app.py").chmod(0o755)
    packages.add(zipped(executable))
    assert len(packages) == 5


def test_python_reads_every_file_back(folder: Path, tmp_path: Path) -> None:
    zipped(write(folder, TREE))
    assert contents(tmp_path / "package.zip") == TREE


def test_names_are_sorted_and_times_are_fixed(folder: Path, tmp_path: Path) -> None:
    zipped(write(folder, TREE))
    with zipfile.ZipFile(tmp_path / "package.zip") as archive:
        assert archive.namelist() == sorted(TREE)
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.skipif(not shutil.which("unzip"), reason="unzip is not installed")
@pytest.mark.process
def test_unzip_finds_no_fault_and_restores_contents_and_modes(folder: Path, tmp_path: Path) -> None:
    write(folder, TREE | {"bin/run": b"#!/bin/sh\n"})
    (folder / "bin/run").chmod(0o700)
    zipped(folder)
    package, target = str(tmp_path / "package.zip"), tmp_path / "out"
    test = subprocess.run(["unzip", "-t", package], capture_output=True, text=True, check=False)
    assert "No errors detected" in test.stdout
    subprocess.run(["unzip", "-q", package, "-d", str(target)], check=True)
    found = {p.relative_to(target).as_posix(): p for p in target.rglob("*") if p.is_file()}
    assert {name: path.read_bytes() for name, path in found.items()} == TREE | {
        "bin/run": b"#!/bin/sh\n"
    }
    executable = {name for name, path in found.items() if path.stat().st_mode & 0o111}
    assert executable == {"bin/run"}


@pytest.mark.parametrize(
    ("mode", "packed"),
    [
        (0o600, 0o644),
        (0o666, 0o644),
        (0o655, 0o644),
        (0o700, 0o755),
        (0o777, 0o755),
        (0o4755, 0o755),
    ],
)
def test_a_mode_is_executable_or_it_is_not(
    folder: Path, tmp_path: Path, mode: int, packed: int
) -> None:
    write(folder, {"run": b"x"})
    (folder / "run").chmod(mode)
    zipped(folder)
    with zipfile.ZipFile(tmp_path / "package.zip") as archive:
        assert archive.getinfo("run").external_attr >> 16 == 0o100000 | packed


def test_caches_of_python_and_git_are_left_out(folder: Path, tmp_path: Path) -> None:
    caches = ("app.pyc", "app.pyo", "__pycache__/app.py", "lib/__pycache__/x.cpython-312.pyc")
    sources = ("app.py", ".gitignore", "pycache/x", "app.pyd", "lib/git", "vendored/tea.pyc")
    write(folder, dict.fromkeys((*caches, ".git/config", "lib/.git/HEAD", *sources), b"x"))
    zipped(folder)
    assert contents(tmp_path / "package.zip").keys() == set(sources)


def test_a_link_inside_the_folder_is_followed(folder: Path, tmp_path: Path) -> None:
    write(folder, {"lib/a.py": b"a", "run": b"r"})
    (folder / "run").chmod(0o755)
    (folder / "link.py").symlink_to("lib/a.py")
    (folder / "again").symlink_to("lib")
    (folder / "absolute").symlink_to(folder / "run")
    zipped(folder)
    assert contents(tmp_path / "package.zip") == {
        "lib/a.py": b"a", "again/a.py": b"a", "link.py": b"a", "run": b"r", "absolute": b"r",
    }  # fmt: skip
    with zipfile.ZipFile(tmp_path / "package.zip") as archive:
        assert archive.getinfo("absolute").external_attr >> 16 & 0o111


def test_a_folder_that_is_itself_a_link_is_packaged(folder: Path, tmp_path: Path) -> None:
    write(folder, TREE)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/link").symlink_to(folder)
    assert zipped(tmp_path / "elsewhere/link") == zipped(folder)


def links(*pairs: tuple[str, str]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        for name, target in pairs:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(target)

    return make


@pytest.mark.parametrize(
    "make",
    [
        links(("passwd", "/etc/passwd")),
        links(("etc", "/etc")),
        links(("lib/out", "../../outside")),
        links(("lib/file", "../../outside/secret")),
        links(("out", "../source-2")),
        links(("self", "self")),
        links(("a", "b"), ("b", "a")),
        links(("up", ".")),
        links(("lib/up", "..")),
        links(("lib/deep/up", "../../lib")),
        links(("a/to-b", "../b"), ("b/to-a", "../a")),
        links(("x", "p/q"), ("p/q/back", "../../x")),
        links(("nowhere", "missing.txt")),
        links(("nowhere", "n" * 300)),
        links(("lib/__pycache__", "/etc")),
    ],
)
def test_a_link_that_leaves_the_folder_runs_in_a_circle_or_leads_nowhere_is_refused(
    folder: Path, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    write(tmp_path / "outside", {"secret": b"s"})
    write(tmp_path / "source-2", {"secret": b"s"})
    write(folder, {"app.py": b"x"})
    make(folder)
    error = refusal_of(folder)
    assert "symbolic link" in error.what
    assert error.where.startswith("src/")
    assert {part.label for part in error.failure.parts()} == {"where", "now", "do"}


@pytest.mark.slow
def test_links_that_double_with_every_level_are_refused_in_seconds(folder: Path) -> None:
    for level in range(40):
        links((f"d{level}/a", f"../d{level + 1}"), (f"d{level}/b", f"../d{level + 1}"))(folder)
    write(folder, {"d40/x": b"x"})
    start = process_time()
    refusal_of(folder)
    assert process_time() - start < 20


def test_an_empty_folder_is_refused(folder: Path) -> None:
    (folder / "lib/__pycache__").mkdir(parents=True)
    error = refusal_of(folder)
    assert (error.what, error.where) == ("there is nothing to package", "src")


def test_more_than_lambda_unzips_is_refused_before_it_is_read(folder: Path) -> None:
    for name in ("a", "b"):
        with (folder / name).open("wb") as file:
            file.truncate(MAX_UNZIPPED_BYTES // 2 + 1)
    start = process_time()
    assert "unzipped bytes" in refusal_of(folder).what
    assert process_time() - start < 1


def test_files_that_differ_in_case_only_are_refused(folder: Path) -> None:
    write(folder, {"lib/App.py": b"1", "lib/app.py": b"2"})
    assert refusal_of(folder).code == "package.names_differ_in_case"


def test_a_name_that_is_not_utf_8_is_refused(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.py")).write_bytes(b"x")
    assert refusal_of(folder).code == "package.name_not_utf8"


def test_a_name_of_more_than_1024_bytes_is_refused(folder: Path) -> None:
    parts = ["d" * 200] * 5
    longest = "/".join([*parts, "f" * (MAX_NAME_BYTES - len("/".join(parts)) - 1)])
    write(folder, {longest: b"x"})
    zipped(folder)
    write(folder, {longest + "f": b"x"})
    assert "too many bytes in a file's name: 1,025" in refusal_of(folder).what


VISIBLE = ("-rf", "quote'\"", "*", "$(touch x)", "é", "e\u0301", "日本語", "😀")
INVISIBLE = ("a\nb", "tab\t", " lead", "trail ", "\x01", "\u202egnp.exe", "\u200b")


@pytest.mark.parametrize("name", VISIBLE + INVISIBLE, ids=ascii)
def test_an_unusual_name_is_kept_as_it_is(folder: Path, tmp_path: Path, name: str) -> None:
    write(folder, {name: b"x", f"dir-{name}/{name}": b"y"})
    zipped(folder)
    assert contents(tmp_path / "package.zip") == {name: b"x", f"dir-{name}/{name}": b"y"}


def test_a_name_with_a_backslash_is_refused(folder: Path) -> None:
    write(folder, {"back\\slash": b"x"})
    assert refusal_of(folder).code == "package.unsafe_name"


def test_pipes_and_sockets_are_left_out(folder: Path, tmp_path: Path) -> None:
    write(folder, {"app.py": b"x"})
    os.mkfifo(folder / "pipe")
    zipped(folder)
    assert contents(tmp_path / "package.zip") == {"app.py": b"x"}


def test_single_files_are_packaged_under_the_names_given(tmp_path: Path) -> None:
    write(tmp_path, {"somewhere/app.py": b"x"})
    package = tmp_path / "package.zip"
    digest = zip_files({"app.py": tmp_path / "somewhere/app.py"}, package, "app.py")
    assert digest == hashlib.sha256(package.read_bytes()).hexdigest()
    assert contents(package) == {"app.py": b"x"}


parts = st.text(
    st.characters(exclude_characters="/\\\x00", exclude_categories=["Cs"]), min_size=1, max_size=8
).filter(lambda part: part not in {".", "..", "__pycache__", ".git"} and part[-4:] != ".pyc")
trees = st.dictionaries(
    st.lists(parts, min_size=1, max_size=3).map("/".join),
    st.binary(max_size=300) | st.binary(max_size=8).map(lambda piece: piece * 500),
    min_size=1,
    max_size=8,
)


@pytest.mark.slow
@settings(max_examples=100)
@given(trees)
def test_any_tree_comes_back_as_it_was_and_gives_the_same_bytes_again(
    tree: dict[str, bytes],
) -> None:
    with tempfile.TemporaryDirectory() as place:
        one, other = Path(place) / "1/source", Path(place) / "2/source"
        try:
            write(one, tree)
            write(other, dict(reversed(tree.items())))
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            return  # a file that is also a folder
        files = {
            path.relative_to(one).as_posix(): path.read_bytes()
            for path in one.rglob("*")
            if path.is_file()
        }
        if len({name.casefold() for name in files}) < len(files):
            assert refusal_of(one).code == "package.names_differ_in_case"
            return
        package = zipped(one)
        assert zipped(other) == package
        assert contents(one.parent / "package.zip") == files


def made(path: Path, files: Mapping[str, bytes], *, mode: int = 0o644) -> Path:
    """A zip as others make it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type = name, zipfile.ZIP_DEFLATED
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return path


def zip_refusal(path: Path) -> RefusedInputError:
    with pytest.raises(RefusedInputError) as refusal:
        require_safe_zip(path, "app.zip")
    assert (refusal.value.where, refusal.value.state) == ("app.zip", "nothing was uploaded")
    return refusal.value


def test_a_zip_of_somebody_else_is_taken_as_is_our_own(folder: Path, tmp_path: Path) -> None:
    require_safe_zip(made(tmp_path / "app.zip", TREE), "app.zip")
    write(folder, TREE)
    zipped(folder)
    require_safe_zip(tmp_path / "package.zip", "package.zip")


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({"../app.py": b"x"}, "a file's name is unsafe"),
        ({"/etc/passwd": b"x"}, "a file's name is unsafe"),
        ({"..\\app.py": b"x"}, "a file's name is unsafe"),
        ({"app.py\x00.txt": b"x"}, "a file's name is unsafe"),
        ({"App.py": b"x", "app.py": b"y"}, "two files of a package differ only in case"),
        ({"bomb": bytes(2 * 1024 * 1024)}, "an archive becomes far larger when it is unpacked"),
    ],
)
def test_a_zip_that_is_unsafe_to_unpack_is_refused(
    tmp_path: Path, files: dict[str, bytes], what: str
) -> None:
    assert zip_refusal(made(tmp_path / "app.zip", files)).what == what


def test_a_zip_with_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    link = made(tmp_path / "app.zip", {"link": b"/etc/passwd"}, mode=0o120777)
    assert zip_refusal(link).code == "package.archived_link"


@pytest.mark.parametrize("damage", ["none", "cut", "content", "name", "method", "empty"])
def test_a_zip_that_is_damaged_is_refused(tmp_path: Path, damage: str) -> None:
    path = made(tmp_path / "app.zip", {"app.py": bytes(range(256)) * 4})
    body = path.read_bytes()
    changed = {
        "none": b"PK made elsewhere",
        "cut": body[: len(body) // 2],
        "content": body[:60] + bytes(4) + body[64:],
        "name": body.replace(b"app.py", b"App.py", 1),
        "method": body.replace(b"\x08\x00", b"\x0c\x00"),
        "empty": b"",
    }[damage]
    path.write_bytes(changed)
    assert zip_refusal(path).code == "package.damaged"


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path / "app.zip", {"app.py": b"x" * 50})
    body = bytearray(path.read_bytes())
    body[body.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(body)
    assert zip_refusal(path).code == "package.encrypted"
