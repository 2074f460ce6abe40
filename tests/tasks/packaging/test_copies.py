from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.tasks.packaging.copies import finish_copy, read_folder
from tiercel.tasks.packaging.workshop import CodeCopy
from tiercel.tasks.source.files import FolderFiles


@pytest.mark.parametrize("link", ["code", "code/lib", "code/node_modules", "made"])
def test_nothing_is_changed_where_links_of_a_build_lead_out_of_it(
    tmp_path: Path, link: str
) -> None:
    outside, root = tmp_path / "outside", tmp_path / "installed"
    for path in (outside, root / "code", tmp_path / "origin/lib"):
        path.mkdir(parents=True)
    (outside / "own").write_text("theirs")
    (tmp_path / "origin/lib/own").write_text("ours")
    if link == "code":
        (root / "code").rmdir()
    (root / link).symlink_to(outside)
    made = root / "made" if link == "made" else None
    own = frozenset(("lib", "lib/own"))
    copy = CodeCopy(tmp_path / "origin", root / "code", root / "code", own, made=made)
    with pytest.raises(RefusedInputError, check=because("package.link_leads_out")):
        finish_copy(copy, "src", scripts=False)
    assert [path.read_text() for path in outside.iterdir()] == ["theirs"]


def test_layers_that_are_built_in_one_view_have_each_their_own_build(tmp_path: Path) -> None:
    view = tmp_path / "installed/source"
    stray = view.with_name("source.layer") / "java/stray"
    for folder in (view, stray.parent):
        folder.mkdir(parents=True)
    stray.write_text("of a command")
    layers = [("0.made", "java"), ("1.made", "ruby/lib"), ("2.made", "java")]
    roots = []
    for name, inner in layers:
        made = view.with_name(name)
        made.mkdir()
        (made / "built").write_text(name)
        copy = CodeCopy(view, view, view, inner=inner, made=made)
        roots.append(finish_copy(copy, "src", scripts=False))
    assert [_files(root) for root in roots] == [
        [(f"{inner}/built", name)] for name, inner in layers
    ]


def test_a_layer_in_which_packages_are_installed_lies_where_its_runtime_looks(
    tmp_path: Path,
) -> None:
    """The folder beside it, which was there before, is another one."""
    view = tmp_path / "installed/0"
    (view / "orders/layer").mkdir(parents=True)
    (view / "orders/layer.layer").mkdir()
    (view / "orders/layer/tea.py").write_text("x")
    copy = CodeCopy(view, view, view / "orders/layer", inner="python")
    assert _files(finish_copy(copy, "src", scripts=False)) == [("python/tea.py", "x")]


def _files(root: Path) -> list[tuple[str, str]]:
    files = (path for path in root.rglob("*") if path.is_file())
    return [(path.relative_to(root).as_posix(), path.read_text()) for path in files]


def test_a_manifest_that_is_no_file_of_a_fair_size_is_not_taken_for_an_empty_one(
    tmp_path: Path,
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/package.json").write_text("{}")
    (tmp_path / "src/.npmrc").symlink_to("package.json")
    (tmp_path / "src/Pipfile").mkdir()
    with (tmp_path / "src/yarn.lock").open("wb") as large:
        large.truncate(16 * 1024 * 1024 + 1)
    folder = read_folder(FolderFiles(tmp_path), PurePosixPath("src"))
    assert folder.unread == {".npmrc", "Pipfile", "yarn.lock"}
    assert folder.required_text("package.json", "src") == "{}"
    with pytest.raises(RefusedInputError, check=because("build.file_not_read")):
        folder.required_text(".npmrc", "src")
