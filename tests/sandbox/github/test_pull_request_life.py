from __future__ import annotations

import pytest

from tests.sandbox.github.support import Place, git, merge_ref, refusal


def test_a_pull_request_shows_its_commits_its_files_and_its_ends(place: Place) -> None:
    place.branch("feature", {"src/new.py": "one\ntwo\n", "README.md": "shop!\n"})

    pull = place.open("feature", title="Sell tea", body="Because.")

    assert (pull.number, pull.state, pull.title, pull.body) == (1, "open", "Sell tea", "Because.")
    assert (pull.user.login, pull.head.ref, pull.base.ref) == ("author", "feature", "main")
    assert pull.head.sha == git(place.tree, "rev-parse", "feature").strip()
    assert (pull.commits, pull.changed_files, pull.additions, pull.deletions) == (1, 2, 3, 1)
    assert {file.filename: file.status for file in pull.get_files()} == {
        "README.md": "modified",
        "src/new.py": "added",
    }
    assert [commit.commit.message for commit in pull.get_commits()] == ["Work on feature"]
    assert pull.html_url == f"{place.stand_in.server}/{place.name}/pull/1"


def test_the_merge_ref_is_the_merge_of_head_and_base(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})

    parents = place.bare("rev-list", "--parents", "-1", "refs/pull/1/merge").split()
    assert parents == [pull.merge_commit_sha, pull.base.sha, pull.head.sha]
    assert place.bare("show", "refs/pull/1/merge:a.txt") == "a\n"
    assert place.bare("rev-parse", "refs/pull/1/head").strip() == pull.head.sha
    assert pull.mergeable is True
    assert pull.mergeable_state == "clean"


def test_a_conflict_is_not_mergeable_and_has_no_merge_ref(place: Place) -> None:
    pull = place.pull("feature", {"README.md": "mine\n"})
    assert merge_ref(place, 1)
    place.commit({"README.md": "theirs\n"})
    place.push("main", login="releaser")

    pull.update()

    assert (pull.mergeable, pull.mergeable_state, pull.rebaseable) == (False, "dirty", False)
    assert pull.merge_commit_sha is None
    assert merge_ref(place, 1) == ""
    error = refusal(pull.merge)
    assert (error.status, error.data["message"]) == (405, "Pull Request is not mergeable")


def test_a_push_to_the_head_moves_the_pull_request_and_its_merge_ref(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    before = merge_ref(place, 1)
    git(place.tree, "checkout", "--quiet", "feature")
    sha = place.commit({"b.txt": "b\n"})
    place.push("feature")

    pull.update()

    assert pull.head.sha == sha
    assert place.bare("rev-parse", "refs/pull/1/head").strip() == sha
    assert merge_ref(place, 1) == pull.merge_commit_sha != before
    assert place.bare("show", "refs/pull/1/merge:b.txt") == "b\n"


def test_the_merge_ref_follows_the_base(place: Place) -> None:
    place.pull("feature", {"a.txt": "a\n"})
    tip = place.commit({"c.txt": "c\n"})
    place.push("main", login="releaser")

    parents = place.bare("rev-list", "--parents", "-1", "refs/pull/1/merge").split()
    assert parents[1] == tip
    assert place.repo().get_pull(1).base.sha == tip


def test_a_deleted_head_closes_the_pull_request_unmerged(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    place.push("--delete", "feature")
    pull.update()
    assert (pull.state, pull.merged) == ("closed", False)


def test_the_head_branch_is_deleted_after_the_merge_where_that_is_set(place: Place) -> None:
    place.repo("releaser").edit(delete_branch_on_merge=True)
    pull = place.pull("feature", {"a.txt": "a\n"})
    pull.merge()
    assert [branch.name for branch in place.repo().get_branches()] == ["main"]
    assert pull.update() is not None
    assert pull.merged


def test_a_pull_request_is_edited_closed_and_opened_again(place: Place) -> None:
    place.branch("develop", {"d.txt": "d\n"})
    pull = place.pull("feature", {"a.txt": "a\n"})

    pull.edit(title="Better", body="Text", base="develop")
    assert (pull.title, pull.body, pull.base.ref) == ("Better", "Text", "develop")
    pull.edit(state="closed")
    assert (pull.state, pull.merged, merge_ref(place, 1)) == ("closed", False, "")
    pull.edit(state="open")
    assert pull.state == "open"
    assert merge_ref(place, 1) == pull.merge_commit_sha


def test_a_merged_pull_request_is_not_opened_again(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    pull.merge()
    assert refusal(lambda: pull.edit(state="open")).status == 422


def test_lists_choose_by_state_head_and_base(place: Place) -> None:
    first, second = (place.pull(name, {f"{name}.txt": "x\n"}) for name in ("one", "two"))
    first.edit(state="closed")
    repo = place.repo()

    def numbers(**more: str) -> list[int]:
        return [pull.number for pull in repo.get_pulls(**more)]

    assert numbers() == [second.number]
    assert numbers(state="all") == [second.number, first.number]
    assert numbers(state="all", sort="created", direction="asc") == [first.number, second.number]
    assert numbers(state="closed", head="acme:one") == [first.number]
    assert numbers(base="develop") == []


@pytest.mark.parametrize(
    ("head", "base", "code"),
    [("feature", "nowhere", "invalid"), ("nowhere", "main", "invalid"), ("main", "main", "custom")],
)
def test_what_cannot_be_opened_is_refused_with_the_field(
    place: Place, head: str, base: str, code: str
) -> None:
    place.branch("feature", {"a.txt": "a\n"})
    error = refusal(lambda: place.open(head, base))
    assert (error.status, error.data["message"]) == (422, "Validation Failed")
    assert error.data["errors"][0]["resource"] == "PullRequest"
    assert error.data["errors"][0]["code"] == code


def test_a_second_pull_request_of_the_same_branches_is_refused(place: Place) -> None:
    place.pull("feature", {"a.txt": "a\n"})
    error = refusal(lambda: place.open("feature"))
    message = error.data["errors"][0]["message"]
    assert message == "A pull request already exists for acme:feature."


def test_mergeability_is_unknown_at_first_where_that_is_set(place: Place) -> None:
    place.stand_in.control("PATCH", "/settings", unknown_mergeable_reads=1)
    try:
        place.pull("feature", {"a.txt": "a\n"})
    finally:
        place.stand_in.control("PATCH", "/settings", unknown_mergeable_reads=0)
    repo = place.repo()
    assert merge_ref(place, 1) == ""
    first, second = repo.get_pull(1), repo.get_pull(1)
    assert merge_ref(place, 1) == second.merge_commit_sha
    assert [first.mergeable, first.merge_commit_sha] == [None, None]
    assert first.mergeable_state == "unknown"
    assert (second.mergeable, second.mergeable_state) == (True, "clean")


def test_updating_the_branch_merges_the_base_into_it(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    tip = place.commit({"c.txt": "c\n"})
    place.push("main", login="releaser")

    assert not pull.update_branch("0" * 40)
    assert pull.update_branch(pull.head.sha)

    old = pull.head.sha
    pull.update()
    assert place.bare("rev-list", "--parents", "-1", pull.head.sha).split()[1:] == [old, tip]
    assert not pull.update_branch()


def test_a_pull_request_is_an_issue_too(place: Place) -> None:
    place.pull("feature", {"a.txt": "a\n"}, title="Sell tea")
    issue = place.repo().get_issue(1)
    assert issue.title == "Sell tea"
    assert issue.pull_request is not None
    assert issue.as_pull_request().number == 1
