"""How much disk a build takes, also where it hides it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.hostile_folders import folder_of_nobody, nest_folders
from tiercel.tasks.build.isolation.limits import NamespaceGuard, bytes_on_disk, shortage_of

_KIB = 1024
_GIB = 1024**3


def excess_of(folder: Path) -> str:
    """What a guard says of a folder in which 1 MiB may be."""
    with (folder.parent / "pipe").open("wb+") as pipe:
        guard = NamespaceGuard(pipe, pipe, (pipe, pipe), [folder], 100, 50, 1, 1)
    return guard._disk_excess()


@pytest.fixture
def room(tmp_path: Path) -> Path:
    room = tmp_path / "room"
    room.mkdir()
    return room


def test_what_a_folder_takes_is_told_without_following_links(room: Path, tmp_path: Path) -> None:
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "large").write_bytes(b"x" * 900 * _KIB)
    (room / "below").mkdir()
    (room / "below" / "file").write_bytes(b"x" * 600 * _KIB)
    (room / "link").symlink_to(tmp_path / "beside")
    assert 600 * _KIB <= bytes_on_disk(room) <= 640 * _KIB
    assert excess_of(room) == ""
    (room / "below" / "more").write_bytes(b"x" * 600 * _KIB)
    assert excess_of(room) == "1 MiB of disk"


def test_empty_files_take_something_too(room: Path) -> None:
    for number in range(257):
        (room / str(number)).touch()
    assert excess_of(room) == "1 MiB of disk"


@pytest.mark.parametrize("mode", [0o000, 0o300, 0o400])
def test_what_a_folder_that_cannot_be_read_holds_is_too_much(mode: int) -> None:
    with folder_of_nobody() as own:
        closed = own / "room" / "closed"
        closed.mkdir(parents=True)
        (closed / "file").touch()
        closed.chmod(mode)
        excess = excess_of(own / "room")
        closed.chmod(0o700)
        assert "cannot be looked into" in excess
        assert excess_of(own / "room") == ""


def test_what_lies_deeper_than_is_looked_is_too_much(room: Path) -> None:
    nest_folders(room, 100)
    assert excess_of(room) == ""
    (room / "beside").mkdir()
    nest_folders(room / "beside", 201)
    assert "cannot be looked into" in excess_of(room)


def test_what_is_deeper_than_a_path_is_long_counts(room: Path) -> None:
    nest_folders(room, 30, name="d" * 250, size=100 * _KIB)
    assert bytes_on_disk(room) >= 3000 * _KIB


def test_a_folder_that_is_gone_takes_nothing(room: Path) -> None:
    assert bytes_on_disk(room / "gone") == 0


@pytest.mark.parametrize(
    ("free", "files", "free_files", "is_short"),
    [
        (_GIB, 100_000, 50_000, False),
        (_GIB, 100_000, 9_999, True),
        (_GIB, 0, 0, False),
        (_GIB // 8, 100_000, 50_000, True),
    ],
)
def test_a_disk_has_to_have_bytes_and_files_left(
    free: int, files: int, free_files: int, is_short: bool
) -> None:
    blocks = free // 4096
    system = os.statvfs_result(
        (4096, 4096, 2 * blocks, blocks, blocks, files, free_files, free_files, 0, 255)
    )
    assert bool(shortage_of(system)) is is_short
