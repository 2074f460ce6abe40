from __future__ import annotations

from datetime import UTC, datetime

from tests.tasks.conftest import Origin
from tiercel.domain.gitflow.back_merge import MergePreview
from tiercel.tasks.source.history import (
    brought_merges,
    commit_times,
    commits_after,
    commits_since,
    contains_commit,
    preview_merge,
)

NEWLINE = "a\nb $(touch x)"


def parted(origin: Origin, main: dict[str, str], develop: dict[str, str]) -> str:
    """Let develop and main part from one commit; return main's head, checked out last."""
    origin.commit({"shared": "1\n"})
    origin.git("checkout", "--quiet", "-b", "line-of-main")
    head = origin.commit(main, "main")
    origin.git("checkout", "--quiet", "-")
    origin.commit(develop)
    return head


def preview(origin: Origin, sha: str) -> MergePreview | None:
    return preview_merge.fn(origin.fetch(), sha, "develop")


def test_content_that_develop_lacks_is_found(origin: Origin) -> None:
    head = parted(origin, {"fix": "1\n"}, {"other": "1\n"})
    assert preview(origin, head) == MergePreview(lacking_commits=1, changes_content=True)


def test_content_that_came_to_develop_as_another_commit_is_not_missing(origin: Origin) -> None:
    head = parted(origin, {"fix": "1\n"}, {"fix": "1\n", "later": "1\n"})
    assert preview(origin, head) == MergePreview(lacking_commits=1, changes_content=False)


def test_a_commit_that_develop_contains_changes_nothing(origin: Origin) -> None:
    first = origin.commit({"a": "1\n"})
    origin.commit({"a": "2\n"})
    assert preview(origin, first) == MergePreview(lacking_commits=0, changes_content=False)


def test_conflicts_are_named_by_their_paths_whatever_these_are_called(origin: Origin) -> None:
    head = parted(
        origin, {"shared": "main\n", NEWLINE: "main\n"}, {"shared": "dev\n", NEWLINE: "dev\n"}
    )
    found = preview(origin, head)
    assert found is not None
    assert found.changes_content
    assert sorted(found.conflicts) == sorted(["shared", NEWLINE])


def test_histories_without_a_common_commit_count_as_different(origin: Origin) -> None:
    origin.commit({"a": "1\n"})
    origin.git("checkout", "--quiet", "--orphan", "elsewhere")
    head = origin.commit({"b": "1\n"}, "main")
    assert preview(origin, head) == MergePreview(lacking_commits=1, changes_content=True)


def test_nothing_can_be_said_of_a_commit_or_a_branch_that_is_not_there(origin: Origin) -> None:
    head = origin.commit({"a": "1\n"})
    assert preview(origin, "0" * 39 + "1") is None
    assert preview_merge.fn(origin.fetch(), head, "elsewhere") is None


def test_the_commits_of_a_release_are_those_since_the_one_before(origin: Origin) -> None:
    first = origin.commit({"a": "1\n"})
    second, third = origin.commit({"a": "2\n"}), origin.commit({"a": "3\n"})
    assert commits_since.fn(origin.fetch(), first) == [third, second]
    assert commits_since.fn(origin.fetch(), third) == []


def test_the_times_of_a_releases_commits_are_the_committers_and_merges_have_none(
    origin: Origin,
) -> None:
    first = origin.commit({"a": "1\n"})
    origin.git("checkout", "--quiet", "-b", "side")
    origin.commit({"b": "1\n"}, "side")
    origin.git("checkout", "--quiet", "-")
    origin.git("merge", "--quiet", "--no-ff", "--message=Merge", "side")
    made = int(origin.git("log", "-1", "--format=%ct", "side"))
    origin.git("push", "--quiet", str(origin.bare), "HEAD:refs/heads/develop")

    assert commit_times.fn(origin.fetch(), first) == [datetime.fromtimestamp(made, UTC)]
    assert commit_times.fn(origin.fetch(), "0" * 39 + "1") == []


def test_the_first_release_has_what_its_merge_brought(origin: Origin) -> None:
    origin.commit({"a": "1\n"})
    origin.git("checkout", "--quiet", "-b", "side")
    side = origin.commit({"b": "1\n"}, "side")
    origin.git("checkout", "--quiet", "-")
    origin.git("merge", "--quiet", "--no-ff", "--message=Merge", "side")
    merge = origin.git("rev-parse", "HEAD")
    origin.git("push", "--quiet", str(origin.bare), "HEAD:refs/heads/develop")
    assert commits_since.fn(origin.fetch(), "") == [merge, side]


def test_a_base_that_is_gone_counts_as_none(origin: Origin) -> None:
    origin.commit({"a": "1\n"})
    second = origin.commit({"a": "2\n"})
    assert commits_since.fn(origin.fetch(), "0" * 39 + "1") == [second]


def test_a_history_of_one_commit_is_its_own_release(origin: Origin) -> None:
    only = origin.commit({"a": "1\n"})
    assert commits_since.fn(origin.fetch(), "") == [only]


def test_a_later_commit_contains_an_earlier_one_and_not_the_reverse(origin: Origin) -> None:
    first = origin.commit({"a": "1\n"})
    second = origin.commit({"a": "2\n"})
    older, newer = origin.fetch(first), origin.fetch(second)
    assert contains_commit.fn(older, second)
    assert not contains_commit.fn(newer, first)
    assert not contains_commit.fn(older, first), "a commit is not later than itself"
    assert contains_commit.fn(older, "f" * 40) is None, "nobody has this commit"


def test_only_the_branchs_own_steps_after_a_commit_are_listed_the_newest_first(
    origin: Origin,
) -> None:
    first = origin.commit({"a": "1\n"})
    origin.git("checkout", "--quiet", "-b", "feature/x")
    origin.commit({"b": "1\n"}, "feature/x")
    origin.git("checkout", "--quiet", "develop")
    origin.git("merge", "--quiet", "--no-ff", "--message=Merge", "feature/x")
    merge = origin.push()
    last = origin.commit({"c": "1\n"})
    steps = commits_after.fn(origin.fetch(first), "develop", 10)
    assert steps[0] == last
    assert merge in steps
    assert len(steps) == len(commits_after.fn(origin.fetch(first), "develop", 2)) + 1


def merged(origin: Origin, name: str) -> str:
    """Bring a commit into the branch that is checked out, as GitHub merges a pull request."""
    here = origin.git("branch", "--show-current").strip()
    origin.git("checkout", "--quiet", "-b", name)
    origin.commit({name: "1\n"}, name)
    origin.git("checkout", "--quiet", here)
    origin.git("merge", "--quiet", "--no-ff", f"--message=Merge {name}", name)
    return origin.git("rev-parse", "HEAD").strip()


def test_merges_into_develop_that_a_branch_brings_are_told_and_its_own_are_not(
    origin: Origin,
) -> None:
    production = origin.commit({"a": "1\n"})
    origin.git("branch", "line-of-main")
    grown = [merged(origin, "one"), merged(origin, "two")]
    develop = origin.git("branch", "--show-current").strip()
    origin.git("checkout", "--quiet", "-b", "from-main", "line-of-main")
    own = merged(origin, "fix")
    origin.git("push", "--quiet", str(origin.bare), "from-main")
    origin.git("checkout", "--quiet", develop)
    origin.commit({"later": "1\n"})
    commit = origin.fetch().model_copy(update={"sha": production})

    assert brought_merges.fn(commit, grown[-1], "develop") == grown[::-1]
    assert brought_merges.fn(commit, own, "develop") == []
    assert brought_merges.fn(commit, "1" * 40, "develop") == []
