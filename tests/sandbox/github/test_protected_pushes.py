from __future__ import annotations

from tests.sandbox.github.conftest import Protect
from tests.sandbox.github.support import Place, git, refusal


def test_a_push_past_the_pull_request_is_refused_in_githubs_words(
    place: Place, protect: Protect
) -> None:
    protect(required_approving_review_count=1)
    before = place.bare("rev-parse", "main")
    place.commit({"a.txt": "a\n"})

    code, said = place.try_push("main")

    assert code == 1
    assert "remote: error: GH006: Protected branch update failed for refs/heads/main." in said
    assert "remote: error: Changes must be made through a pull request." in said
    assert "! [remote rejected] main -> main (hook declined)" in said
    assert place.bare("rev-parse", "main") == before


def test_a_push_without_its_required_status_is_refused_and_with_it_accepted(
    place: Place, protect: Protect
) -> None:
    protect(strict=True, contexts=["ci"])
    sha = place.commit({"a.txt": "a\n"})
    code, said = place.try_push("main")
    assert (code, 'error: Required status check "ci" is expected.' in said) == (1, True)
    place.push("main:candidate")
    place.repo().get_commit(sha).create_status("success", context="ci")
    assert place.try_push("main")[0] == 0


def test_a_protected_branch_is_neither_forced_nor_deleted(place: Place, protect: Protect) -> None:
    protect()
    git(place.tree, "commit", "--amend", "--quiet", "--message=Rewritten")
    code, said = place.try_push("+main", login="releaser")
    assert (code, "error: Cannot force-push to this branch" in said) == (1, True)
    place.repo("releaser").edit(default_branch="main")
    place.branch("other", {"o.txt": "o\n"})
    place.repo("releaser").get_branch("other").edit_protection(enforce_admins=False)
    code, said = place.try_push("--delete", "other", login="releaser")
    assert (code, "error: Cannot delete this branch" in said) == (1, True)
    protect(allow_force_pushes=True)
    assert place.try_push("+main", login="releaser")[0] == 0


def test_a_push_of_two_branches_moves_only_the_one_that_is_free(
    place: Place, protect: Protect
) -> None:
    protect(required_approving_review_count=1)
    git(place.tree, "checkout", "--quiet", "-b", "free")
    place.commit({"a.txt": "a\n"})
    code, said = place.try_push("free", "free:main")
    assert code == 1
    assert "[new branch]      free -> free" in said
    assert "! [remote rejected] free -> main" in said
    assert [branch.name for branch in place.repo().get_branches()] == ["free", "main"]


def test_a_pushed_merge_breaks_a_linear_history(place: Place, protect: Protect) -> None:
    protect(required_linear_history=True)
    place.branch("side", {"s.txt": "s\n"})
    git(place.tree, "merge", "--quiet", "--no-ff", "--message=Merge", "side")
    code, said = place.try_push("main")
    assert (code, "error: This branch must not contain merge commits." in said) == (1, True)


def test_the_reference_api_obeys_protection_too(place: Place, protect: Protect) -> None:
    sha = place.branch("side", {"s.txt": "s\n"})
    protect(required_approving_review_count=1)
    error = refusal(lambda: place.repo().get_git_ref("heads/main").edit(sha))
    assert (error.status, error.data["message"]) == (
        422,
        "Changes must be made through a pull request.",
    )
    error = refusal(lambda: place.repo().get_git_ref("heads/main").delete())
    assert (error.status, error.data["message"]) == (422, "Cannot delete this branch")
    error = refusal(lambda: place.repo().create_file("x.txt", "Write", b"x", branch="main"))
    assert error.status == 409
