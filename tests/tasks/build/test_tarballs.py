from __future__ import annotations

import gzip
import os
import tarfile
from pathlib import Path

import pytest

from tiercel.domain.base.errors import RefusedInputError
from tiercel.tasks.build import tarballs
from tiercel.tasks.build.tarballs import pack_folder, unpack_untrusted


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info.tobuf(tarfile.PAX_FORMAT) + b"\0" * (-size % 512 + size)


def archive_of(folder: Path, *members: bytes) -> Path:
    path = folder / "archive.tar.gz"
    path.write_bytes(gzip.compress(b"".join(members) + b"\0" * 1024))
    return path


def test_a_folder_comes_back_as_it_was_packed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "a" / "empty").mkdir(parents=True)
    (folder / "a" / "run").write_bytes(b"#!/bin/sh\n")
    (folder / "a" / "run").chmod(0o700)
    (folder / "a" / "ü\n").write_bytes(b"x" * 3000)
    (folder / "a" / "link").symlink_to("run")
    (folder / "b").symlink_to("a")

    for name in ("one", "two"):
        pack_folder(folder, tmp_path / name)
        os.utime(folder / "a" / "run", (1, 1))
    unpack_untrusted(tmp_path / "one", tmp_path / "back", "test")

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    back = tmp_path / "back"
    assert sorted(str(one.relative_to(back)) for one in back.rglob("*")) == [
        *("a", "a/empty", "a/link", "a/run", "a/ü\n", "b"),
    ]
    assert (back / "b" / "ü\n").read_bytes() == b"x" * 3000
    assert os.access(back / "a" / "link", os.X_OK)
    assert not os.access(back / "a" / "ü\n", os.X_OK) or os.geteuid() == 0


@pytest.mark.parametrize(
    "members",
    [
        [member("/etc/x")],
        [member("../x")],
        [member("a/../../x")],
        [member("a\\b")],
        [member("a"), member("a")],
        [member("a"), member("a/b")],
        [member("l", tarfile.SYMTYPE, "/etc")],
        [member("l", tarfile.SYMTYPE, "..")],
        [member("l", tarfile.SYMTYPE, "a/../..")],
        [member("x", tarfile.SYMTYPE, "y/../z"), member("y", tarfile.SYMTYPE, ".")],
        [member("a/x", tarfile.SYMTYPE, "../y/../.."), member("y", tarfile.SYMTYPE, "a")],
        [member("l", tarfile.SYMTYPE, "a"), member("l/x", tarfile.SYMTYPE, "../..")],
        [member("l", tarfile.LNKTYPE, "/etc/passwd")],
        [member("p", tarfile.FIFOTYPE)],
        [member("d", tarfile.CHRTYPE)],
        [member("big", size=4096)],
        [member("a", size=1500), member("b", size=1500)],
        [member("1"), member("2"), member("3"), member("4")],
        [b"no tar" * 200],
    ],
)
def test_a_result_that_would_write_elsewhere_or_too_much_is_refused(
    members: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tarballs, "MAX_RESULT_BYTES", 2048)
    monkeypatch.setattr(tarballs, "_MAX_MEMBERS", 3)
    before = sorted(tmp_path.parent.iterdir())
    with pytest.raises(RefusedInputError):
        unpack_untrusted(archive_of(tmp_path, *members), tmp_path / "to", "test")
    assert sorted(tmp_path.parent.iterdir()) == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["archive.tar.gz", "to"]


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_description_that_would_fill_the_memory_is_refused_by_its_size(
    kind: bytes, tmp_path: Path
) -> None:
    header = member("x", kind, size=2 * 1024**2)[:512]  # what it announces does not even follow
    with pytest.raises(RefusedInputError) as refused:
        unpack_untrusted(archive_of(tmp_path, header), tmp_path / "to", "test")
    assert "2,097,152" in refused.value.why


def test_what_follows_a_link_is_not_written_through_it(tmp_path: Path) -> None:
    """Links are made when everything else is there."""
    out = tmp_path / "out"
    out.mkdir()
    members = [member("l", tarfile.SYMTYPE, "../out"), member("l/x")]
    with pytest.raises(RefusedInputError):
        unpack_untrusted(archive_of(tmp_path, *members), tmp_path / "to", "test")
    assert list(out.iterdir()) == []


def test_a_truncated_result_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_bytes(os.urandom(100_000))
    pack_folder(folder, tmp_path / "whole")
    body = (tmp_path / "whole").read_bytes()
    for length in (0, 5, len(body) // 2, len(body) - 4):
        (tmp_path / "cut").write_bytes(body[:length])
        with pytest.raises(RefusedInputError) as refused:
            unpack_untrusted(tmp_path / "cut", tmp_path / "to", "test")
        assert refused.value.code == "build.unsafe_result"
