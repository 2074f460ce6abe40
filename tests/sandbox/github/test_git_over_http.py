from __future__ import annotations

import base64
import os
from pathlib import Path

import httpx
import pytest

from tests.sandbox.github.support import Place, StandIn, git, run_git


def clone(url: str, folder: Path, *options: str) -> tuple[int, str]:
    done = run_git(folder, "clone", "--quiet", *options, url, str(folder / "clone"))
    return done.returncode, done.stderr


def test_a_clone_needs_a_token_that_sees_the_repository(place: Place, tmp_path: Path) -> None:
    bare = f"{place.stand_in.server}/{place.name}"
    assert clone(f"{bare}.git", tmp_path)[0] == 128
    code, said = clone(place.stand_in.url(place.name, "github_pat_wrong"), tmp_path)
    assert (code, "Authentication failed" in said) == (128, True)
    assert clone(place.url().removesuffix(".git"), tmp_path) == (0, "")
    assert (tmp_path / "clone" / "README.md").read_text() == "shop\n"


def test_a_repository_that_the_token_does_not_see_is_not_found(
    place: Place, tmp_path: Path
) -> None:
    elsewhere = place.stand_in.token("author", repositories=[])
    code, said = clone(place.stand_in.url(place.name, elsewhere), tmp_path)
    assert (code, "not found" in said) == (128, True)
    code, said = clone(place.stand_in.url("acme/nothing", elsewhere), tmp_path)
    assert (code, "not found" in said) == (128, True)


@pytest.mark.parametrize("scheme", ["bearer", "basic"])
def test_a_token_may_come_in_a_header(place: Place, tmp_path: Path, scheme: str) -> None:
    token = place.stand_in.running.token("author")
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    value = f"bearer {token}" if scheme == "bearer" else f"basic {basic}"
    option = f"--config=http.extraHeader=Authorization: {value}"
    url = f"{place.stand_in.server}/{place.name}.git"
    assert clone(url, tmp_path, option) == (0, "")


def test_a_token_that_only_reads_cannot_push(place: Place) -> None:
    token = place.stand_in.token("author", permissions={"contents": "read"})
    place.commit({"a.txt": "a\n"})
    done = run_git(place.tree, "push", place.stand_in.url(place.name, token), "main")
    assert done.returncode == 128
    assert "403" in done.stderr
    assert run_git(place.tree, "fetch", place.stand_in.url(place.name, token)).returncode == 0


def test_the_merge_ref_is_fetched_as_github_actions_does(place: Place, tmp_path: Path) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    git(tmp_path, "init", "--quiet", "work")
    work = tmp_path / "work"
    git(work, "fetch", "--quiet", "--depth=1", place.url(), "refs/pull/1/merge")
    assert git(work, "rev-parse", "FETCH_HEAD").strip() == pull.merge_commit_sha
    git(work, "checkout", "--quiet", "FETCH_HEAD")
    assert (work / "a.txt").read_text() == "a\n"


def test_a_commit_is_fetched_by_its_id(place: Place, tmp_path: Path) -> None:
    sha = place.branch("feature", {"a.txt": "a\n"})
    git(tmp_path, "init", "--quiet", "work")
    git(tmp_path / "work", "fetch", "--quiet", "--depth=1", place.url(), sha)
    assert git(tmp_path / "work", "rev-parse", "FETCH_HEAD").strip() == sha


def test_a_partial_clone_leaves_blobs_out(place: Place, tmp_path: Path) -> None:
    options = ("--filter=blob:none", "--no-checkout")
    assert clone(place.url(), tmp_path, *options) == (0, "")
    listed = git(tmp_path / "clone", "rev-list", "--objects", "--missing=print", "--all")
    assert "?" in listed


def test_nobody_pushes_to_the_references_of_pull_requests(place: Place) -> None:
    place.pull("feature", {"a.txt": "a\n"})
    before = place.bare("rev-parse", "refs/pull/1/head")
    place.commit({"b.txt": "b\n"})
    code, said = place.try_push("+main:refs/pull/1/head")
    assert (code, "deny updating a hidden ref" in said) == (1, True)
    assert place.bare("rev-parse", "refs/pull/1/head") == before


def test_a_large_push_comes_in_chunks(place: Place) -> None:
    place.commit({"large.bin": os.urandom(3 * 1024 * 1024)})
    place.push("main", login="releaser")
    assert place.bare("cat-file", "-s", "main:large.bin").strip() == str(3 * 1024 * 1024)


def test_a_clone_after_many_tags_sends_its_request_compressed(place: Place, tmp_path: Path) -> None:
    commits = (
        f"commit refs/tags/v{number}\ncommitter t <t@t> {number} +0000\ndata 1\nx\n"
        for number in range(25)
    )
    git(place.tree, "fast-import", "--quiet", data="".join(commits))
    place.push("--tags", login="releaser")
    assert clone(place.url(), tmp_path) == (0, "")
    assert len(git(tmp_path / "clone", "tag").split()) == 25


def test_a_request_that_is_badly_compressed_is_refused(place: Place) -> None:
    token = place.stand_in.running.token("author")
    answer = httpx.post(
        f"{place.stand_in.server}/{place.name}.git/git-upload-pack",
        content=b"\x1f\x8b no gzip",
        headers={"Authorization": f"Bearer {token}", "Content-Encoding": "gzip"},
        trust_env=False,
    )
    assert answer.status_code == 400


def test_tags_are_pushed_and_deleted(place: Place) -> None:
    git(place.tree, "tag", "light")
    git(place.tree, "tag", "--annotate", "--message=Heavy", "heavy")
    place.push("light", "heavy")
    tags = {tag.name: tag.commit.sha for tag in place.repo().get_tags()}
    assert tags == dict.fromkeys(("light", "heavy"), git(place.tree, "rev-parse", "HEAD").strip())
    place.push("--delete", "light")
    assert [tag.name for tag in place.repo().get_tags()] == ["heavy"]


def test_the_default_branch_is_not_deleted(place: Place) -> None:
    code, said = place.try_push("--delete", "main", login="releaser")
    assert (code, "remote rejected" in said) == (1, True)


def test_an_older_git_protocol_is_answered_too(place: Place) -> None:
    listed = git(place.tree, "-c", "protocol.version=0", "ls-remote", place.url())
    assert listed == git(place.tree, "-c", "protocol.version=2", "ls-remote", place.url())


def test_a_bare_repository_that_was_changed_from_outside_is_looked_at_again(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    owner, _, name = place.name.partition("/")
    main = place.bare("rev-parse", "main").strip()
    tree = place.bare("rev-parse", "feature^{tree}").strip()
    outside = place.bare(
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@x",
        "commit-tree",
        tree,
        "-p",
        pull.head.sha,
        "-m",
        "x",
    ).strip()
    place.bare("update-ref", "refs/heads/feature", outside)
    place.stand_in.control("POST", "/repositories", owner=owner, name=name)
    pull.update()
    assert (pull.head.sha, pull.base.sha) == (outside, main)


def test_a_bare_repository_that_is_put_there_is_adopted(stand_in: StandIn, place: Place) -> None:
    target = stand_in.repositories / "globex" / "imported.git"
    git(place.tree, "clone", "--quiet", "--bare", str(place.tree), str(target))
    git(target, "symbolic-ref", "HEAD", "refs/heads/nowhere")
    repo = stand_in.github().get_repo("globex/imported")
    assert (repo.default_branch, repo.owner.login, repo.private) == ("main", "globex", True)
    assert [branch.name for branch in repo.get_branches()] == ["main"]


@pytest.mark.parametrize(
    "path",
    [
        "/objects/info/packs",
        "/info/refs",
        "/info/refs?service=git-upload-archive",
        "/HEAD",
        "/../../../etc/passwd",
        "/%2e%2e/%2e%2e/github/tokens.json/info/refs?service=git-upload-pack",
    ],
)
def test_only_the_smart_protocol_is_served(place: Place, path: str) -> None:
    token = place.stand_in.running.token("releaser")
    url = f"{place.stand_in.server}/{place.name}.git{path}"
    answer = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    assert answer.status_code == 404


def test_what_is_no_push_is_refused_and_changes_nothing(place: Place) -> None:
    token = place.stand_in.running.token("releaser")
    before = place.bare("for-each-ref")
    for raw in (b"", b"zzzz", b"0000", b"00041234", b"ffff" + b"x" * 100, b"0032" + b"a" * 46):
        answer = httpx.post(
            f"{place.stand_in.server}/{place.name}.git/git-receive-pack",
            content=raw,
            headers={
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/x-git-receive-pack-request",
            },
            trust_env=False,
        )
        assert answer.status_code in {200, 400, 500}
    assert place.bare("for-each-ref") == before
