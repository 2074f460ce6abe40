"""Whatever lies in a mirror, only what the server has is built; and a broken one mends itself."""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.codes import because
from tests.tasks.conftest import Origin
from tiercel.domain.base.errors import RefusedInputError, UnreachableError
from tiercel.domain.base.git_objects import object_id
from tiercel.tasks.source.export import export
from tiercel.tasks.source.fetch import fetch_merge_ref
from tiercel.tasks.source.git import git_for, run_git
from tiercel.tasks.source.history import commits_since
from tiercel.tasks.source.mirrors import references_of
from tiercel.tasks.source.repository import Commit, find_objects, list_files, read_text

HONEST = {"services/a/app.py": "honest = 1\n", "services/a/text.txt": "1\n2\n", "tiercel.toml": "x"}
Poison = Callable[[Path, Path], None]


def exported(commit: Commit, folder: Path) -> dict[str, str]:
    target = folder / "out"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    export(commit, ["services"], target)
    return {
        path.relative_to(target).as_posix(): path.read_bytes().decode()
        for path in target.rglob("*")
        if path.is_file()
    }


def services(files: dict[str, str]) -> dict[str, str]:
    return {path: text for path, text in files.items() if path.startswith("services/")}


def script(path: Path, trap: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\ntouch {trap}\nexec sed s/honest/evil/\n")
    path.chmod(0o755)


def configured(mirror: Path, trap: Path) -> None:
    script(mirror / "run", trap)
    (mirror / "config").write_text(
        f"""
        [core]
            repositoryformatversion = 0
            bare = true
            fsmonitor = {mirror}/run
            hooksPath = {mirror}/hooks
            attributesFile = {mirror}/info/attributes
            autocrlf = true
            worktree = {mirror}
        [filter "trap"]
            smudge = {mirror}/run
            process = {mirror}/run
            required = true
        [url "file:///nowhere/"]
            insteadOf = file://
        [fetch]
            fsckObjects = true
        [include]
            path = {mirror}/more
        """
    )
    (mirror / "config.worktree").write_text((mirror / "config").read_text())
    attributed(mirror, trap)


def attributed(mirror: Path, _: Path) -> None:
    (mirror / "info").mkdir(exist_ok=True)
    (mirror / "info/attributes").write_text("* filter=trap text eol=crlf\n")


def hooked(mirror: Path, trap: Path) -> None:
    for name in ("post-checkout", "reference-transaction", "pre-auto-gc", "post-index-change"):
        script(mirror / "hooks" / name, trap)


def grafted(mirror: Path, _: Path) -> None:
    """Say that history begins with every commit, and that git is to look elsewhere."""
    commits = references_of(mirror).values()
    (mirror / "info").mkdir(exist_ok=True)
    for name in ("info/grafts", "shallow"):
        (mirror / name).write_text("".join(f"{commit}\n" for commit in commits))
    (mirror / "commondir").write_text("/nowhere\n")
    (mirror / "worktrees/x").mkdir(parents=True)
    (mirror / "HEAD").write_text("ref: ../../../etc/passwd\n")
    (mirror / "packed-refs").write_text(f"{'1' * 40} refs/heads/develop\n")


def replaced(mirror: Path, _: Path) -> None:
    """Put another blob in the place of the honest one, as `git replace` does."""
    evil = stored(mirror, "blob", b"evil = 1\n")
    honest = object_id("blob", HONEST["services/a/app.py"].encode())
    (mirror / "refs/replace").mkdir(parents=True)
    (mirror / "refs/replace" / honest).write_text(f"{evil}\n")
    with (mirror / "references").open("a") as references:
        references.write(f"{evil} refs/replace/{honest}\n")


def indexed(mirror: Path, _: Path) -> None:
    """Write a graph and an index that git would believe, were it told to read them."""
    for name in ("info/commit-graph", "pack/multi-pack-index"):
        (mirror / "objects" / name).parent.mkdir(exist_ok=True)
        (mirror / "objects" / name).write_bytes(b"CGPH" + b"\0" * 100)


def forged(kind: str, body: bytes) -> Poison:
    """Put another content under the id of an honest object."""

    def poison(mirror: Path, _: Path) -> None:
        honest = next(iter(references_of(mirror).values()))
        names = {"commit": honest, "tree": f"{honest}:services/a", "blob": f"{honest}:{APP}"}
        found = run_git(mirror, "rev-parse", names[kind]).stdout.decode().strip()
        stored(mirror, kind, body, found)

    return poison


APP = "services/a/app.py"
EVIL_TREE = b"100644 app.py\0" + bytes.fromhex(object_id("blob", b"1\n2\n"))
POISONS: dict[str, Poison] = {
    "configuration": configured,
    "attributes": attributed,
    "hooks": hooked,
    "grafts and a history cut off": grafted,
    "replaced objects": replaced,
    "graph and index": indexed,
    "a forged blob": forged("blob", b"evil = 1\n"),
    "a forged tree": forged("tree", EVIL_TREE),
    "a forged commit": forged("commit", b"tree " + b"4" * 40 + b"\n\nevil\n"),
}


def stored(mirror: Path, kind: str, body: bytes, name: str = "") -> str:
    """Write a loose object, under its own id or a forged one."""
    name = name or object_id(kind, body)
    path = mirror / "objects" / name[:2] / name[2:]
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(zlib.compress(b"%s %d\0%s" % (kind.encode(), len(body), body)))
    return name


@pytest.mark.parametrize("name", POISONS)
@pytest.mark.parametrize("moment", ["before a fetch", "between fetch and build"])
def test_what_was_written_into_a_mirror_changes_nothing_that_is_built(
    origin: Origin, tmp_path: Path, name: str, moment: str
) -> None:
    trap = tmp_path / "trap"
    origin.commit(HONEST)
    commit = origin.fetch()
    objects = find_objects.fn(commit, ["services"])
    POISONS[name](commit.mirror, trap)
    if moment == "before a fetch":
        commit = origin.fetch()
    assert find_objects.fn(commit, ["services"]) == objects
    assert read_text(commit, "tiercel.toml") == "x"
    assert exported(commit, tmp_path) == services(HONEST)
    assert sorted(list_files(commit)) == sorted(HONEST)
    assert commits_since.fn(commit, "") == [commit.sha]
    assert not trap.exists()


def test_a_store_that_a_mirror_is_told_to_look_into_brings_no_commit(
    origin: Origin, tmp_path: Path
) -> None:
    """https://git-scm.com/docs/gitrepository-layout, objects/info/alternates."""
    origin.commit(HONEST)
    mirror = origin.fetch().mirror
    (origin.clone / "a").write_text("never pushed")
    origin.git("add", "--all")
    origin.git("commit", "--quiet", "--message=Never pushed")
    secret = origin.git("rev-parse", "HEAD")
    store = origin.clone / ".git/objects"
    for place in (tmp_path / "elsewhere", mirror / "objects/info"):
        place.mkdir()
        (place / "alternates").write_text(f"{store}\n")
    (mirror / "objects/info/http-alternates").write_text("http://127.0.0.1:1/objects\n")
    assert not run_git(mirror, "cat-file", "-e", secret, check=False).succeeded
    shutil.rmtree(mirror / "objects/info", ignore_errors=True)
    (mirror / "objects/info").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedInputError, check=because("source.no_such_commit")):
        origin.fetch(secret)


def test_an_ancestry_that_was_forged_releases_nothing_that_was_not_merged(
    origin: Origin, tmp_path: Path
) -> None:
    first = origin.commit(HONEST)
    origin.git("checkout", "--quiet", "-b", "line")
    evil = origin.commit({APP: "evil = 1\n"}, "feature/x")
    origin.git("checkout", "--quiet", "develop")
    honest = origin.commit({APP: "honest = 2\n"})
    mirror = origin.fetch().mirror
    body = run_git(mirror, "cat-file", "commit", honest).stdout
    stored(mirror, "commit", body.replace(first.encode(), evil.encode()), honest)
    with pytest.raises(RefusedInputError, check=because("source.not_on_branch")):
        origin.fetch(evil)
    assert exported(origin.fetch(), tmp_path)[APP] == "honest = 2\n"


def packed(mirror: Path) -> Path:
    with git_for(mirror, references_of(mirror)) as git:
        git.run("repack", "-a", "-d", "-q")
        git.run("prune-packed", "-q")
    (pack,) = (mirror / "objects/pack").glob("*.pack")
    return pack


def cut(path: Path, size: int) -> None:
    path.chmod(0o600)
    os.truncate(path, size)


def cut_pack(mirror: Path) -> None:
    cut(packed(mirror), 40)


def empty_index(mirror: Path) -> None:
    cut(packed(mirror).with_suffix(".idx"), 0)


def no_pack(mirror: Path) -> None:
    packed(mirror).unlink()


def empty_objects(mirror: Path) -> None:
    for path in mirror.glob("objects/[0-9a-f][0-9a-f]/*"):
        cut(path, 0)


def no_objects(mirror: Path) -> None:
    shutil.rmtree(mirror / "objects")


def a_file_in_place_of_the_store(mirror: Path) -> None:
    no_objects(mirror)
    (mirror / "objects").write_text("")


def references_of_nothing(mirror: Path) -> None:
    (mirror / "references").write_bytes(f"{'1' * 40} refs/heads/develop\n\xff\n".encode())


def left_locks(mirror: Path) -> None:
    """What a git that was killed leaves, in the layout of every version."""
    for name in ("refs/heads/develop.lock", "packed-refs.lock", "shallow.lock", "gc.pid"):
        (mirror / name).parent.mkdir(parents=True, exist_ok=True)
        (mirror / name).touch()
    for name in ("maintenance.lock", "pack/tmp_pack_x", "pack/multi-pack-index.lock"):
        (mirror / "objects" / name).parent.mkdir(exist_ok=True)
        (mirror / "objects" / name).touch()


DAMAGES = {
    damage.__name__.replace("_", " "): damage
    for damage in (
        cut_pack,
        empty_index,
        no_pack,
        empty_objects,
        no_objects,
        a_file_in_place_of_the_store,
        references_of_nothing,
        left_locks,
    )
}


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("moment", ["before a fetch", "between fetch and build"])
def test_a_mirror_that_is_broken_or_locked_mends_itself(
    origin: Origin, tmp_path: Path, name: str, moment: str
) -> None:
    origin.commit(HONEST)
    commit = origin.fetch()
    DAMAGES[name](commit.mirror)
    if moment == "before a fetch":
        newest = origin.commit({APP: "honest = 2\n"})
        commit = origin.fetch()
        assert commit.sha == newest
    files = HONEST | ({APP: "honest = 2\n"} if moment == "before a fetch" else {})
    assert read_text(commit, APP) == files[APP]
    assert exported(commit, tmp_path) == services(files)
    assert origin.fetch().sha == commit.sha
    assert [path.name for path in commit.mirror.parent.glob("*.new")] == []
    assert [path.name for path in commit.mirror.parent.glob("*.old")] == []


def test_a_mirror_that_cannot_be_made_anew_says_why_git_failed(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.commit(HONEST)
    commit = origin.fetch()
    no_objects(commit.mirror)
    monkeypatch.setenv("GITHUB_SERVER_URL", "http://127.0.0.1:1")
    with pytest.raises(UnreachableError, check=because("git.failed")):
        list_files(commit)


def test_old_files_of_a_git_that_was_killed_are_removed_and_young_ones_are_left(
    origin: Origin,
) -> None:
    origin.commit(HONEST)
    pack = origin.fetch().mirror / "objects/pack"
    pack.mkdir(exist_ok=True)
    old, young = pack / "tmp_pack_old", pack / "tmp_pack_young"
    for path in (old, young):
        path.touch()
    os.utime(old, (0, 0))
    origin.fetch()
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize("part", ["", "objects", "references", "all mirrors", "lock"])
def test_a_link_in_place_of_a_part_of_the_cache_leads_nowhere(
    origin: Origin, tmp_path: Path, part: str
) -> None:
    sha = origin.commit(HONEST)
    mirror = origin.fetch().mirror
    others = {"all mirrors": mirror.parent, "lock": mirror.with_suffix(".lock")}
    place = others.get(part, mirror / part)
    elsewhere = tmp_path / "elsewhere"
    if place.is_dir():
        shutil.rmtree(place)
        elsewhere.mkdir()
    else:
        place.unlink()
        elsewhere.write_text("theirs")
    place.symlink_to(elsewhere)
    assert origin.fetch().sha == sha
    if elsewhere.is_dir():
        assert not any(elsewhere.iterdir())
    else:
        assert elsewhere.read_text() == "theirs"


def test_pull_requests_have_a_mirror_of_their_own(origin: Origin) -> None:
    base = origin.commit(HONEST)
    head = origin.commit({APP: "theirs = 1\n"}, "feature/x")
    merge = origin.git("commit-tree", "HEAD^{tree}", "-p", base, "-p", head, "-m", "Merge")
    origin.git("push", "--quiet", str(origin.bare), f"{merge}:refs/pull/7/merge")
    of_pulls = fetch_merge_ref.fn(origin.name, 7, head).commit.mirror
    published = origin.fetch(base).mirror
    assert of_pulls != published
    assert not run_git(published, "cat-file", "-e", merge, check=False).succeeded
    no_objects(of_pulls)
    commit = Commit(repository=origin.name, sha=merge, mirror=of_pulls)
    assert read_text(commit, APP) == "theirs = 1\n"
