from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.pages.release_notes import back_merge_body, release_notes

HOSTILE = "<img src=x onerror=alert(1)> **bold** [a](https://evil.example) \u202egnp @acme |\n# x"
BRANCHES = ("main", "develop")


def pull(title: str, author: str = "ada", number: int = 7) -> PullRequest:
    return PullRequest(
        repository="acme/shop",
        number=number,
        title=title,
        author=author,
        url="",
        is_open=False,
        merged=True,
        mergeable=None,
        head_branch="feature/x",
        head_commit="1" * 40,
        base_branch="develop",
    )


def test_the_notes_name_what_was_merged_and_what_is_deployed() -> None:
    notes = release_notes(
        [pull("Print notes"), pull("Raise prices", "bob", 9)],
        [("orders", "a" * 64, "acme-prod-orders release 3", "acme-preprod-orders release 7")],
        "c" * 40,
    )
    assert "- Print notes by ada in #7\n- Raise prices by bob in #9\n" in notes
    row = r"acme\-prod\-orders release 3 | acme\-preprod\-orders release 7 |"
    assert f"| orders | `{'a' * 64}` | {row}" in notes
    assert f"Commit `{'c' * 40}`" in notes


def test_a_release_without_pull_requests_says_so() -> None:
    assert "No pull request: see the commits." in release_notes([], [], "c" * 40)


@given(st.text(max_size=400), st.text(max_size=100))
def test_no_title_and_no_author_can_add_a_line_or_a_tag(title: str, author: str) -> None:
    plain = release_notes([pull("", "")], [], "c" * 40)
    notes = release_notes([pull(title, author)], [], "c" * 40)
    assert len(notes.splitlines()) == len(plain.splitlines())
    assert not re.search(r"(?<!\\)[<>\[\]`*_](?![^`]*`\n)", notes.replace("`" + "c" * 40 + "`", ""))


def test_a_hostile_title_is_shown_as_text() -> None:
    notes = release_notes([pull(HOSTILE, HOSTILE)], [], "c" * 40)
    assert "\\<img" in notes
    assert "\u202e" not in notes
    assert "@acme" not in notes


def test_a_back_merge_without_conflicts_says_that_git_merged_it() -> None:
    body = back_merge_body("v1.2.0", BRANCHES, ())
    assert "Release v1.2.0 is in `main` and has content that `develop` lacks" in body
    assert "git merged it without a conflict" in body
    assert "bugfix/" not in body


def test_a_back_merge_with_conflicts_names_the_paths_and_the_way_out() -> None:
    body = back_merge_body("v1.2.0", BRANCHES, ("src/app.py", "a\nb `rm` | # x"))
    assert "- `src/app.py`\n" in body
    assert "- `a b rm  # x`\n" in body
    assert "Make a branch `bugfix/...` from `develop`, merge `main` into it" in body


def test_only_the_first_conflicts_are_listed_and_the_others_counted() -> None:
    body = back_merge_body("v1.2.0", BRANCHES, [f"file-{number}" for number in range(60)])
    assert body.count("- `file-") == 50
    assert "- and 10 more" in body
