"""Who pushed is what GitHub says of its accounts, and not what commits say of their authors."""

from __future__ import annotations

from tests.sandbox.github.support import Place, git
from tests.tasks import github_fixtures
from tests.tasks.github_fixtures import Scripted
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.tasks.github.pushes import read_pushes

seen = github_fixtures.seen
stand_in = github_fixtures.stand_in
place = github_fixtures.place
pull = github_fixtures.pull
scripted = github_fixtures.scripted


def account(place: Place, login: str) -> int:
    return place.stand_in.github(login).get_user().id


def test_pushes_have_the_account_that_pushed_whoever_wrote_the_commit(
    place: Place, pull: PullRequest
) -> None:
    opened = read_pushes.fn(place.name, pull.head_branch)
    assert [one.after for one in opened] == [pull.head_commit]
    git(place.tree, "checkout", "--quiet", pull.head_branch)
    after = place.commit({"more.txt": "more\n"})
    place.push(pull.head_branch, login="reviewer")
    newest, *before = read_pushes.fn(place.name, pull.head_branch)
    assert (newest.after, newest.actor) == (after, account(place, "reviewer"))
    assert tuple(before) == opened
    assert opened[0].actor == account(place, "author")


def test_a_merge_is_no_push_and_pushes_are_known_of_a_branch_that_is_gone(
    place: Place, pull: PullRequest
) -> None:
    before = {one.after for one in read_pushes.fn(place.name, "main")}
    place.repo("releaser").get_pull(pull.number).merge()
    assert {one.after for one in read_pushes.fn(place.name, "main")} == before
    place.repo("releaser").get_git_ref(f"heads/{pull.head_branch}").delete()
    assert [one.after for one in read_pushes.fn(place.name, pull.head_branch)] == [pull.head_commit]


def test_all_pages_are_read(scripted: Scripted) -> None:
    one = {"actor": {"id": 7}, "after": "1" * 40, "activity_type": "push"}
    more = f"{scripted.api}/repos/acme/shop/activity?after=5"
    scripted.says(200, [one], Link=f'<{more}>; rel="next"')
    scripted.says(200, [one | {"actor": None}, one | {"activity_type": "pr_merge"}])
    found = read_pushes.fn("acme/shop", "busy")
    assert [push.actor for push in found] == [7, None]
    assert len(scripted.asked) == 2
