"""What a build may leave behind is removed all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.hostile_folders import folder_of_nobody, nest_folders
from tiercel.tasks.engine.folders import remove_tree


def test_a_folder_goes_however_deep_it_is(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    nest_folders(made, 2000)
    (made / "beside").mkdir()
    remove_tree(made)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o000, 0o300, 0o400, 0o500])
def test_a_folder_goes_whatever_its_owner_may_not_do_there(mode: int) -> None:
    with folder_of_nobody() as folder:
        closed = folder / "made" / "closed"
        (closed / "inner").mkdir(parents=True)
        (closed / "inner" / "file").touch()
        for one in (closed / "inner", closed, closed.parent):
            one.chmod(mode)
        remove_tree(closed.parent)
        assert list(folder.iterdir()) == []


def test_a_folder_goes_from_one_that_nobody_lists() -> None:
    with folder_of_nobody() as folder:
        unlisted = folder / "unlisted"
        (unlisted / "made" / "inner").mkdir(parents=True)
        unlisted.chmod(0o300)
        remove_tree(unlisted / "made")
        unlisted.chmod(0o700)
        assert list(unlisted.iterdir()) == []


def test_what_a_link_leads_to_stays(tmp_path: Path) -> None:
    kept, made = tmp_path / "kept", tmp_path / "made"
    (made / "inner").mkdir(parents=True)
    kept.mkdir(mode=0o500)
    (kept / "file").touch()
    for link in (made / "link", made / "inner" / "link"):
        link.symlink_to(kept)
    (made / "nowhere").symlink_to("nothing")
    remove_tree(made)
    assert list(tmp_path.iterdir()) == [kept]
    assert (kept.stat().st_mode & 0o777, [one.name for one in kept.iterdir()]) == (0o500, ["file"])
    (tmp_path / "link").symlink_to(kept)
    remove_tree(tmp_path / "link")
    assert list(kept.iterdir()) == [kept / "file"]


def test_what_is_not_there_or_cannot_go_raises_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    remove_tree(tmp_path / "nothing" / "below")
    assert caplog.records == []
    with folder_of_nobody() as folder:
        (folder / "closed" / "made").mkdir(parents=True)
        (folder / "closed").chmod(0o500)
        remove_tree(folder / "closed" / "made")
        assert str(folder / "closed" / "made") in caplog.text
        (folder / "closed").chmod(0o700)
