from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.github.support import Place, git, merge_ref, refusal


def test_merging_makes_a_merge_commit_that_is_the_base(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"}, title="Sell tea")

    result = place.repo("releaser").get_pull(1).merge(sha=pull.head.sha)

    tip = place.pull_main()
    assert (result.merged, result.sha) == (True, tip)
    assert git(place.tree, "rev-list", "--parents", "-1", tip).split()[1:] == [
        pull.base.sha,
        pull.head.sha,
    ]
    message = git(place.tree, "log", "-1", "--format=%B", tip).strip()
    assert message == "Merge pull request #1 from acme/feature\n\nSell tea"
    assert git(place.tree, "log", "-1", "--format=%cn", tip).strip() == "GitHub"
    pull.update()
    assert (pull.state, pull.merged, pull.merge_commit_sha) == ("closed", True, tip)
    assert pull.merged_by.login == "releaser"
    assert pull.is_merged()
    assert merge_ref(place, 1) == ""
    assert [commit.sha for commit in pull.get_commits()] == [pull.head.sha]


def test_squashing_makes_one_commit_of_the_author(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"}, title="Sell tea")
    git(place.tree, "checkout", "--quiet", "feature")
    place.commit({"b.txt": "b\n"}, "And more")
    place.push("feature")

    sha = place.repo("releaser").get_pull(1).merge(merge_method="squash").sha

    assert place.pull_main() == sha
    assert git(place.tree, "rev-list", "--parents", "-1", sha).split()[1:] == [pull.base.sha]
    message = git(place.tree, "log", "-1", "--format=%B", sha).strip()
    assert message == "Sell tea (#1)\n\n* Work on feature\n\n* And more"
    assert git(place.tree, "log", "-1", "--format=%an", sha).strip() == "Author"
    assert sorted(git(place.tree, "ls-tree", "--name-only", sha).split()) == [
        "README.md",
        "a.txt",
        "b.txt",
    ]


def test_squashing_a_single_commit_keeps_its_message(place: Place) -> None:
    place.pull("feature", {"a.txt": "a\n"}, title="Another title")

    sha = place.repo().get_pull(1).merge(merge_method="squash").sha

    assert place.pull_main() == sha
    assert git(place.tree, "log", "-1", "--format=%s", sha).strip() == "Work on feature (#1)"


def test_rebasing_replays_every_commit_on_the_base(place: Place) -> None:
    place.pull("feature", {"a.txt": "a\n"})
    git(place.tree, "checkout", "--quiet", "feature")
    place.commit({"a.txt": "a\nb\n"}, "Second")
    place.push("feature")
    git(place.tree, "checkout", "--quiet", "main")
    base = place.commit({"c.txt": "c\n"}, "Meanwhile")
    place.push("main", login="releaser")

    pull = place.repo().get_pull(1)
    assert pull.rebaseable is True
    sha = pull.merge(merge_method="rebase").sha

    assert place.pull_main() == sha
    log = git(place.tree, "log", "--reverse", "--format=%s|%an|%P", f"{base}..{sha}").splitlines()
    assert [line.split("|")[0] for line in log] == ["Work on feature", "Second"]
    assert all(line.split("|")[1] == "Tester" for line in log)
    assert log[0].split("|")[2] == base
    assert (place.tree / "a.txt").read_text() == "a\nb\n"


def test_own_words_replace_those_of_the_merge_commit(place: Place) -> None:
    place.pull("feature", {"a.txt": "a\n"})

    place.repo().get_pull(1).merge(commit_title="Release tea", commit_message="At last.")

    tip = place.pull_main()
    message = git(place.tree, "log", "-1", "--format=%B", tip).strip()
    assert message == "Release tea\n\nAt last."


def test_a_merge_of_another_head_than_was_meant_is_refused(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    stale = pull.head.sha
    git(place.tree, "checkout", "--quiet", "feature")
    place.commit({"b.txt": "b\n"})
    place.push("feature")

    error = refusal(lambda: pull.merge(sha=stale))

    assert error.status == 409
    assert error.data["message"].startswith("Head branch was modified.")
    assert pull.update() or not pull.merged


def test_a_second_merge_is_refused(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    pull.merge()
    assert refusal(pull.merge).status == 405


@pytest.mark.parametrize(
    ("setting", "method", "words"),
    [
        ("allow_merge_commit", "merge", "Merge commits are not allowed on this repository."),
        ("allow_squash_merge", "squash", "Squash merges are not allowed on this repository."),
        ("allow_rebase_merge", "rebase", "Rebase merges are not allowed on this repository."),
    ],
)
def test_a_merge_style_that_is_switched_off_is_refused(
    place: Place, setting: str, method: str, words: str
) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    off: dict[str, Any] = {setting: False}
    place.repo("releaser").edit(**off)

    error = refusal(lambda: pull.merge(merge_method=method))

    assert (error.status, error.data["message"]) == (405, words)


def test_a_draft_is_not_merged(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"}, draft=True)
    assert (pull.draft, pull.mergeable_state) == (True, "draft")
    assert refusal(pull.merge).data["message"] == "Pull Request is still a draft"


def test_a_merge_pushed_with_git_closes_the_pull_request_as_merged(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    git(place.tree, "merge", "--quiet", "--no-ff", "--message=By hand", "feature")
    tip = git(place.tree, "rev-parse", "HEAD").strip()
    place.push("main", login="releaser")

    pull.update()

    assert (pull.merged, pull.merge_commit_sha) == (True, tip)
    assert pull.merged_by.login == "releaser"
