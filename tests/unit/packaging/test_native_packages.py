from __future__ import annotations

import json

import pytest

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.packaging.native_packages import InstalledPackages, read_note, require_built


@pytest.mark.parametrize(
    "names",
    [
        ["node_modules/a/index.js", "binding.gyp"],
        ["node_modules/a/binding.gyp", "node_modules/a/build/Release/a.node"],
        ["node_modules/@b/a/binding.gyp", "node_modules/@b/a/prebuilds/linux-x64/a.node"],
        ["node_modules/a/src/binding.gyp"],
        ["node_modules/o/binding.gyp"],
    ],
)
def test_a_package_with_its_binary_or_without_need_of_one_is_whole(names: list[str]) -> None:
    require_built(names, InstalledPackages(optional=frozenset({"node_modules/o"})), "src")


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["node_modules/bcrypt/binding.gyp", "node_modules/x/x.node"], "node_modules/bcrypt"),
        (["node_modules/a/node_modules/@s/b/binding.gyp"], "node_modules/a/node_modules/@s/b"),
    ],
)
def test_a_package_without_its_binary_is_refused(names: list[str], missing: str) -> None:
    with pytest.raises(RefusedInputError, check=because("package.binary_missing")) as refusal:
        require_built(names, InstalledPackages(), "src")
    assert missing in refusal.value.why
    assert "install_scripts" in refusal.value.remedy


def test_npms_note_says_which_packages_have_scripts_and_which_may_fail() -> None:
    packages = {
        "node_modules/a": {"hasInstallScript": True},
        "node_modules/b": {"optional": True},
        "node_modules/c": {},
    }
    found = read_note(json.dumps({"packages": packages}))
    assert found == InstalledPackages(frozenset({"node_modules/a"}), frozenset({"node_modules/b"}))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"packages": 1}', '{"packages": {"a": 1}}'])
def test_a_note_that_is_none_says_nothing(text: str) -> None:
    assert read_note(text) == InstalledPackages()
