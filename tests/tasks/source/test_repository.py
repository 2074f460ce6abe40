from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from pathlib import Path
from subprocess import run
from time import monotonic

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.codes import because
from tests.tasks.conftest import Origin, Server
from tiercel.domain.base.errors import (
    ExitCode,
    InterruptedRunError,
    RefusedInputError,
    TiercelError,
    TransientError,
    UnreachableError,
)
from tiercel.tasks.engine.pace import stoppable
from tiercel.tasks.source.export import export
from tiercel.tasks.source.fetch import fetch_merge_ref, list_branches
from tiercel.tasks.source.git import run_git
from tiercel.tasks.source.history import contains_commit
from tiercel.tasks.source.repository import (
    Commit,
    GitObject,
    find_objects,
    list_files,
    read_text,
)

MIB = 1024 * 1024


def exported(commit: Commit, target: Path, *paths: str) -> dict[str, bytes]:
    """Export into a new folder; symbolic links are shown as `-> target`."""
    target.mkdir(parents=True)
    export(commit, paths or (".",), target)
    return {
        path.relative_to(target).as_posix(): (
            b"-> " + os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
        )
        for path in target.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def object_ids(commit: Commit, paths: Sequence[str]) -> dict[str, str]:
    return {path: found.id for path, found in find_objects.fn(commit, paths).items()}


def refusal_of(origin: Origin, revision: str) -> RefusedInputError:
    with pytest.raises(RefusedInputError) as refusal:
        origin.fetch(revision)
    assert refusal.value.exit_code is ExitCode.REFUSED
    return refusal.value


def push_tree(origin: Origin, entries: Iterable[tuple[str, bytes, bytes]]) -> str:
    """Push a commit with a tree that git itself would not have made: mode, name, content."""
    rows = []
    for mode, name, content in entries:
        blob = origin.git("hash-object", "-w", "--stdin", stdin=content)
        rows.append(mode.encode() + b" " + name + b"\0" + bytes.fromhex(blob))
    tree = origin.git(
        "hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=b"".join(rows)
    )
    commit = origin.git("commit-tree", tree, "-m", "Made by hand")
    origin.git("push", "--quiet", "--force", str(origin.bare), f"{commit}:refs/heads/develop")
    return commit


def test_a_branch_stands_for_its_newest_commit(origin: Origin) -> None:
    first = origin.commit({"a": "1"})
    assert origin.fetch().sha == first
    second = origin.commit({"a": "2"})
    assert origin.fetch().sha == second
    assert origin.fetch(first).sha == first


@pytest.mark.parametrize("length", [7, 12, 39, 40])
def test_a_commit_id_may_be_short_and_in_capitals(origin: Origin, length: int) -> None:
    sha = origin.commit({"a": "1"})
    assert origin.fetch(sha[:length]).sha == sha
    assert origin.fetch(sha[:length].upper()).sha == sha


@pytest.mark.parametrize(
    "branch", ["feature/$(touch${IFS}trap)", "feature/`x`", "a;b", "é", "feature/a'b\"c", "x" * 200]
)
def test_a_branch_may_have_any_name_that_git_allows(
    origin: Origin, tmp_path: Path, branch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sha = origin.commit({"a": "1"}, branch)
    assert origin.fetch(branch, branch).sha == sha
    assert not list(tmp_path.rglob("trap"))


def test_a_branch_is_meant_where_its_name_could_be_a_short_commit_id(origin: Origin) -> None:
    first = origin.commit({"a": "1"})
    second = origin.commit({"a": "2"}, first[:7])
    assert origin.fetch(first[:7], first[:7]).sha == second


def test_a_commit_id_in_full_is_never_a_branch(origin: Origin) -> None:
    first = origin.commit({"a": "1"})
    origin.commit({"a": "2"}, first)
    origin.commit({"a": "3"})
    assert origin.fetch(first).sha == first


@pytest.mark.parametrize(
    "revision",
    [
        "",
        "nothing",
        "0" * 40,
        "f" * 64,
        "--upload-pack=touch trap",
        "--output=trap",
        "-x",
        "$(touch trap)",
        "; touch trap",
        "\x00",
        "a\x00b",
        "develop\n",
        "develop ",
        "HEAD",
        "@",
        "HEAD~100",
        "develop~0",
        "develop^{/Change}",
        "develop@{0}",
        ":/Change",
        "develop:a",
        "develop..develop",
        "^develop",
        "refs/heads/develop",
        "../../HEAD",
        "\ud800",
        "x" * 5000,
    ],
    ids=lambda revision: ascii(revision)[:30],
)
def test_what_is_neither_branch_nor_commit_is_refused_and_not_run(
    origin: Origin, tmp_path: Path, revision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    origin.commit({"a": "1"})
    error = refusal_of(origin, revision)
    assert error.code == "source.no_such_commit"
    assert error.what.isprintable()
    assert {part.label for part in error.failure.parts()} == {"where", "now", "do"}
    assert not list(tmp_path.rglob("trap"))


def test_a_commit_that_the_branch_does_not_contain_is_refused(origin: Origin) -> None:
    origin.commit({"a": "1"})
    unmerged = origin.commit({"a": "2"}, "feature/x")
    assert "is not in develop" in refusal_of(origin, unmerged).what
    assert "is not in develop" in refusal_of(origin, "feature/x").what


def test_who_gives_a_part_of_an_id_for_a_branch_is_told_the_whole_id(origin: Origin) -> None:
    sha = origin.commit({"a": "1"})
    for typed in (sha[:7], sha[:39], sha.upper()):
        with pytest.raises(RefusedInputError) as refusal:
            origin.fetch(typed, typed)
        assert refusal.value.code == "source.commit_in_place_of_branch"
        assert refusal.value.remedy.endswith(sha)


def test_a_branch_that_is_called_like_a_part_of_an_id_is_that_branch(origin: Origin) -> None:
    named = origin.commit({"a": "1"})[:7]
    newer = origin.commit({"a": "2"}, named)
    assert origin.fetch(named, named).sha == newer


def test_a_branch_that_is_gone_is_refused_though_the_mirror_had_it(origin: Origin) -> None:
    origin.commit({"a": "1"})
    origin.commit({"a": "2"}, "feature")
    origin.fetch("feature", "feature")
    origin.git("push", "--quiet", str(origin.bare), ":refs/heads/feature")
    refusal_of(origin, "feature")
    assert origin.commit({"a": "3"}, "feature/x") == origin.fetch("feature/x", "feature/x").sha


def test_a_branch_that_was_rewritten_stands_for_its_new_commit(origin: Origin) -> None:
    origin.commit({"a": "1"})
    lost = origin.commit({"a": "2"})
    origin.fetch()
    origin.git("reset", "--quiet", "--hard", "HEAD~1")
    found = origin.commit({"a": "3"})
    assert origin.fetch().sha == found
    assert "is not in develop" in refusal_of(origin, lost).what


def test_tags_are_not_fetched(origin: Origin) -> None:
    origin.commit({"a": "1"})
    origin.git("tag", "v1.0.0")
    origin.git("push", "--quiet", str(origin.bare), "v1.0.0")
    refusal_of(origin, "v1.0.0")


def test_a_repository_that_does_not_exist_is_refused_at_once_and_not_tried_again(
    server: Server,
) -> None:
    origin = server.create()
    gone = Origin("acme/gone", origin.bare, origin.clone)
    start = monotonic()
    error = refusal_of(gone, "develop")
    assert monotonic() - start < 20
    assert not error.transient
    assert "acme/gone.git" in error.where
    assert {part.label for part in error.failure.parts()} == {"where", "why", "now", "do"}


def test_a_server_that_is_down_may_be_up_a_moment_later(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_SERVER_URL", "http://127.0.0.1:1")
    with pytest.raises(TransientError) as failure:
        origin.fetch()
    assert failure.value.transient


@pytest.mark.parametrize(
    "url", ["ext::sh -c touch%20trap;", "ssh://127.0.0.1:1", "git://127.0.0.1"]
)
def test_no_other_protocol_is_spoken(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_SERVER_URL", url)
    with pytest.raises(TiercelError) as failure:
        origin.fetch()
    assert "not allowed" in failure.value.why
    assert not list(tmp_path.rglob("trap"))


def test_a_machine_without_git_is_told_to_install_it(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnreachableError, check=because("git.not_installed")) as failure:
        origin.fetch()
    assert not failure.value.transient
    assert "install git" in failure.value.remedy


def git_that(ends: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a script in the place of git."""
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\n{ends}\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_a_git_that_was_killed_has_not_answered_no(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = origin.commit({"a": "1"})
    newer = origin.commit({"a": "2"})
    commit = origin.fetch(older)
    assert contains_commit.fn(commit, newer) is True
    git_that("kill -KILL $$", tmp_path / "bin", monkeypatch)
    with pytest.raises(TransientError) as failure:
        contains_commit.fn(commit, newer)
    assert "SIGKILL" in failure.value.why


def test_a_git_that_fails_where_it_must_not_says_so_in_its_own_words(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.commit({"a": "1"})
    commit = origin.fetch()
    git_that("echo fatal: no space left >&2; exit 128", tmp_path / "bin", monkeypatch)
    with pytest.raises(UnreachableError) as failure:
        list_files(commit)
    assert failure.value.why.splitlines() == ["it ended with exit code 128", "fatal: no space left"]
    assert not failure.value.transient


def test_repositories_of_one_name_on_two_servers_have_different_mirrors(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.commit({"a": "1"})
    first = origin.fetch()
    monkeypatch.setenv("GITHUB_SERVER_URL", (tmp_path / "other").as_uri())
    other = Server(tmp_path / "other").create()
    other.commit({"a": "2"})
    assert other.fetch().mirror != first.mirror


def test_four_at_once_bring_one_mirror_up_to_date(origin: Origin) -> None:
    wanted = [origin.commit({"a": str(number)}, f"branch-{number}") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: origin.fetch(f"branch-{n}", f"branch-{n}"), range(4)))
        assert [commit.sha for commit in found] == wanted
        assert len({commit.mirror for commit in found}) == 1
        newest = origin.commit({"a": "new"})
        again = list(pool.map(lambda _: origin.fetch().sha, range(4)))
    assert again == [newest] * 4
    assert run_git(found[0].mirror, "fsck", "--full", check=False).succeeded


def test_whoever_updates_a_mirror_has_it_alone(origin: Origin) -> None:
    origin.commit({"a": "1"})
    mirror = origin.fetch().mirror
    with ThreadPoolExecutor(1) as pool:
        with mirror.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            waiting = pool.submit(origin.fetch)
            assert not wait([waiting], timeout=0.3).done
        assert waiting.result().mirror == mirror


def test_whoever_waits_for_a_mirror_can_be_cancelled(origin: Origin) -> None:
    origin.commit({"a": "1"})
    mirror = origin.fetch().mirror
    with (
        mirror.with_suffix(".lock").open("w") as lock,
        ThreadPoolExecutor(1) as pool,
        stoppable() as cancel,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = pool.submit(copy_context().run, origin.fetch)
        cancel.set()
        try:
            with pytest.raises(InterruptedRunError):
                waiting.result(20)
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)


def test_a_mirror_whose_making_was_interrupted_is_made_again(origin: Origin) -> None:
    sha = origin.commit({"a": "1"})
    mirror = origin.fetch().mirror
    shutil.rmtree(mirror / "objects")
    assert origin.fetch().sha == sha


def merge_ref(origin: Origin) -> tuple[str, str, str]:
    """Prepare pull request 7 as GitHub does; return its merge, base and head."""
    base = origin.commit({"a": "1"})
    head = origin.commit({"b": "2"}, "feature/x")
    merge = origin.git("commit-tree", "HEAD^{tree}", "-p", base, "-p", head, "-m", "Merge")
    origin.git("push", "--quiet", str(origin.bare), f"{merge}:refs/pull/7/merge")
    return merge, base, head


def test_the_merge_of_a_pull_request_is_fetched_with_its_base(
    origin: Origin, tmp_path: Path
) -> None:
    merge, base, head = merge_ref(origin)
    found = fetch_merge_ref.fn(origin.name, 7, head)
    assert (found.commit.sha, found.base.sha) == (merge, base)
    assert exported(found.commit, tmp_path / "merge").keys() == {"a", "b"}
    assert exported(found.base, tmp_path / "base").keys() == {"a"}


def test_a_merge_that_is_not_there_yet_is_waited_for(origin: Origin) -> None:
    _, _, head = merge_ref(origin)
    with pytest.raises(TransientError, match=f"the merge of #8 is not that of commit {head[:7]}"):
        fetch_merge_ref.fn(origin.name, 8, head)


def test_the_merge_of_an_earlier_head_is_waited_for(origin: Origin) -> None:
    merge_ref(origin)
    newer = origin.commit({"b": "3"}, "feature/x")
    with pytest.raises(TransientError, match=newer[:7]):
        fetch_merge_ref.fn(origin.name, 7, newer)


def test_what_was_fetched_for_a_pull_request_cannot_be_released(origin: Origin) -> None:
    merge, _, head = merge_ref(origin)
    fetch_merge_ref.fn(origin.name, 7, head)
    assert refusal_of(origin, merge).code == "source.no_such_commit"
    assert refusal_of(origin, head).code == "source.not_on_branch"


FETCH = """
import sys
from tiercel.tasks.source.fetch import fetch_commit
print(fetch_commit.fn("acme/shop", "develop", "develop").sha)
"""


def test_another_process_may_update_the_mirror_at_the_same_time(origin: Origin) -> None:
    sha = origin.commit({"a": "1"})
    with ThreadPoolExecutor(3) as pool:
        other = pool.submit(
            run, [sys.executable, "-c", FETCH], capture_output=True, text=True, check=True
        )
        while not other.done():
            assert origin.fetch().sha == sha
        assert other.result().stdout.strip() == sha


NAMES = [
    "-rf",
    "--force",
    "a\nb",
    'quote"',
    "'",
    "back\\slash",
    "$(touch trap)",
    "*",
    ":(top)x",
    " lead",
    "é",
    "日本語",
    "a\tb",
]


def test_hostile_names_of_files_are_names_and_nothing_else(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {f"{place}{name}": name for name in NAMES for place in ("", "service/", f"{name}-dir/")}
    origin.commit(files)
    commit = origin.fetch()
    assert sorted(list_files(commit)) == sorted(files)
    assert exported(commit, tmp_path / "out") == {name: t.encode() for name, t in files.items()}
    for name, text in files.items():
        assert read_text(commit, name) == text
        assert object_ids(commit, [name]) == {name: origin.git("hash-object", f"./{name}")}
    assert not list((tmp_path / "server").rglob("trap"))


@pytest.mark.parametrize("name", [*NAMES, "plain"])
def test_a_path_is_exported_alone_and_never_as_a_pattern(
    origin: Origin, tmp_path: Path, name: str
) -> None:
    origin.commit({f"{name}/in": "1", "other/out": "2", "plain-2/out": "3"})
    assert exported(origin.fetch(), tmp_path / "out", name) == {f"{name}/in": b"1"}


def test_a_name_that_is_not_utf_8_is_listed_and_exported(origin: Origin, tmp_path: Path) -> None:
    push_tree(origin, [("100644", b"caf\xe9", b"x")])
    commit = origin.fetch()
    assert list_files(commit) == [os.fsdecode(b"caf\xe9")]
    assert exported(commit, tmp_path / "out") == {os.fsdecode(b"caf\xe9"): b"x"}


@pytest.mark.parametrize("name", [b".git", b".GIT", b".."])
def test_a_name_that_git_would_not_write_is_refused(
    origin: Origin, tmp_path: Path, name: bytes
) -> None:
    push_tree(origin, [("100644", name, b"x")])
    with pytest.raises(RefusedInputError, check=because("source.not_checked_out")) as refusal:
        exported(origin.fetch(), tmp_path / "deep/out")
    assert "invalid path" in refusal.value.why
    assert not list(tmp_path.glob("deep/x"))


@pytest.mark.parametrize("name", [b"a/trap", b".git/config", b"a/../../x"])
def test_a_tree_with_a_path_in_place_of_a_name_is_refused_and_written_nowhere(
    origin: Origin, tmp_path: Path, name: bytes
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    push_tree(origin, [("120000", b"a", os.fsencode(outside)), ("100644", name, b"x")])
    with pytest.raises(UnreachableError, check=because("source.damaged")):
        exported(origin.fetch(), tmp_path / "deep/out")
    assert not list(outside.iterdir())
    assert not list(tmp_path.glob("deep/x"))


def test_only_the_paths_asked_for_are_exported(origin: Origin, tmp_path: Path) -> None:
    origin.commit({"orders/a": "1", "orders/deep/b": "2", "common/c": "3", "orders-2/d": "4"})
    commit = origin.fetch()
    assert exported(commit, tmp_path / "1", "orders", "common").keys() == {
        "orders/a", "orders/deep/b", "common/c",
    }  # fmt: skip
    assert exported(commit, tmp_path / "2", "orders/deep").keys() == {"orders/deep/b"}
    assert len(exported(commit, tmp_path / "3", ".")) == 4


def test_an_older_commit_is_exported_as_it_was(origin: Origin, tmp_path: Path) -> None:
    first = origin.commit({"a": "1", "gone": "x"})
    (origin.clone / "gone").unlink()
    origin.commit({"a": "2"})
    assert exported(origin.fetch(first), tmp_path / "1") == {"a": b"1", "gone": b"x"}
    assert exported(origin.fetch(), tmp_path / "2") == {"a": b"2"}


def test_modes_and_links_are_exported(origin: Origin, tmp_path: Path) -> None:
    origin.commit({"run": "x", "plain": "y"})
    (origin.clone / "run").chmod(0o755)
    (origin.clone / "link").symlink_to("run")
    origin.push()
    assert exported(origin.fetch(), tmp_path / "out")["link"] == b"-> run"
    assert (tmp_path / "out/run").stat().st_mode & 0o111
    assert not (tmp_path / "out/plain").stat().st_mode & 0o111


def test_nothing_but_the_files_is_left_where_they_are_exported(
    origin: Origin, tmp_path: Path
) -> None:
    origin.commit({"a": "1"})
    exported(origin.fetch(), tmp_path / "build/out")
    assert [path.name for path in (tmp_path / "build").iterdir()] == ["out"]
    assert [path.name for path in (tmp_path / "build/out").iterdir()] == ["a"]


def test_a_submodule_is_refused_where_it_belongs_to_the_source(
    origin: Origin, tmp_path: Path
) -> None:
    origin.commit({"orders/a": "1"})
    pin = f"160000,{'1' * 40},orders/vendor"
    origin.git("update-index", "--add", "--cacheinfo", pin)
    origin.git("commit", "--quiet", "--message=Add a submodule")
    origin.git("push", "--quiet", str(origin.bare), "HEAD:refs/heads/develop")
    commit = origin.fetch()
    for path in (".", "orders", "orders/vendor"):
        with pytest.raises(RefusedInputError, check=because("source.submodule")) as refusal:
            export(commit, (path,), tmp_path / "out")
        assert refusal.value.where == "orders/vendor"
        assert refusal.value.remedy
    origin.commit({"catalog/b": "2"})
    assert exported(origin.fetch(), tmp_path / "catalog", "catalog") == {"catalog/b": b"2"}


def test_attributes_of_the_source_decide_how_its_lines_end(origin: Origin, tmp_path: Path) -> None:
    origin.git("config", "core.autocrlf", "false")
    attributes = "*.bat text eol=crlf\n*.sh text eol=lf\n*.raw -text\n"
    origin.commit({"orders/.gitattributes": attributes})
    origin.commit({"orders/a.bat": "1\n2\n", "orders/a.sh": "1\n", "orders/a.raw": "1\r\n2\n"})
    found = exported(origin.fetch(), tmp_path / "out", "orders")
    assert found["orders/a.bat"] == b"1\r\n2\r\n"
    assert found["orders/a.sh"] == b"1\n"
    assert found["orders/a.raw"] == b"1\r\n2\n"


def test_attributes_outside_the_source_change_nothing_because_its_id_does_not_hold_them(
    origin: Origin, tmp_path: Path
) -> None:
    origin.commit({"orders/a.txt": "1\n"})
    plain = origin.fetch()
    origin.commit({".gitattributes": "*.txt text eol=crlf\n"})
    attributed = origin.fetch()
    assert object_ids(plain, ["orders"]) == object_ids(attributed, ["orders"])
    assert exported(plain, tmp_path / "1", "orders") == exported(
        attributed, tmp_path / "2", "orders"
    )


def hook(folder: Path, name: str, trap: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / name
    script.write_text(f"#!/bin/sh\ntouch {trap}\n")
    script.chmod(0o755)


HOOKS = ["post-checkout", "reference-transaction", "pre-auto-gc", "post-index-change", "update"]


def test_nobodys_configuration_is_read_and_no_hook_or_alias_is_run(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap, home = tmp_path / "trap", tmp_path / "home"
    for name in HOOKS:
        hook(home / "hooks", name, trap)
    hook(home, "monitor", trap)
    configuration = f"""
        [core]
            fsmonitor = {home}/monitor
            hooksPath = {home}/hooks
            pager = touch {trap}
            autocrlf = true
            attributesFile = {home}/attributes
            sshCommand = touch {trap}
        [alias]
            fetch = !touch {trap}
            checkout = !touch {trap}
        [filter "trap"]
            smudge = touch {trap}
            required = true
        [url "file:///nowhere/"]
            insteadOf = {origin.bare.parent.parent.as_uri()}/
        [credential]
            helper = "!touch {trap}"
        [uploadpack]
            packObjectsHook = touch {trap}
        """
    for place in (home / ".gitconfig", home / ".config/git/config", tmp_path / "system"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(configuration)
    (home / "attributes").write_text("* filter=trap\n")
    (home / ".config/git/attributes").write_text("* text eol=crlf\n")
    sha = origin.commit({"a": "1\n", ".gitattributes": "* filter=trap\n"})
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", str(tmp_path / "system"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.hooksPath")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(home / "hooks"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_SSH_COMMAND", f"touch {trap}")
    monkeypatch.setenv("GIT_ASKPASS", str(home / "monitor"))
    commit = origin.fetch()
    assert commit.sha == sha
    assert exported(commit, tmp_path / "out")["a"] == b"1\n"
    assert not trap.exists()


def test_no_hook_of_the_mirror_or_of_the_repository_is_run(origin: Origin, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    origin.commit({"a": "1"})
    mirror = origin.fetch().mirror
    newest = origin.commit({"a": "2"})
    for folder in (mirror / "hooks", origin.bare / "hooks"):
        for name in HOOKS:
            hook(folder, name, trap)
    origin.git("-C", str(origin.bare), "config", "uploadpack.packObjectsHook", f"touch {trap}; env")
    commit = origin.fetch()
    assert commit.sha == newest
    assert exported(commit, tmp_path / "out") == {"a": b"2"}
    assert not trap.exists()


def test_a_file_is_read_as_text(origin: Origin) -> None:
    origin.commit({"tiercel.toml": "é\r\n", "empty": "", "deep/er/x": "y"})
    commit = origin.fetch()
    assert read_text(commit, "tiercel.toml") == "é\r\n"
    assert read_text(commit, "empty") == ""
    assert read_text(commit, "deep/er/x") == "y"


@pytest.mark.parametrize(
    "path",
    ["missing", "deep/missing", "a/b", "../a", "/a", "./a", "-p", "*", "a\nb", "x" * 5000, ""],
)
def test_a_file_that_is_not_there_is_none(origin: Origin, path: str) -> None:
    origin.commit({"a": "1"})
    assert read_text(origin.fetch(), path) is None


def test_a_file_may_have_one_mebibyte_and_not_one_byte_more(origin: Origin) -> None:
    origin.commit({"large": "x" * MIB, "larger": "x" * (MIB + 1)})
    commit = origin.fetch()
    assert len(read_text(commit, "large") or "") == MIB
    with pytest.raises(RefusedInputError, match="larger is larger than 1 MiB"):
        read_text(commit, "larger")


@pytest.mark.parametrize("path", ["binary", "folder"])
def test_what_is_no_text_is_refused(origin: Origin, path: str) -> None:
    origin.commit({"binary": b"\xff\xfe\x00", "folder/a": "x"})
    with pytest.raises(RefusedInputError, check=because("source.file_not_text")):
        read_text(origin.fetch(), path)


def test_object_ids_are_those_of_git(origin: Origin) -> None:
    origin.commit({"orders/a": "1", "orders/deep/b": "2"})
    commit = origin.fetch()
    assert object_ids(commit, [".", "orders", "orders/a"]) == {
        ".": origin.git("rev-parse", "HEAD^{tree}"),
        "orders": origin.git("rev-parse", "HEAD:orders"),
        "orders/a": hashlib.sha1(b"blob 1\x001", usedforsecurity=False).hexdigest(),
    }


def test_object_ids_change_with_the_content_below_and_with_nothing_else(origin: Origin) -> None:
    origin.commit({"orders/a": "1", "catalog/b": "2"})
    before = object_ids(origin.fetch(), ["orders", "catalog"])
    origin.commit({"orders/a": "changed"})
    after = object_ids(origin.fetch(), ["orders", "catalog"])
    assert after["catalog"] == before["catalog"]
    assert after["orders"] != before["orders"]


@pytest.mark.parametrize("path", ["missing", "orders/missing", "-x", "HEAD", "a:b", "../x", "a^{}"])
def test_a_path_that_is_not_in_the_commit_is_refused_with_a_remedy(
    origin: Origin, path: str
) -> None:
    origin.commit({"orders/a": "1"})
    with pytest.raises(RefusedInputError, check=because("source.no_such_path")) as refusal:
        object_ids(origin.fetch(), ["orders", path])
    assert "tiercel.toml" in refusal.value.remedy


SUBMODULE = "5" * 40
ODD = [*NAMES, os.fsdecode(b"caf\xe9"), "plain", "a b", "x[1]", "x?", "^", "HEAD"]


def push_odd_names(origin: Origin) -> Commit:
    """Push a tree with every odd name as a file and as a folder, with links and a submodule."""
    blob = origin.git("hash-object", "-w", "--stdin", stdin=b"x")
    link = origin.git("hash-object", "-w", "--stdin", stdin=b"folder")
    rows = [f"120000 {link}\tlink", f"160000 {SUBMODULE}\tfolder/submodule"]
    rows += [f"100644 {blob}\t{name}" for name in ODD]
    rows += [f"100755 {blob}\tfolder/{name}/deep/{name}" for name in ODD]
    listed = "".join(f"{row}\0" for row in rows)
    origin.git("update-index", "-z", "--index-info", stdin=os.fsencode(listed))
    commit = origin.git("commit-tree", origin.git("write-tree"), "-m", "Odd names")
    origin.git("push", "--quiet", "--force", str(origin.bare), f"{commit}:refs/heads/develop")
    return origin.fetch()


def one_by_one(commit: Commit, path: str) -> GitObject | None:
    """Ask git for one path, as a revision, which no name of a file can change."""
    name = f"{commit.sha}^{{tree}}" if path == "." else f"{commit.sha}:{path}"
    found = run_git(
        commit.mirror, "rev-parse", "--verify", "--quiet", "--end-of-options", name, check=False
    )
    if found.returncode:
        return None
    sha = found.stdout.decode().strip()
    kind = run_git(commit.mirror, "cat-file", "-t", sha, check=False).stdout.decode().strip()
    return GitObject(id=sha, kind=kind or "commit")


def test_one_command_finds_what_git_finds_path_by_path_whatever_their_names(
    origin: Origin,
) -> None:
    commit = push_odd_names(origin)
    below = [f"folder/{name}" for name in ODD]
    deep = [f"{path}/deep" for path in below] + [
        f"{path}/deep/{name}" for path, name in zip(below, ODD, strict=True)
    ]
    there = [".", "folder", "link", "folder/submodule", *ODD, *below, *deep]
    missing = ["missing", "link/deep", "folder/submodule/x", "plain/x", "folder/?*", "../x", "é/é"]

    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(st.sampled_from(there), min_size=1, max_size=8, unique=True),
        st.none() | st.sampled_from(missing),
    )
    def agree(paths: list[str], absent: str | None) -> None:
        assert find_objects.fn(commit, paths) == {path: one_by_one(commit, path) for path in paths}
        if absent:
            assert one_by_one(commit, absent) is None
            with pytest.raises(RefusedInputError) as refusal:
                find_objects.fn(commit, [*paths, absent])
            assert refusal.value.what.startswith(f"{absent} does not exist")

    agree()


def test_more_paths_than_fit_into_one_command_are_found(origin: Origin) -> None:
    names = [f"service-{number:03}/a" for number in range(450)]
    origin.commit(dict.fromkeys(names, "x"))
    found = find_objects.fn(origin.fetch(), names)
    assert list(found) == names
    assert {one.kind for one in found.values()} == {"blob"}


def test_branches_are_those_that_the_server_has_now(origin: Origin) -> None:
    origin.commit({"a": "a"})
    origin.push("feature/x")
    assert list_branches.fn(origin.name) == frozenset({"develop", "feature/x"})
    origin.git("push", "--quiet", str(origin.bare), "--delete", "feature/x")
    assert list_branches.fn(origin.name) == frozenset({"develop"})
