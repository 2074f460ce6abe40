from __future__ import annotations

import base64
from typing import Any

import pytest
from github import InputGitTreeElement

from tests.sandbox.github.support import Place, git, refusal


def test_references_are_created_moved_and_deleted(place: Place) -> None:
    repo = place.repo()
    first = repo.get_branch("main").commit.sha
    second = place.branch("side", {"s.txt": "s\n"})

    reference = repo.create_git_ref("refs/heads/new/branch", first)
    assert (reference.ref, reference.object.sha) == ("refs/heads/new/branch", first)
    reference.edit(second)
    assert repo.get_git_ref("heads/new/branch").object.sha == second
    error = refusal(lambda: reference.edit(first))
    assert (error.status, error.data["message"]) == (422, "Update is not a fast forward")
    reference.edit(first, force=True)
    found = [match.ref for match in repo.get_git_matching_refs("heads/new")]
    assert found == ["refs/heads/new/branch"]
    reference.delete()
    assert refusal(lambda: repo.get_git_ref("heads/new/branch")).status == 404
    assert refusal(reference.delete).data["message"] == "Reference does not exist"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("heads/short", "heads/short is not a valid ref name."),
        ("refs/heads/two..dots", "refs/heads/two..dots is not a valid ref name."),
        ("refs/heads/a b", "refs/heads/a b is not a valid ref name."),
        ("refs/pull/1/head", "refs/pull/1/head is not a valid ref name."),
        ("refs/heads/main", "Reference already exists"),
        ("refs/heads/main/below", "Reference update failed: refs/heads/main/below"),
    ],
)
def test_a_reference_that_cannot_be_is_refused(place: Place, name: str, words: str) -> None:
    repo = place.repo()
    sha = repo.get_branch("main").commit.sha
    error = refusal(lambda: repo.create_git_ref(name, sha))
    assert (error.status, error.data["message"]) == (422, words)


@pytest.mark.parametrize(
    ("sha", "words"),
    [
        ("0123456", "The sha parameter must be exactly 40 characters."),
        ("1" * 40, "Object does not exist"),
    ],
)
def test_a_reference_to_nothing_is_refused(place: Place, sha: str, words: str) -> None:
    error = refusal(lambda: place.repo().create_git_ref("refs/heads/new", sha))
    assert (error.status, error.data["message"]) == (422, words)


def test_a_commit_is_built_from_blobs_and_trees(place: Place) -> None:
    repo = place.repo()
    tip = repo.get_branch("main").commit
    blob = repo.create_git_blob(base64.b64encode(b"\x00\xff").decode(), "base64")
    elements = [
        InputGitTreeElement("bin/data", "100755", "blob", sha=blob.sha),
        InputGitTreeElement("text.txt", "100644", "blob", content="text\n"),
        InputGitTreeElement("README.md", "100644", "blob", sha=None),
    ]
    tree = repo.create_git_tree(elements, base_tree=repo.get_git_tree(tip.sha))
    commit = repo.create_git_commit("Build it", tree, [repo.get_git_commit(tip.sha)])
    repo.create_git_ref("refs/heads/built", commit.sha)

    git(place.tree, "fetch", "--quiet", place.url(), "built")
    listed = git(place.tree, "ls-tree", "-r", "--format=%(objectmode) %(path)", "FETCH_HEAD")
    assert listed.splitlines() == ["100755 bin/data", "100644 text.txt"]
    assert (
        git(place.tree, "log", "-1", "--format=%an %s", "FETCH_HEAD").strip() == "Author Build it"
    )
    assert base64.b64decode(repo.get_git_blob(blob.sha).content) == b"\x00\xff"
    whole = repo.get_git_tree("built", recursive=True)
    assert [(item.path, item.type) for item in whole.tree] == [
        ("bin", "tree"),
        ("bin/data", "blob"),
        ("text.txt", "blob"),
    ]


@pytest.mark.parametrize("path", ["../out", ".git/config", "a/../../b", "/", "a\nb/.git/x"])
def test_a_path_that_leaves_the_tree_is_refused(place: Place, path: str) -> None:
    element = InputGitTreeElement(path, "100644", "blob", content="x")
    error = refusal(lambda: place.repo().create_git_tree([element]))
    assert (error.status, error.data["message"]) == (
        422,
        "tree.path contains a malformed path component",
    )


def test_an_annotated_tag_is_an_object_and_a_reference(place: Place) -> None:
    repo = place.repo()
    sha = repo.get_branch("main").commit.sha
    tag = repo.create_git_tag("v1.0.0", "First", sha, "commit")
    repo.create_git_ref("refs/tags/v1.0.0", tag.sha)
    reference = repo.get_git_ref("tags/v1.0.0")
    assert (reference.object.type, reference.object.sha) == ("tag", tag.sha)
    read = repo.get_git_tag(tag.sha)
    assert (read.tag, read.message, read.object.sha) == ("v1.0.0", "First", sha)
    assert place.bare("rev-parse", "v1.0.0^{commit}").strip() == sha
    assert repo.get_commit("v1.0.0").sha == sha


def test_history_is_listed_by_branch_path_and_author(place: Place) -> None:
    place.commit({"src/a.py": "a\n"}, "Add a")
    place.commit({"src/b.py": "b\n"}, "Add b")
    place.push("main", login="releaser")
    repo = place.repo()
    repo.create_file("c.txt", "Add c", b"c\n", branch="main")

    def messages(**more: Any) -> list[str]:
        return [commit.commit.message for commit in repo.get_commits(**more)]

    assert messages() == ["Add c", "Add b", "Add a", "The first commit"]
    assert messages(path="src/a.py") == ["Add a"]
    assert messages(sha="main", author="author") == ["Add c"]
    assert messages(author="tester@localhost")[0] == "Add b"


def test_a_commit_shows_its_files_and_its_known_author(place: Place) -> None:
    repo = place.repo()
    sha = repo.create_file("c.txt", "Add c", b"c\nd\n", branch="main")["commit"].sha
    commit = repo.get_commit(sha)
    (file,) = commit.files
    assert (file.filename, file.status, file.additions) == ("c.txt", "added", 2)
    assert file.patch == "@@ -0,0 +1,2 @@\n+c\n+d"
    assert commit.stats.total == 2
    assert commit.author.login == "author"
    assert repo.get_commit(commit.parents[0].sha).author is None


def test_a_commit_id_is_never_hidden_by_a_branch_and_a_short_one_may_be(place: Place) -> None:
    first = place.repo().get_branch("main").commit.sha
    second = place.branch("side", {"s.txt": "s\n"})
    place.bare("update-ref", f"refs/heads/{first}", second)
    place.bare("update-ref", f"refs/heads/{first[:7]}", second)
    repo = place.repo()
    assert repo.get_commit(first).sha == first
    assert repo.get_commit(first[:7]).sha == second
    assert repo.get_commit(first[:9]).sha == first


def test_two_branches_are_compared_from_where_they_parted(place: Place) -> None:
    start = place.repo().get_branch("main").commit.sha
    place.branch("side", {"s.txt": "s\n", "README.md": "new\n"})
    place.commit({"m.txt": "m\n"})
    place.push("main", login="releaser")

    compared = place.repo().compare("main", "side")

    assert (compared.status, compared.ahead_by, compared.behind_by) == ("diverged", 1, 1)
    assert compared.merge_base_commit.sha == start
    assert {file.filename: file.status for file in compared.files} == {
        "README.md": "modified",
        "s.txt": "added",
    }
    assert place.repo().compare(start, "main").status == "ahead"
    assert place.repo().compare("main", start).status == "behind"
    assert place.repo().compare("main", "main").status == "identical"
    assert refusal(lambda: place.repo().compare("main", "nowhere").status).status == 404


def test_renames_removals_links_and_binaries_are_told_apart(place: Place) -> None:
    text = "".join(f"line {number}\n" for number in range(20))
    place.commit({"old.txt": text, "gone.txt": "x\n", "turns.txt": "target\n"})
    place.push("main", login="releaser")
    git(place.tree, "checkout", "--quiet", "-b", "side")
    git(place.tree, "mv", "old.txt", "new.txt")
    (place.tree / "gone.txt").unlink()
    (place.tree / "turns.txt").unlink()
    (place.tree / "turns.txt").symlink_to("target")
    place.commit({"data.bin": bytes(range(256)), "zz.txt": "z\n"})
    place.push("side")

    files = {file.filename: file for file in place.repo().compare("main", "side").files}

    assert {name: file.status for name, file in files.items()} == {
        "data.bin": "added",
        "gone.txt": "removed",
        "new.txt": "renamed",
        "turns.txt": "changed",
        "zz.txt": "added",
    }
    assert files["zz.txt"].patch == "@@ -0,0 +1 @@\n+z"
    assert files["new.txt"].previous_filename == "old.txt"
    assert files["data.bin"].patch is None


def test_contents_are_files_folders_and_links(place: Place) -> None:
    (place.tree / "link").symlink_to("README.md")
    place.commit({"src/a.py": "a = 1\n", "src/deep/b.py": "b\n"})
    place.push("main", login="releaser")
    repo = place.repo()

    file = repo.get_contents("src/a.py")
    assert not isinstance(file, list)
    assert file.decoded_content == b"a = 1\n"
    folder = repo.get_contents("src", ref="main")
    assert isinstance(folder, list)
    assert [(item.type, item.path) for item in folder] == [
        ("file", "src/a.py"),
        ("dir", "src/deep"),
    ]
    root = repo.get_contents("")
    assert isinstance(root, list)
    assert {item.path: item.type for item in root}["link"] == "symlink"
    assert refusal(lambda: repo.get_contents("nothing")).status == 404


def test_a_file_is_written_changed_and_removed(place: Place) -> None:
    repo = place.repo()
    made = repo.create_file("notes/a.txt", "Write", b"one\n")
    old = made["content"].sha
    again = refusal(lambda: repo.create_file("notes/a.txt", "Write", b"two\n"))
    assert again.status == 422
    stale = refusal(lambda: repo.update_file("notes/a.txt", "Write", b"two\n", "1" * 40))
    assert stale.status == 409
    new = repo.update_file("notes/a.txt", "Write", b"two\n", old)["content"].sha
    assert refusal(lambda: repo.delete_file("notes/a.txt", "Remove", old)).status == 409
    repo.delete_file("notes/a.txt", "Remove", new)
    assert refusal(lambda: repo.get_contents("notes/a.txt")).status == 404
    place.pull_main()
    assert git(place.tree, "log", "--format=%s").splitlines()[:3] == ["Remove", "Write", "Write"]


def test_a_branch_is_merged_into_another_without_a_pull_request(place: Place) -> None:
    sha = place.branch("side", {"s.txt": "s\n"})
    repo = place.repo()
    merged = repo.merge("main", "side", "Back-merge")
    assert merged is not None
    assert sha in [parent.sha for parent in merged.parents]
    assert repo.merge("main", "side") is None
    place.branch("clash", {"README.md": "one\n"}, start="main")
    place.pull_main()
    place.commit({"README.md": "two\n"})
    place.push("main", login="releaser")
    assert refusal(lambda: repo.merge("main", "clash")).status == 409


def test_an_empty_repository_is_409_and_takes_its_first_file(place: Place) -> None:
    place.stand_in.control("POST", "/repositories", owner="acme", name=f"empty-{place.name[-2:]}")
    repo = place.stand_in.github("releaser").get_repo(f"acme/empty-{place.name[-2:]}")
    error = refusal(lambda: list(repo.get_commits()))
    assert (error.status, error.data["message"]) == (409, "Git Repository is empty.")
    repo.create_file("README.md", "First", b"hello\n")
    assert [branch.name for branch in repo.get_branches()] == ["main"]
