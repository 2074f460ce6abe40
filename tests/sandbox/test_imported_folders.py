"""Folders that a person may give to the sandbox, and that are no whole clone."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.codes import because
from tests.support.releases import outcome, release
from tests.support.repositories import git
from tiercel.cli.demo.afterwards import show_what_is_next
from tiercel.cli.demo.own import next_chapter
from tiercel.cli.demo.stage import Stage
from tiercel.cli.terminal.output import Output
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.states import StackStatus
from tiercel.flows.release.results import Released
from tiercel.sandbox.github.http.client import RunningGithub
from tiercel.sandbox.people import Team
from tiercel.sandbox.repositories import (
    bare_repository,
    git_in,
    head,
    import_repository,
    revision_in,
)

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of two commits, from which clones of any kind can be made."""
    folder = tmp_path_factory.mktemp("folders") / "whole"
    (folder / "inbox").mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "uploadpack.allowFilter", "true")
    for text in ("one", "two"):
        (folder / "inbox" / "file").write_text(text)
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", f"--message={text}")
    return folder


@pytest.mark.parametrize(
    ("options", "inside", "code"),
    [
        (["--depth=1"], "", "sandbox.shallow_repository"),
        (["--filter=blob:none", "--no-checkout"], "", "sandbox.not_copied"),
        ([], "inbox", "sandbox.inside_repository"),
    ],
)
def test_what_is_no_whole_clone_is_refused_with_the_way_out(
    whole: Path, tmp_path: Path, options: list[str], inside: str, code: str
) -> None:
    git(tmp_path, "clone", "--quiet", *options, whole.as_uri(), "clone")
    with pytest.raises(RefusedInputError, check=because(code)) as refused:
        import_repository(tmp_path / "clone" / inside, tmp_path / "state", "acme/shop")
    assert refused.value.remedy


def test_what_git_takes_for_a_revision_is_one(whole: Path) -> None:
    git(whole, "tag", "--annotate", "--message=x", "v1", "HEAD~1")
    first = git(whole, "rev-parse", "HEAD~1").strip()
    assert revision_in(whole, "v1") == revision_in(whole, "HEAD~1") == first
    assert revision_in(whole, "nothing") == revision_in(whole, "--all") == ""


def test_branches_that_a_folder_lacks_stay_where_they_are(whole: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(whole), "clone")
    first = import_repository(tmp_path / "clone", tmp_path / "state", "acme/shop", ("develop",))
    bare = bare_repository(tmp_path / "state", "acme/shop")
    git_in(bare, "branch", "feature/pushed", "main")
    (tmp_path / "clone" / "more").write_text("")
    git(tmp_path / "clone", "add", "--all")
    git(tmp_path / "clone", "commit", "--quiet", "--message=more")
    second = import_repository(tmp_path / "clone", tmp_path / "state", "acme/shop", ("develop",))
    heads = git_in(bare, "rev-parse", "develop", "main", "feature/pushed").stdout.split()
    assert heads == [second, second, first]


def test_other_kinds_of_whole_clones_are_taken(whole: Path, tmp_path: Path) -> None:
    head = git(whole, "rev-parse", "HEAD").strip()
    git(tmp_path, "clone", "--quiet", "--bare", str(whole), "bare.git")
    git(tmp_path, "clone", "--quiet", str(whole), "clone")
    git(tmp_path / "clone", "worktree", "add", "--quiet", str(tmp_path / "linked"), "HEAD~1")
    for folder in ("bare.git", "clone"):
        assert import_repository(tmp_path / folder, tmp_path / folder, "acme/shop") == head
    assert import_repository(tmp_path / "linked", tmp_path / "state", "acme/shop") != head


@dataclass(frozen=True)
class TeamWithoutGithub(Team):
    """Knows which branches were merged, and has no GitHub; its work tree is the bare repository."""

    merges: dict[tuple[str, str], str] = field(default_factory=dict)

    def merged(self, branch: str, base: str) -> str:
        return self.merges.get((branch, base), "")

    def contains(self, branch: str, commit: str) -> bool:
        known = git_in(self.work_tree, "rev-list", f"refs/heads/{branch}").stdout.split()
        return commit in known


def stage_of(state: Path, merges: dict[tuple[str, str], str]) -> Stage:
    github = RunningGithub(folder=state, port=0)
    team = TeamWithoutGithub(github, "acme/shop", bare_repository(state, "acme/shop"), merges)
    return Stage(Output(), state, state / "x", "acme/shop", team, "develop", "main", own=True)


def test_a_demo_goes_on_with_the_commit_that_mends_what_stopped_it(tmp_path: Path) -> None:
    clone, state = tmp_path / "clone", tmp_path / "state"
    clone.mkdir()
    git(clone, "init", "--quiet", "--initial-branch=main")
    git(clone, "commit", "--quiet", "--allow-empty", "--message=one")
    first = import_repository(clone, state, "acme/shop", ("develop", "main"))
    merges: dict[tuple[str, str], str] = {}
    chapter = next_chapter(stage_of(state, merges), clone)
    branch = f"feature/release-{short_commit(first)}"
    assert (chapter.branch, chapter.version) == (branch, "0.1.0")

    (clone / "mended").write_text("")
    git(clone, "add", "--all")
    # Also where the history was written anew.
    git(clone, "commit", "--quiet", "--amend", "--message=other words")
    second = head(clone)
    merges |= {(branch, "develop"): first, ("release/0.1.0", "main"): first}
    chapter = next_chapter(stage_of(state, merges), clone)
    assert (chapter.branch, chapter.version) == (
        f"feature/release-{short_commit(second)}",
        "0.2.0",
    )
    bare = bare_repository(state, "acme/shop")
    parents = git_in(bare, "rev-parse", f"{chapter.branch}^1", f"{chapter.branch}^2").stdout
    assert parents.split() == [first, second]
    assert git_in(bare, "ls-tree", "--name-only", chapter.branch).stdout == "mended\n"

    git(clone, "reset", "--quiet", "--hard", first)
    assert next_chapter(stage_of(state, merges), clone).version == "0.1.0", "it is released"


def test_what_to_type_is_said_of_ones_own_repository_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = stage_of(tmp_path / "odd state", {})
    stage.by_hand("deploy", "acme/shop", "abc")
    said = " ".join(capsys.readouterr().err.split())
    assert "by hand: tiercel deploy acme/shop abc --local --sandbox --config" in said
    assert said.endswith(f"--state '{tmp_path}/odd state'")
    stage.own = False
    stage.by_hand("deploy", "acme/shop", "abc")
    assert capsys.readouterr().err == ""


def test_what_to_look_at_next_are_the_pages_the_stacks_and_the_file_of_this_demo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = stage_of(tmp_path / "odd state", {})
    stack = Stack("arn", "ours-prod-desk", StackStatus.CREATE_COMPLETE, "", {})
    old = Stack("arn", "ours-prod-base", StackStatus.CREATE_COMPLETE, "", {})
    stage.live["prod"] = {
        "base": Released(release(outcome()), old, changed=False),
        "desk": Released(release(outcome()), stack, changed=True),
    }
    show_what_is_next(stage, "http://127.0.0.1:4200")
    place = ["--sandbox", "--config", str(stage.config), "--state", str(stage.state)]
    shown = capsys.readouterr().out
    assert f"{stage.team.github.server_url}/acme/shop\n" in shown
    told = [shlex.split(line) for line in shown.splitlines() if "tiercel " in line]
    assert [line[line.index("tiercel") :] for line in told] == [
        ["tiercel", "status", *place],
        ["tiercel", "releases", "prod", *place],
        ["tiercel", "logs", "ours-prod-desk", *place],
        ["tiercel", "sandbox", "down", *place[3:]],
    ]
