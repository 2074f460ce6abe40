"""Packages of what git has are those of a checkout, byte for byte."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from tests.support.codes import because
from tests.tasks.conftest import Origin
from tests.tasks.packages import ORDERS, build, function, refusal_of, template
from tiercel.domain.artifact.source_files import SourceFile
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.git_objects import SYMLINK, GitEntry
from tiercel.domain.organization.services import Service
from tiercel.tasks.packaging.archive import zip_folder
from tiercel.tasks.packaging.committed import zip_committed_folder
from tiercel.tasks.source.committed import CommittedFiles, may_stay_in_git
from tiercel.tasks.source.export import export, list_source
from tiercel.tasks.source.files import FileKind
from tiercel.tasks.source.repository import Commit

NOISE = random.Random(7)  # noqa: S311 - it has to be the same every time
FILES = {
    "src/app.py": b"x",
    "src/run": b"#!/bin/sh\n",
    "src/empty": b"",
    "src/deep/er/é 中.txt": "ü\r\n".encode(),
    "src/deep/large": b"text " * 1_500_000,
    "src/.gitattributes": b"* text=auto eol=lf\n*.png binary\n",
    "src/noise": NOISE.randbytes(300_000),
    "src/own.pyc": b"vendored",
    "src/app.pyc": b"made",
    "src/__pycache__/app.cpython-312.pyc": b"made",
    "src/lib/__pycache__/x": b"made",
    "src2/other": b"of another folder",
    **{f"src/many/{number}": b"%d" % number for number in range(40)},
}


def both(commit: Commit, folder: str, tmp_path: Path) -> tuple[str, str]:
    """The digest of a folder's package from git, and from a checkout."""
    files = CommittedFiles(commit, list_source(commit, ["."]))
    (tmp_path / "out").mkdir()
    export(commit, ["."], tmp_path / "out")
    packages = [tmp_path / "git.zip", tmp_path / "folder.zip"]
    digests = (
        zip_committed_folder(files, PurePosixPath(folder), packages[0], "src"),
        zip_folder(tmp_path / "out" / folder, packages[1], "src"),
    )
    assert packages[0].read_bytes() == packages[1].read_bytes()
    return digests


@pytest.mark.parametrize("folder", ["src", "."])
def test_a_package_from_git_is_that_of_a_checkout(
    origin: Origin, tmp_path: Path, folder: str
) -> None:
    origin.commit(FILES)
    (origin.clone / "src/run").chmod(0o755)
    origin.push()
    one, other = both(origin.fetch(), folder, tmp_path)
    assert one == other
    with zipfile.ZipFile(tmp_path / "git.zip") as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
    base = "" if folder == "src" else "src/"
    assert f"{base}own.pyc" in names
    assert not names & {f"{base}app.pyc", f"{base}__pycache__/app.cpython-312.pyc"}


def test_a_folder_is_seen_as_a_checkout_shows_it(origin: Origin) -> None:
    origin.commit({"a/b/c.txt": "c", "a/d": "d", "e": "e"})
    commit = origin.fetch()
    files = CommittedFiles(commit, list_source(commit, ["a", "e"]))
    assert files.names_in(PurePosixPath("a")) == {"b", "d"}
    assert files.names_in(PurePosixPath()) == {"a", "e"}
    kinds = {path: files.kind_of(PurePosixPath(path)) for path in ("a", "a/b", "a/d", "x", "a/d/x")}
    folder, file = FileKind.FOLDER, FileKind.FILE
    assert kinds == {"a": folder, "a/b": folder, "a/d": file, "x": None, "a/d/x": None}
    assert files.read(PurePosixPath("a/b/c.txt")) == b"c"
    assert files.read_template(PurePosixPath("a/x")) is None


def file(path: str, mode: str = "100644") -> SourceFile:
    return SourceFile(path, GitEntry(mode, "a" * 40), 1)


@pytest.mark.parametrize(
    ("path", "mode", "stays"),
    [
        ("a/app.py", "100644", True),
        ("a/.gitignore", "100755", True),
        ("a/link", SYMLINK, False),
        ("a/.gitattributes", "100644", True),
        ("a/.git/config", "100644", False),
        ("a/.GIT", "100644", False),
        ("a/../b", "100644", False),
        ("a/./b", "100644", False),
        ("a/" + "n" * 256, "100644", False),
        ("a/" + "é" * 128, "100644", False),
    ],
)
def test_what_a_checkout_would_change_or_refuse_is_checked_out(
    path: str, mode: str, *, stays: bool
) -> None:
    assert may_stay_in_git([file("b"), file(path, mode)]) is stays


@pytest.mark.parametrize(
    ("more", "service", "checked_out"),
    [
        ({}, {}, False),
        ({"orders/code.zip": b"", "orders/src/.gitkeep": b""}, {}, False),
        ({"orders/src/.gitattributes": b"* text eol=crlf\n"}, {}, True),
        ({".gitattributes": b"*.bin filter=lfs\n"}, {}, True),
        ({".gitattributes": b"* text=auto\n", "orders/.gitattributes": b"*.sh eol=lf"}, {}, False),
        ({}, {"build": ("true",)}, True),
    ],
)
def test_nothing_is_checked_out_that_no_command_needs(
    origin: Origin,
    tmp_path: Path,
    more: dict[str, bytes],
    service: dict[str, tuple[str, ...]],
    *,
    checked_out: bool,
) -> None:
    described = template(F=function(CodeUri="src"), One=function(CodeUri="src/app.py"))
    origin.commit({"orders/template.json": described, "orders/src/app.py": "x\n", **more})
    built = build(origin, tmp_path, ORDERS.model_copy(update=service))
    assert len(built.manifest.assets) == 2
    assert bool(list((tmp_path / "root/source").iterdir())) is checked_out


def test_packages_from_git_are_bounded_too(origin: Origin, tmp_path: Path) -> None:
    origin.commit({"orders/template.json": template(F=function(CodeUri="src")), "orders/src/a": ""})
    (origin.clone / "orders/src/A").write_text("")
    origin.push()
    assert refusal_of(origin, tmp_path).code == "package.names_differ_in_case"


def test_a_service_that_names_an_empty_folder_is_refused(origin: Origin, tmp_path: Path) -> None:
    cached = {"orders/src/__pycache__/app.pyc": "x"}
    origin.commit({"orders/template.json": template(F=function(CodeUri="src"))} | cached)
    with pytest.raises(RefusedInputError, check=because("package.empty")):
        build(origin, tmp_path, Service(name="orders", path="orders", template="template.json"))
