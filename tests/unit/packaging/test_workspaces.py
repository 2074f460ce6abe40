from __future__ import annotations

from typing import Any

import pytest

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.packaging.workspaces import (
    has_member,
    needed_packages,
    npm_patterns,
    require_no_workspace,
)


@pytest.mark.parametrize(
    ("patterns", "relative", "is_member"),
    [
        (["packages/*"], "packages/fn", True),
        (["./apps/fn/"], "apps/fn", True),
        (["services/*", "apps/*"], "apps/fn", True),
        (["packages/*"], "services/fn", False),
        (["packages/*"], "packages/group/fn", False),
        (["services/*"], "other/services/shop", False),
        (["shop"], "services/shop", False),
        (["services/**"], "services/shop", True),
        (["services/**"], "services/shop/api/src", True),
        (["services/**"], "services", True),
        (["services/**"], "other/services/shop", False),
        (["**/fn"], "a/b/fn", True),
        (["services/**/fn"], "services/fn", True),
        (["packages/*", "!packages/fn", ""], "packages/fn", False),
        (["packages/**", "!**/test/**"], "packages/fn/test/one", False),
        (["packages/{a,b}", "packages/*"], "packages/a", True),
        (["packages/{a,b}", "!packages/a"], "packages/a", False),
        ([], "packages/fn", False),
    ],
)
def test_a_workspace_names_its_members_by_patterns_from_its_root(
    patterns: list[str], relative: str, *, is_member: bool
) -> None:
    assert has_member(patterns, relative, "src") == is_member


@pytest.mark.parametrize(
    "patterns", [["packages/{a,b}"], ["packages/[ab]"], ["packages/*", "!packages/@(a|b)"]]
)
def test_a_pattern_that_is_not_understood_is_not_passed_over(patterns: list[str]) -> None:
    with pytest.raises(RefusedInputError, check=because("build.workspace_pattern")):
        has_member(patterns, "packages/a", "src")


@pytest.mark.parametrize(
    ("root", "patterns"),
    [
        ({"workspaces": ["packages/*", "!packages/fn", 1]}, ["packages/*", "!packages/fn"]),
        ({"workspaces": {"packages": ["apps/*"], "nohoist": ["x"]}}, ["apps/*"]),
        ({"workspaces": "packages/*"}, []),
        ({}, []),
    ],
)
def test_a_package_json_names_the_members_of_its_workspace(
    root: dict[str, Any], patterns: list[str]
) -> None:
    assert npm_patterns(root) == patterns


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
