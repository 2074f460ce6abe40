"""The GitHub part of the bare script: plain PyGithub, the same calls as the flows make."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from github import Auth, Github
from github.Deployment import Deployment
from github.PullRequest import PullRequest
from github.Repository import Repository
from github.Tag import Tag

from benchmarks.place import github_of
from tiercel.sandbox.lifecycle import Sandbox


@dataclass
class GithubPart:
    """One repository, as the bot."""

    running: Sandbox
    name: str
    repository: Repository = field(init=False)

    def __post_init__(self) -> None:
        """Make the client; as in the flows it does not ask whether the repository exists."""
        github = Github(
            auth=Auth.Token(github_of(self.running).token("bot")),
            base_url=github_of(self.running).api_url,
            per_page=100,
            lazy=True,
            seconds_between_requests=0,
            seconds_between_writes=0,
        )
        self.repository = github.get_repo(self.name)

    @property
    def clone_url(self) -> str:
        """The address for git."""
        return f"{github_of(self.running).server_url}/{self.name}.git"

    @property
    def basic_credentials(self) -> str:
        """What git sends at once, so that it does not ask twice."""
        token = github_of(self.running).token("bot")
        return base64.b64encode(f"x-access-token:{token}".encode()).decode()

    def pull(self, number: int) -> PullRequest:
        """Read a pull request."""
        found = self.repository.get_pull(number)
        _ = found.title
        return found

    def set_status(self, commit: str, context: str, state: str, description: str) -> None:
        """Set a commit status unless it is there."""
        target = self.repository.get_commit(commit)
        if not any(s.context == context and s.state == state for s in target.get_statuses()):
            target.create_status(state=state, description=description, context=context)

    def comment(self, pull: PullRequest, marker: str, text: str) -> None:
        """Write the one comment that begins with the marker."""
        issue = self.repository.get_issue(pull.number)
        for comment in issue.get_comments():
            if comment.body.startswith(marker):
                comment.edit(f"{marker}\n{text}")
                return
        issue.create_comment(f"{marker}\n{text}")

    def open_deployment(self, commit: str, environment: str) -> Deployment:
        """Open a deployment unless there is one."""
        for found in self.repository.get_deployments(sha=commit, environment=environment):
            return found
        return self.repository.create_deployment(
            ref=commit, environment=environment, auto_merge=False, required_contexts=[]
        )

    def report(self, deployment: Deployment, state: str) -> None:
        """Set a deployment's state unless it is the newest already."""
        target = self.repository.get_deployment(deployment.id)
        newest = next(iter(target.get_statuses()), None)
        if newest is None or newest.state != state:
            target.create_status(state=state)

    def tags(self) -> list[Tag]:
        """Return all tags."""
        return list(self.repository.get_tags())

    def pulls_of(self, commit: str) -> list[PullRequest]:
        """Return the pull requests of a commit."""
        return list(self.repository.get_commit(commit).get_pulls())

    def open_pull(self, head: str, base: str) -> PullRequest | None:
        """Return the open pull request of two branches."""
        owner = self.name.partition("/")[0]
        found = self.repository.get_pulls(state="open", base=base, head=f"{owner}:{head}")
        return next(iter(found), None)

    def tag(self, version: str, commit: str) -> None:
        """Create a tag unless it is there."""
        if not any(
            found.ref == f"refs/tags/{version}"
            for found in self.repository.get_git_matching_refs(f"tags/{version}")
        ):
            self.repository.create_git_ref(f"refs/tags/{version}", commit)

    def release(self, version: str, commit: str) -> None:
        """Write the release unless it is there."""
        if not any(found.tag_name == version for found in self.repository.get_releases()):
            self.repository.create_git_release(
                tag=version, name=version, message=version, target_commitish=commit
            )
