"""Check runs on GitHub, which an App alone may write: findings beside the lines they are about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from github.CheckRun import CheckRun
from github.GithubObject import NotSet

from tiercel.domain.base.git_names import short_commit
from tiercel.domain.review.annotations import Annotation
from tiercel.domain.review.check_runs import FindingsCheck
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.github.transport.client import github_call, repository
from tiercel.tasks.github.transport.credentials import app_id
from tiercel.tasks.github.transport.verifying import only_marking


@world_task("mark findings", "mark findings in files of {name}@{commit:.7}")
def mark_findings(name: str, commit: str, check: FindingsCheck, link: str) -> bool:
    """Mark findings at a commit in a check run, unless they are marked; True if this call did.

    Where there are none, only an earlier check run with some is taken back by one that passes. What
    identifies the findings is written with the last of them: one that was cut off is made again,
    and GitHub shows the newest of a name. Raises TiercelErrors where the App may not write check
    runs.
    """
    where = f"{name}@{short_commit(commit)} {check.name}"
    with only_marking(), github_call("mark findings in a check run", where):
        target = repository(name)
        newest = _newest(target.get_commit(commit).get_check_runs(check_name=check.name))
        if newest is None and not check.annotations:
            return False
        if newest and newest.external_id == check.digest:
            return False
        first, *others = check.requests
        run = target.create_check_run(
            name=check.name,
            head_sha=commit,
            details_url=link or NotSet,
            external_id=NotSet if others else check.digest,
            status="completed",
            conclusion=check.conclusion,
            output=_output(check, first),
        )
        for place, more in enumerate(others, start=1):
            ends = place == len(others)
            run.edit(
                external_id=check.digest if ends else NotSet,
                output=_output(check, more),
            )
        return True


def _newest(runs: Iterable[CheckRun]) -> CheckRun | None:
    """Return our newest one: other Apps may have check runs of any name."""
    own = [run for run in runs if run.app and run.app.id == app_id()]
    return max(own, key=lambda run: run.id, default=None)


def _output(check: FindingsCheck, annotations: Iterable[Annotation]) -> dict[str, Any]:
    return {
        "title": check.title,
        "summary": "What the verification of this pull request found, beside the lines.",
        "annotations": [
            {
                "path": one.file,
                "start_line": one.line,
                "end_line": one.line,
                "annotation_level": "failure",
                "message": one.message,
            }
            for one in annotations
        ],
    }
