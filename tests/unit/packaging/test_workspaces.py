from __future__ import annotations

from typing import Any

import pytest

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.packaging.workspaces import (
    has_member,
    needed_packages,
    require_no_workspace,
)


@pytest.mark.parametrize(
    ("root", "pnpm", "relative", "is_member"),
    [
        ({"workspaces": ["packages/*"]}, "", "packages/fn", True),
        ({"workspaces": {"packages": ["./apps/fn/"]}}, "", "apps/fn", True),
        ({}, 'packages:\n  - "services/*"\n  - apps/*  \n', "apps/fn", True),
        ({"workspaces": ["packages/*"]}, "", "services/fn", False),
        ({"workspaces": ["packages/*", "!packages/fn", "", 1]}, "", "packages/fn", False),
        ({"workspaces": "packages/*"}, "", "x", False),
        ({}, "", "packages/fn", False),
    ],
)
def test_a_workspace_names_its_members_by_patterns(
    root: dict[str, Any], pnpm: str, relative: str, *, is_member: bool
) -> None:
    assert has_member(root, pnpm, relative) == is_member


def test_a_member_needs_what_its_packages_need() -> None:
    installed = {
        "lib": {"dependencies": {"odd": "1"}, "optionalDependencies": {"native": "1"}},
        "odd": {"peerDependencies": {"lib": "*"}},
        "native": {},
        "left": {},
    }
    assert needed_packages({"dependencies": {"lib": "*", "missing": "1"}}, installed) == [
        "lib",
        "native",
        "odd",
    ]


def test_a_package_of_a_workspace_that_is_not_there_is_refused() -> None:
    require_no_workspace({"dependencies": {"x": "^1.0"}}, "src")
    with pytest.raises(
        RefusedInputError, check=because("build.workspace_not_in_source")
    ) as refusal:
        require_no_workspace({"dependencies": {"@acme/lib": "workspace:*"}}, "src")
    assert "@acme/lib" in refusal.value.why
