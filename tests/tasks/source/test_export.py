"""What is checked out is what the commit has, and never more than may be."""

from __future__ import annotations

import os
import shutil
import zlib
from pathlib import Path

import pytest

from tests.support.codes import because
from tests.tasks.conftest import Origin
from tiercel.domain.artifact.source_files import MAX_SOURCE_BYTES
from tiercel.domain.base.errors import ExitCode, RefusedInputError, UntrustedArtifactError
from tiercel.domain.base.git_objects import object_id
from tiercel.tasks.source.export import export

FILES = {"a/app.py": "honest = 1\n", "a/run.sh": "echo 1\n", "a/deep/b": "2\n"}


def export_beside(
    deed: str, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Export while somebody else does a deed in the folder as soon as git has written it."""
    git, target = shutil.which("git"), tmp_path / "out"
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin/git"
    script.write_text(
        f"""#!/bin/sh
{git} "$@" || exit
case "$*" in *checkout*) cd {target} && {deed};; esac
"""
    )
    script.chmod(0o755)
    target.mkdir()
    commit = origin.fetch()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    export(commit, ["a"], target)


def commit_files(origin: Origin) -> None:
    for name in FILES:
        (origin.clone / name).parent.mkdir(parents=True, exist_ok=True)
    (origin.clone / "a/link").symlink_to("app.py")
    origin.commit(FILES)


DEEDS = {
    "changes a file": "echo evil >> a/app.py",
    "changes the ends of lines": "sed -i 's/$/\\r/' a/app.py",
    "makes a file executable": "chmod +x a/run.sh",
    "removes a file": "rm a/deep/b",
    "adds a file": "echo evil > a/deep/more",
    "adds attributes": "echo '* text eol=crlf' > a/.gitattributes && sed -i 's/$/\\r/' a/app.py",
    "turns a link": "ln -sfn /etc/passwd a/link",
    "puts a link in place of a file": "ln -sfn ../../outside a/app.py",
    "puts a link in place of a folder": "mv a/deep ../deep && ln -s ../../deep a/deep",
    "puts a folder in place of a file": "rm a/app.py && mkdir a/app.py",
}


@pytest.mark.parametrize("deed", DEEDS)
def test_what_somebody_else_does_to_the_files_is_seen(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    commit_files(origin)
    (tmp_path / "outside").write_text(FILES["a/app.py"])
    with pytest.raises(UntrustedArtifactError, check=because("source.changed")) as refusal:
        export_beside(DEEDS[deed], origin, tmp_path, monkeypatch)
    assert "a/" in refusal.value.why
    assert refusal.value.exit_code is ExitCode.REFUSED


def test_who_only_looks_is_not_seen(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_files(origin)
    export_beside("cat a/app.py", origin, tmp_path, monkeypatch)
    assert (tmp_path / "out/a/app.py").read_text() == FILES["a/app.py"]


@pytest.mark.parametrize("deed", ["echo evil >> a/x.bat", "sed -i '1s/\\r//' a/x.bat"])
def test_a_file_that_the_sources_attributes_convert_is_compared_too(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    origin.git("config", "core.autocrlf", "false")
    origin.commit({"a/.gitattributes": "*.bat text eol=crlf\n", "a/x.bat": "1\n2\n", "a/b": "1\n"})
    with pytest.raises(UntrustedArtifactError):
        export_beside(deed, origin, tmp_path, monkeypatch)


def test_sizes_are_summed_before_a_file_is_written(origin: Origin, tmp_path: Path) -> None:
    """A file whose first bytes in the store say how large it is: so much is never unpacked."""
    origin.commit(FILES)
    commit = origin.fetch()
    blob = object_id("blob", FILES["a/app.py"].encode())
    path = commit.mirror / "objects" / blob[:2] / blob[2:]
    path.unlink()
    path.write_bytes(zlib.compress(b"blob %d\0x" % (MAX_SOURCE_BYTES + 1)))
    (tmp_path / "out").mkdir()
    with pytest.raises(RefusedInputError, check=because("source.too_large")) as refusal:
        export(commit, ["a"], tmp_path / "out")
    assert "a/app.py" in refusal.value.why
    assert not any((tmp_path / "out").iterdir())


@pytest.mark.parametrize("leaf", ["100644 blob", "nothing"])
def test_folders_that_contain_one_another_are_counted_as_often_as_they_are_there(
    origin: Origin, tmp_path: Path, leaf: str
) -> None:
    blob = origin.git("hash-object", "-w", "--stdin", stdin=b"x")
    listed = "" if leaf == "nothing" else f"{leaf} {blob}\tx\n"
    for _ in range(12):
        tree = origin.git("mktree", stdin=listed.encode())
        listed = "".join(f"040000 tree {tree}\t{number}\n" for number in range(10))
    commit = origin.git("commit-tree", tree, "-m", "A bomb")
    origin.git("push", "--quiet", "--force", str(origin.bare), f"{commit}:refs/heads/develop")
    (tmp_path / "out").mkdir()
    with pytest.raises(RefusedInputError, check=because("source.too_many_files")):
        export(origin.fetch(), ["."], tmp_path / "out")
    assert not any((tmp_path / "out").iterdir())
