"""The acts of a chapter, in their order: its pull request, Preprod, its release, Prod."""

from __future__ import annotations

from tiercel.cli.demo.canary import trip_the_alarm
from tiercel.cli.demo.promotion import promote
from tiercel.cli.demo.stage import Stage
from tiercel.cli.demo.story import Chapter
from tiercel.cli.demo.worker_file import ASKER
from tiercel.flows.ephemeral_down import WentDown, ephemeral_down
from tiercel.flows.ephemeral_up import CameUp, ephemeral_up


def play(stage: Stage, chapter: Chapter) -> None:
    """Take a change through its pull request, Preprod, its release branch and Prod.

    What an earlier demo has done is not done again.
    """
    if chapter.undone_by:
        _go_back(stage, chapter, chapter.undone_by)
        return
    if stage.team.merged(chapter.release_branch, stage.main):
        stage.output.done(f"{chapter.title}: an earlier demo released it")
        return
    stage.publish_and_deploy(_merged(stage, chapter))
    promote(stage, _released(stage, chapter), asker_tries=chapter.asker_tries)


def release_what_is_left(stage: Stage) -> None:
    """Release the branches as they are, if no chapter was left to play."""
    if not stage.live:
        stage.publish_and_deploy(stage.develop)
        promote(stage, stage.main)


def _go_back(stage: Stage, chapter: Chapter, undoing: Chapter) -> None:
    """Let a change come as far as Preprod, where its traffic goes back, and take it out again."""
    if stage.team.merged(undoing.branch, stage.develop):
        stage.output.done(f"{chapter.title}: in an earlier demo it went back")
        return
    if not stage.live:
        stage.publish_and_deploy(stage.develop)
    trip_the_alarm(stage, _merged(stage, chapter))
    stage.publish_and_deploy(_undone(stage, undoing))


def _undone(stage: Stage, chapter: Chapter) -> str:
    """Return the commit of develop without a change: it was verified before that came."""
    (push,) = chapter.pushes
    stage.output.step(f"{chapter.title}: reviewed and merged into develop")
    files = push.files(lambda path: stage.team.read(path, stage.develop))
    stage.team.push(chapter.branch, stage.develop, files, push.message)
    number = stage.team.open(chapter.branch, stage.develop, chapter.title)
    return stage.team.approve_and_merge(number)


def _merged(stage: Stage, chapter: Chapter) -> str:
    """Return the commit of develop with the change, having played its pull request."""
    merged = stage.team.merged(chapter.branch, stage.develop)
    if merged:
        return merged
    number = 0
    for push in chapter.pushes:
        stage.output.step(f"{push.message}: a pull request into develop")
        files = push.files(lambda path: stage.team.read(path, stage.develop))
        commit = stage.team.push(chapter.branch, stage.develop, files, push.message)
        number = number or stage.team.open(chapter.branch, stage.develop, chapter.title)
        stage.verify(number, commit, passes=push.passes)
    if not chapter.tried:
        return stage.team.approve_and_merge(number)
    name = _tried_out(stage, number, chapter.tried)
    merged = stage.team.approve_and_merge(number)
    _taken_down(stage, name)
    return merged


def _tried_out(stage: Stage, number: int, service: str) -> str:
    """Let a pull request come up in an environment on demand; return what that is called."""
    stage.output.step(f"Pull request #{number} in an environment on demand")
    up: CameUp = stage.run(ephemeral_up, pull_request=number, services=service, hours=1)
    stage.on_demand = {
        "name": up.record.name,
        "address": up.record.address,
        "stacks": [released.stack.name for released in up.released.values()],
    }
    stage.output.done(f"{up.record.name} answers at {up.record.address}")
    return up.record.name


def _taken_down(stage: Stage, name: str) -> None:
    stage.output.step(f"The pull request is merged: {name} goes")
    down: WentDown = stage.run_alone(ephemeral_down, name=name)
    gone = [one.stack for one in down.deleted if one.stack_id]
    stage.on_demand["deleted"] = gone
    stage.output.done(f"{name} is gone, with {', '.join(gone)}")


def _released(stage: Stage, chapter: Chapter) -> str:
    """Return the commit of main that a release branch brought, reviewed by somebody else."""
    branch = chapter.release_branch
    stage.output.step(f"{branch}: a pull request into main, reviewed and merged")
    commit = stage.team.push(branch, stage.develop, {}, "")
    number = stage.team.open(branch, stage.main, f"Release {chapter.version}", ASKER)
    stage.verify(number, commit, passes=True)
    return stage.team.approve_and_merge(number)
