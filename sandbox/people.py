"""What people do on GitHub in the demo: push, open, review and merge, each as themselves."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from github import Auth, Github, GithubException
from github.PullRequest import PullRequest
from github.Repository import Repository

from tiercel.sandbox.github.http.client import RunningGithub
from tiercel.sandbox.repositories import git_in


@dataclass(frozen=True)
class Team:
    """An author, a reviewer and a releaser who work on one repository."""

    github: RunningGithub
    repository: str
    work_tree: Path

    def clone(self) -> None:
        """Clone the repository anew, as the author."""
        shutil.rmtree(self.work_tree, ignore_errors=True)
        self.work_tree.mkdir(parents=True)
        git_in(self.work_tree, "clone", "--quiet", self._url("author"), ".")

    def push(self, branch: str, base: str, files: Mapping[str, str], message: str) -> str:
        """Push a branch with a commit on top of it, or of `base` if it is new; return the id.

        Files that are there already make no commit.
        """
        git_in(self.work_tree, "fetch", "--quiet", "origin")
        start = f"origin/{branch}" if self._has(branch) else f"origin/{base}"
        git_in(self.work_tree, "checkout", "--quiet", "-B", branch, start)
        for path, text in files.items():
            target = self.work_tree / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        git_in(self.work_tree, "add", "--all")
        if git_in(self.work_tree, "status", "--porcelain").stdout:
            git_in(self.work_tree, "commit", "--quiet", f"--message={message}")
        git_in(self.work_tree, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
        return git_in(self.work_tree, "rev-parse", "HEAD").stdout.strip()

    def read(self, path: str, branch: str) -> str:
        """Return a file of a branch as it is on GitHub."""
        git_in(self.work_tree, "fetch", "--quiet", "origin")
        return git_in(self.work_tree, "show", f"origin/{branch}:{path}").stdout

    def open(self, branch: str, base: str, title: str, login: str = "author") -> int:
        """Open a pull request as somebody, unless it is open; return its number."""
        with self._as(login) as github:
            repository = github.get_repo(self.repository)
            for pull in self._pulls(repository, branch, base, "open"):
                return pull.number
            return repository.create_pull(base=base, head=branch, title=title, body="").number

    def merged(self, branch: str, base: str) -> str:
        """Return the commit with which a branch was merged; empty if it never was."""
        with self._as("author") as github:
            pulls = self._pulls(github.get_repo(self.repository), branch, base, "closed")
            return next((pull.merge_commit_sha for pull in pulls if pull.merged_at), "")

    def contains(self, branch: str, commit: str) -> bool:
        """Tell whether a branch on GitHub has a commit."""
        git_in(self.work_tree, "fetch", "--quiet", "origin")
        try:
            git_in(self.work_tree, "merge-base", "--is-ancestor", commit, f"origin/{branch}")
        except subprocess.CalledProcessError:
            return False
        return True

    def approve_and_merge(self, number: int) -> str:
        """Approve as the reviewer, merge as the releaser; return the merge commit."""
        with self._as("reviewer") as github:
            github.get_repo(self.repository).get_pull(number).create_review(event="APPROVE")
        with self._as("releaser") as github:
            merged = github.get_repo(self.repository).get_pull(number).merge(merge_method="merge")
            return merged.sha

    def review(self, number: int, login: str, text: str) -> str:
        """Approve with a text, as somebody; return GitHub's own words if it refuses that."""
        with self._as(login) as github:
            pull = github.get_repo(self.repository).get_pull(number)
            try:
                pull.create_review(body=text, event="APPROVE")
            except GithubException as error:
                return _refusal(error)
        return ""

    def _pulls(
        self, repository: Repository, branch: str, base: str, state: str
    ) -> list[PullRequest]:
        owner = self.repository.partition("/")[0]
        return list(repository.get_pulls(state=state, base=base, head=f"{owner}:{branch}"))

    def _has(self, branch: str) -> bool:
        try:
            git_in(self.work_tree, "rev-parse", "--verify", "--quiet", f"origin/{branch}")
        except subprocess.CalledProcessError:
            return False
        return True

    def _as(self, login: str) -> Github:
        return _as(self.github, login)

    def _url(self, login: str) -> str:
        address = self.github.server_url.partition("://")[2]
        return f"http://x-access-token:{self.github.token(login)}@{address}/{self.repository}.git"


def account_numbers(github: RunningGithub, logins: Iterable[str]) -> dict[str, int]:
    """Return the number that GitHub has given each account."""
    with _as(github, "author") as asked:
        return {login: asked.get_user(login).id for login in logins}


def _refusal(error: GithubException) -> str:
    """Return what GitHub says; of a request that breaks a rule, which one."""
    found = error.data.get("errors") if isinstance(error.data, dict) else None
    texts = [str(one.get("message") if isinstance(one, dict) else one) for one in found or ()]
    return "; ".join(texts) or str(error.message or error.status)


def _as(github: RunningGithub, login: str) -> Github:
    return Github(
        auth=Auth.Token(github.token(login)),
        base_url=github.api_url,
        seconds_between_requests=0,
        seconds_between_writes=0,
    )
