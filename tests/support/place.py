"""A repository on the sandbox's GitHub, the people who work on it, and what they see there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from github import Github
from github.Repository import Repository as GithubRepository

from tests.support.flow_runs import release
from tests.support.repositories import Repository
from tiercel.domain.review.statuses import Status
from tiercel.flows.verify import verify_pull_request
from tiercel.sandbox.people import Team
from tiercel.sandbox.repositories import git_in


@dataclass(frozen=True)
class Place:
    """A repository on the sandbox's GitHub and the people who work on it."""

    repository: Repository
    team: Team
    github: Github

    @property
    def remote(self) -> GithubRepository:
        return self.github.get_repo(self.repository.name)

    def opened(
        self, branch: str, files: dict[str, str], base: str = "develop", title: str = "Change"
    ) -> tuple[int, str]:
        """Push a branch that starts at develop and open its pull request."""
        commit = self.team.push(branch, "develop", files, title)
        return self.team.open(branch, base, title), commit

    def pushed(self, branch: str, files: dict[str, str]) -> str:
        """Push a commit to a branch, without a pull request."""
        return self.team.push(branch, branch, files, f"Push to {branch}")

    def pushed_anew(self, branch: str, files: dict[str, str]) -> str:
        """Push a branch that starts at develop, without a pull request."""
        return self.team.push(branch, "develop", files, f"Push to {branch}")

    def force_pushed(self, branch: str) -> str:
        """Push what is checked out, whatever the branch had."""
        tree = self.team.work_tree
        git_in(tree, "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}")
        return git_in(tree, "rev-parse", "HEAD").stdout.strip()

    def merged(
        self, branch: str, files: dict[str, str], base: str = "develop", start: str = "develop"
    ) -> str:
        """Bring files into a branch by a reviewed pull request; return the merge commit."""
        self.team.push(branch, start, files, f"Work on {branch}")
        return self.team.approve_and_merge(self.team.open(branch, base, f"Merge {branch}"))

    def released_to_preprod(self, commit: str) -> None:
        release(self.repository, commit)

    def verified(self, number: int, commit: str) -> dict[str, Status]:
        checks = asyncio.run(verify_pull_request(self.repository.name, number, commit))
        return {check.context: check for check in checks}

    def statuses(self, commit: str) -> dict[str, str]:
        combined = self.remote.get_commit(commit).get_combined_status()
        return {one.context: one.state for one in combined.statuses}

    def comments(self, number: int) -> list[str]:
        return [comment.body for comment in self.remote.get_issue(number).get_comments()]
