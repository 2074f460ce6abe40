from __future__ import annotations

from pathlib import Path

import pytest

from tiercel.sandbox.machine import state_folder


def contents(link: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in link.iterdir()}


def rewrite(folder: Path, name: str, text: str) -> None:
    temporary = folder.parent / "temporary"
    temporary.write_text(text)
    temporary.replace(folder / name)


def test_files_are_replaced_together_and_the_others_stay(tmp_path: Path) -> None:
    link = tmp_path / "aws"
    state_folder.prepare_link(link)
    state_folder.replace(link, lambda folder: rewrite(folder, "iam", "1"))

    def write(folder: Path) -> None:
        rewrite(folder, "kms", "2")
        assert contents(link) == {"iam": "1"}

    state_folder.replace(link, write)
    assert contents(link) == {"iam": "1", "kms": "2"}
    assert len(list(tmp_path.glob("aws-*"))) == 1


def test_an_interrupted_write_changes_nothing_and_is_cleaned_up(tmp_path: Path) -> None:
    link = tmp_path / "aws"
    state_folder.prepare_link(link)
    state_folder.replace(link, lambda folder: rewrite(folder, "iam", "1"))

    def interrupted(folder: Path) -> None:
        rewrite(folder, "iam", "2")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        state_folder.replace(link, interrupted)
    assert contents(link) == {"iam": "1"}
    state_folder.prepare_link(link)
    assert contents(link) == {"iam": "1"}
    assert len(list(tmp_path.glob("aws-*"))) == 1
