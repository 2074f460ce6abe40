from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.tasks.packaging.copies import finish_copy
from tiercel.tasks.packaging.workshop import CodeCopy


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
