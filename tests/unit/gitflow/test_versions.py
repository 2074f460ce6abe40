from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.codes import because
from tiercel.domain.base.errors import ExitCode, RefusedInputError
from tiercel.domain.gitflow.versions import Version, next_version, version_of_branch

numbers = st.integers(0, 999_999_999)
versions = st.builds(Version, numbers, numbers, numbers)


def v(text: str) -> Version:
    return Version.parse(text)


@given(versions)
def test_a_version_survives_being_written_and_read_with_and_without_v(version: Version) -> None:
    assert Version.parse(str(version)) == version
    assert Version.parse(f"v{version}") == version


@given(st.text())
def test_any_text_is_a_version_that_is_written_the_same_or_is_refused(text: str) -> None:
    try:
        version = Version.parse(text)
    except RefusedInputError:
        return
    assert text in {str(version), f"v{version}"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.2",
        "1.2.3.4",
        "01.2.3",
        "1.02.3",
        "1.2.03",
        "00.0.0",
        "-1.2.3",
        "+1.2.3",
        "1.2.3-rc1",
        "1.2.3+build",
        " 1.2.3",
        "1.2.3 ",
        "1.2.3\n",
        "V1.2.3",
        "vv1.2.3",
        "v 1.2.3",
        "1,2,3",
        "1..3",
        "1.2.x",
        "\u0661.\u0662.\u0663",
        "1.2.\u0663",
        "1.2.1234567890",
        "1" * 5000 + ".0.0",
    ],
)
def test_a_text_that_is_no_version_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(RefusedInputError) as refusal:
        Version.parse(text)
    assert refusal.value.exit_code is ExitCode.REFUSED
    assert "1.2.3" in refusal.value.remedy
    assert len(refusal.value.what) < 200


def test_a_refusal_shows_no_control_characters() -> None:
    with pytest.raises(RefusedInputError) as refusal:
        Version.parse("1\n2\x1b[2J\u202e")
    assert refusal.value.what == "`1 2[2J` is not a version"


def test_versions_are_ordered_by_number_and_not_by_letter() -> None:
    ordered = ["0.0.1", "0.1.0", "0.9.9", "0.10.0", "1.0.0", "1.0.2", "1.0.10", "2.0.0", "10.0.0"]
    assert [str(version) for version in sorted(map(v, reversed(ordered)))] == ordered


@pytest.mark.parametrize(
    ("branch", "version"),
    [
        ("release/1.2.0", "1.2.0"),
        ("release/v1.2.0", "1.2.0"),
        ("hotfix/1.2.1", "1.2.1"),
        ("hotfix/0.0.0", "0.0.0"),
        ("hotfix/login", None),
        ("hotfix/2fa-login", None),
        ("hotfix/2024", None),
        ("release/spring", None),
        ("release/2024", None),
        ("hotfix/openssl-3.0.1", None),
        ("hotfix/v2-login", None),
        ("feature/1.2.0", None),
        ("bugfix/1.2.0", None),
        ("support/1.2.0", None),
        ("develop", None),
        ("main", None),
        ("1.2.0", None),
        ("my/release/1.2.0", None),
    ],
)
def test_only_release_and_hotfix_branches_name_a_version(branch: str, version: str | None) -> None:
    assert version_of_branch(branch) == (v(version) if version else None)


@pytest.mark.parametrize(
    "branch",
    [
        "release/1.2",
        "release/1.",
        "release/v1.2",
        "release/01.2.0",
        "release/1.2.0-rc1",
        "hotfix/1.2.0.1",
        "hotfix/1.2.0/login",
        "hotfix/1.2.1-login",
        "release/2.0.0-rc.1",
        "release/V1.2.0",
        "release/v2",
        "release/shop-1.2.0",
        "release/version_1.2",
        "hotfix/V1.2.1",
    ],
)
def test_a_slip_in_the_version_of_a_branch_is_refused_and_not_guessed(branch: str) -> None:
    with pytest.raises(RefusedInputError, check=because("version.malformed")) as refused:
        version_of_branch(branch)
    assert refused.value.where == f"branch {branch}"
    assert f"{branch.partition('/')[0]}/<major>.<minor>.<patch>" in refused.value.remedy


@pytest.mark.parametrize(
    ("released", "branch", "version"),
    [
        ([], None, "0.1.0"),
        ([], "develop", "0.1.0"),
        ([], "hotfix/login", "0.1.0"),
        ([], "release/1.0.0", "1.0.0"),
        ([], "release/0.0.1", "0.0.1"),
        (["0.1.0"], None, "0.1.1"),
        (["0.1.0"], "hotfix/login", "0.1.1"),
        (["1.4.0"], "release/spring", "1.5.0"),
        (["1.4.2"], "release/spring", "1.5.0"),
        (["0.1.0"], "release/0.2.0", "0.2.0"),
        (["1.9.0", "1.10.0", "1.2.3"], None, "1.10.1"),
        (["1.9.0"], "release/1.10.0", "1.10.0"),
        (["1.2.0"], "hotfix/1.2.1", "1.2.1"),
        (["1.2.0"], "release/2.0.0", "2.0.0"),
    ],
)
def test_the_next_version_is_the_branchs_own_or_the_next_patch(
    released: list[str], branch: str | None, version: str
) -> None:
    assert next_version([v(text) for text in released], branch) == v(version)


@pytest.mark.parametrize(
    ("released", "branch", "what"),
    [
        (["1.2.0"], "release/1.2.0", "version 1.2.0 was released already"),
        (["1.2.0", "1.3.0"], "hotfix/1.2.0", "version 1.2.0 was released already"),
        (["1.2.0"], "release/1.1.0", "version 1.1.0 is lower than 1.2.0"),
        (["1.2.0", "2.0.0"], "hotfix/1.2.1", "version 1.2.1 is lower than 2.0.0"),
    ],
)
def test_a_version_that_is_not_new_and_higher_is_refused(
    released: list[str], branch: str, what: str
) -> None:
    with pytest.raises(RefusedInputError) as refusal:
        next_version([v(text) for text in released], branch)
    latest = max(v(text) for text in released)
    assert refusal.value.what == what
    assert str(latest.next_patch()) in refusal.value.remedy


@given(st.sets(versions), versions | st.none())
def test_the_next_version_is_higher_than_every_released_one(
    released: set[Version], named: Version | None
) -> None:
    branch = f"release/{named}" if named else None
    try:
        version = next_version(released, branch)
    except RefusedInputError:
        assert named is not None
        assert any(named <= other for other in released)
        return
    assert all(version > other for other in released)
    assert named in {None, version}
