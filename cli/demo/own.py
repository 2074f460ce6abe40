"""A repository of one's own: what a demo of it plays, however often it is repeated."""

from __future__ import annotations

from pathlib import Path

from tiercel.cli.demo.stage import Stage
from tiercel.cli.demo.story import Chapter, chapter_of_any_repository
from tiercel.domain.base.git_names import short_commit
from tiercel.sandbox.repositories import head, put_on_top


def next_chapter(stage: Stage, clone: Path) -> Chapter:
    """Return the change that brings the clone's HEAD to Prod.

    Each commit has a pull request and a release of its own. One that the sandbox does not have
    yet is brought by that pull request, so a demo goes on after whatever stopped it was mended.
    """
    commit = head(clone)
    branch = f"feature/release-{short_commit(commit)}"
    if not stage.team.contains(stage.develop, commit):
        put_on_top(clone, stage.state, stage.repository, branch, stage.develop)
    return chapter_of_any_repository(branch, _version(stage, branch), commit)


def _version(stage: Stage, branch: str) -> str:
    """Return the version of the branch's release: the newest if that has it, else the next."""
    newest = 0
    while stage.team.merged(f"release/0.{newest + 1}.0", stage.main):
        newest += 1
    merged = stage.team.merged(branch, stage.develop)
    has_it = newest and merged and stage.team.contains(stage.main, merged)
    return f"0.{newest if has_it else newest + 1}.0"
