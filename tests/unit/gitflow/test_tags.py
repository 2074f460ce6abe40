from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.gitflow.tags import Tag, newest_other, next_tag, parse_tag, tag_at
from tiercel.domain.gitflow.versions import Version

COMMIT = "c" * 40
OTHER = "d" * 40
FORMS = ["", "v", "V", "release-", "release/v", "releases/", "shop-", "Shop-v"]
numbers = st.integers(0, 999_999_999)


def tags(*names: str, commit: str = COMMIT) -> list[Tag]:
    found = [parse_tag(name, commit, "shop") for name in names]
    return [tag for tag in found if tag]


@pytest.mark.parametrize(
    "name",
    [
        "latest", "v1", "2024", "v1.2.3.4", "01.2.3", "1.2.x", "parser/v1.2.0", "parser@1.2.0",
        "deploy-1.2.3", "v1.2.3 ", "v1.2.3\n", "vv1.2.3", "1.2.\u0663", "",
    ],
)  # fmt: skip
def test_a_tag_of_something_else_names_no_version(name: str) -> None:
    assert parse_tag(name, COMMIT, "shop") is None


@given(st.text(max_size=30))
def test_any_tag_is_a_version_or_something_else(name: str) -> None:
    found = parse_tag(name, COMMIT, "shop")
    assert found is None or (name.startswith(found.form) and found.name == name)


@given(st.sampled_from(FORMS), st.builds(Version, numbers, numbers, st.integers(0, 9)))
def test_the_next_version_is_written_as_the_newest_tag_is(form: str, version: Version) -> None:
    written = tags("v0.0.0", f"{form}{version}")
    if version > Version(0, 0, 0):
        assert next_tag(written, None) == f"{form}{version.next_patch()}"
        assert next_tag(written, "release/summer") == f"{form}{version.next_minor()}"


@pytest.mark.parametrize(
    ("there", "branch", "expected"),
    [
        ((), None, "v0.1.0"),
        ((), "release/1.0.0", "v1.0.0"),
        (("1.4.0",), None, "1.4.1"),
        (("1.4.0",), "hotfix/login", "1.4.1"),
        (("1.4.0",), "release/1.5.0", "1.5.0"),
        (("1.4.0",), "release/v1.5.0", "1.5.0"),
        (("v1.4.0", "1.5.0"), None, "1.5.1"),
        (("1.4.0", "v1.5.0"), None, "v1.5.1"),
        (("1.4",), None, "1.4.1"),
        (("v1.4", "v1.4.3"), None, "v1.4.4"),
        (("1.4.0-rc.1",), None, "1.4.0"),
        (("1.4.0-rc.1",), "hotfix/login", "1.4.0"),
        (("1.4.0", "1.5.0-rc.1"), None, "1.4.1"),
        (("1.4.0", "v2.0.0-rc.1"), "release/2.0.0", "2.0.0"),
        (("v1.4.0+build.7",), None, "v1.4.1"),
        (("parser@9.0.0", "v1.0.0"), None, "v1.0.1"),
        (("shop-1.4.0",), None, "shop-1.4.1"),
    ],
)
def test_what_is_tagged_decides_the_next_version_and_its_form(
    there: tuple[str, ...], branch: str | None, expected: str
) -> None:
    assert next_tag(tags(*there), branch) == expected


@pytest.mark.parametrize("there", ["1.4.0", "v1.4.0", "release-1.4.0", "1.4"])
@pytest.mark.parametrize("branch", ["release/1.4.0", "release/v1.4.0", "hotfix/1.3.9"])
def test_a_version_is_taken_in_whichever_form_it_was_tagged(there: str, branch: str) -> None:
    with pytest.raises(RefusedInputError, check=because("version.not_higher")):
        next_tag(tags(there), branch)


def test_a_commit_keeps_the_highest_version_that_it_was_tagged_with() -> None:
    known = tags("v1.10.0", "v1.9.0", "v1.10", "v3.0.0-rc.1") + tags("v2.0.0", commit=OTHER)
    assert (tag := tag_at(known, COMMIT)) is not None
    assert tag.name == "v1.10.0"
    assert tag_at(known, "e" * 40) is None
    assert (newest := newest_other(known, COMMIT)) is not None
    assert newest.name == "v2.0.0"
    assert newest_other(tags("v1.0.0-rc.1"), OTHER) is None
