from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.services import Service
from tiercel.domain.packaging.folders import Folder
from tiercel.tasks.packaging.workshop import Workshop
from tiercel.tasks.packaging.workspaces import workspace_of

SHOP = Service(name="shop", path="services/shop", template="template.json")


def found(root: Path, described: str) -> Path | None:
    """The workspace of the folder `services/shop/src` in a source with a lock of pnpm's."""
    shop = Workshop(SHOP, root, root / "scratch", root / "output")
    folder = shop.source / "services/shop/src"
    folder.mkdir(parents=True)
    (shop.source / "pnpm-lock.yaml").write_text("lockfileVersion: 9\n")
    (shop.source / "pnpm-workspace.yaml").write_text(described)
    return workspace_of(shop, folder, Folder(frozenset({"package.json"})), "src")


@pytest.mark.parametrize(
    ("described", "is_member"),
    [
        ("packages:\n  - 'services/**'\n", True),
        ("packages: ['apps/*', \"services/*/src\"]\n", True),
        ("packages:\n- services/shop/*  # ours\n- '!services/other/*'\n", True),
        ("packages:\n  - services/**\n  - '!services/shop/**'\n", False),
        ("onlyBuiltDependencies:\n  - services/shop/src\n", False),
        ("", False),
    ],
)
def test_a_workspace_of_pnpm_is_read_as_yaml(
    tmp_path: Path, described: str, *, is_member: bool
) -> None:
    assert found(tmp_path, described) == (tmp_path / "source" if is_member else None)


@pytest.mark.parametrize(
    "described",
    ["packages: [", "packages: services/*", "packages:\n- !services/x\n", "- services/*"],
)
def test_a_workspace_of_pnpm_that_cannot_be_read_is_refused(tmp_path: Path, described: str) -> None:
    with pytest.raises(RefusedInputError, check=because("build.pnpm_workspace")):
        found(tmp_path, described)
