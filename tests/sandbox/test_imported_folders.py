"""Folders that a person may give to the sandbox, and that are no whole clone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.codes import because
from tests.support.repositories import git
from tiercel.domain.base.errors import RefusedInputError
from tiercel.sandbox.repositories import import_repository

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of two commits, from which clones of any kind can be made."""
    folder = tmp_path_factory.mktemp("folders") / "whole"
    (folder / "inbox").mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "uploadpack.allowFilter", "true")
    for text in ("one", "two"):
        (folder / "inbox" / "file").write_text(text)
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", f"--message={text}")
    return folder


@pytest.mark.parametrize(
    ("options", "inside", "code"),
    [
        (["--depth=1"], "", "sandbox.shallow_repository"),
        (["--filter=blob:none", "--no-checkout"], "", "sandbox.not_copied"),
        ([], "inbox", "sandbox.inside_repository"),
    ],
)
def test_what_is_no_whole_clone_is_refused_with_the_way_out(
    whole: Path, tmp_path: Path, options: list[str], inside: str, code: str
) -> None:
    git(tmp_path, "clone", "--quiet", *options, whole.as_uri(), "clone")
    with pytest.raises(RefusedInputError, check=because(code)) as refused:
        import_repository(tmp_path / "clone" / inside, tmp_path / "state", "acme/shop")
    assert refused.value.remedy


def test_other_kinds_of_whole_clones_are_taken(whole: Path, tmp_path: Path) -> None:
    head = git(whole, "rev-parse", "HEAD").strip()
    git(tmp_path, "clone", "--quiet", "--bare", str(whole), "bare.git")
    git(tmp_path, "clone", "--quiet", str(whole), "clone")
    git(tmp_path / "clone", "worktree", "add", "--quiet", str(tmp_path / "linked"), "HEAD~1")
    for folder in ("bare.git", "clone"):
        assert import_repository(tmp_path / folder, tmp_path / folder, "acme/shop") == head
    assert import_repository(tmp_path / "linked", tmp_path / "state", "acme/shop") != head
