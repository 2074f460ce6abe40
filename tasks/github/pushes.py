"""Who pushed what to a branch, by GitHub's own accounts: a commit's author is what git was told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from github.Repository import Repository

from tiercel.domain.approvals.authors import PUSHES, BranchPush
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.github.transport.client import github_call, repository

_MOST = 1_000
_NEXT = re.compile(r'<([^<>]+)>; rel="next"')


@world_task("read pushes", "read pushes to {branch} of {name}")
def read_pushes(name: str, branch: str) -> tuple[BranchPush, ...]:
    """Return the newest pushes to a branch, also to one that is gone; merges are none.

    Of the newest 1,000 activities: https://docs.github.com/rest/repos/repos#list-repository-activities
    """
    with github_call("read who pushed to a branch", f"{name} {branch}"):
        return tuple(
            BranchPush(actor=(one.get("actor") or {}).get("id"), after=one["after"])
            for one in islice(_activities(repository(name), branch), _MOST)
            if one["activity_type"] in PUSHES
        )


def _activities(target: Repository, branch: str) -> Iterator[dict[str, Any]]:
    """Give what moved a branch, newest first. PyGithub has no method for it."""
    address: str | None = f"{target.url}/activity"
    wanted: dict[str, Any] | None = {"ref": f"refs/heads/{branch}", "per_page": 100}
    while address:
        headers, page = target.requester.requestJsonAndCheck("GET", address, parameters=wanted)
        yield from page
        more = _NEXT.search(headers.get("link", ""))
        address, wanted = (more[1] if more else None), None
