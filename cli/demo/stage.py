"""Plays the chapters of the demo: people act on GitHub, flows follow."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tiercel.cli.demo.story import Chapter
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.releases import show_released
from tiercel.cli.terminal.runs import run_flow
from tiercel.cli.terminal.session import use_sandbox
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.review.statuses import Status, StatusState
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.ephemeral_down import ephemeral_down
from tiercel.flows.ephemeral_up import CameUp, ephemeral_up
from tiercel.flows.promote import promote_to_prod
from tiercel.flows.publish import publish_artifact
from tiercel.flows.release.results import Published, Released
from tiercel.flows.verify import verify_pull_request
from tiercel.sandbox import lifecycle
from tiercel.sandbox.people import Team
from tiercel.tasks.aws.clients import forget_clients

_R = TypeVar("_R")


@dataclass
class Stage:
    """One repository, its team, and what the flows have done so far."""

    output: Output
    state: Path
    config: Path
    repository: str
    team: Team
    runs: list[str] = field(default_factory=list)
    published: list[dict[str, Published]] = field(default_factory=list)
    live: dict[str, dict[str, Released]] = field(default_factory=dict)
    on_demand: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, output: Output, state: Path, config: Path, repository: str) -> Stage:
        """Let the team clone the repository from the sandbox's GitHub."""
        sandbox = lifecycle.status(state)
        if sandbox is None or sandbox.github is None:
            raise TiercelError(
                "sandbox.no_github",
                "the sandbox has no GitHub",
                remedy="`tiercel sandbox down`, then up",
            )
        team = Team(sandbox.github, repository, state / "team")
        team.clone()
        return cls(output, state, config, repository, team)

    def play(self, chapter: Chapter) -> None:
        """Take a change through its pull request, Preprod, its release branch and Prod.

        What an earlier demo has done is not done again.
        """
        if self.team.merged(_release_branch(chapter), "main"):
            self.output.done(f"{chapter.title}: an earlier demo released it")
            return
        self._to_preprod(self._merged(chapter))
        self._release(chapter)

    def finish(self) -> None:
        """Release the branches as they are, if no chapter was left to play."""
        if not self.live:
            self._to_preprod("develop")
            self._to_prod("main")

    def show_what_is_live(self) -> None:
        """Print the releases and the answers of both environments."""
        for environment, released in self.live.items():
            show_released(self.output, released, environment.capitalize())
            for service, result in released.items():
                if result.answer:
                    self.output.done(f"{environment} {service} answers: {result.answer}")

    def document(self) -> dict[str, Any]:
        """Return what was done, for machines."""
        return {
            "repository": self.repository,
            "on_demand": self.on_demand,
            "built": [
                [service for service, result in one.items() if result.built]
                for one in self.published
            ],
            "live": {
                environment: {
                    service: {
                        "stack": result.stack.name,
                        "release": result.release.intent.number,
                        "changed": result.changed,
                        "digest": result.release.intent.artifact_digest,
                        "outputs": result.outputs,
                        "answer": result.answer,
                    }
                    for service, result in released.items()
                }
                for environment, released in self.live.items()
            },
        }

    def _merged(self, chapter: Chapter) -> str:
        """Return the commit of develop with the change, having played its pull request."""
        merged = self.team.merged(chapter.branch, "develop")
        if merged:
            return merged
        number = 0
        for push in chapter.pushes:
            self.output.step(f"{push.message}: a pull request into develop")
            files = push.files(lambda path: self.team.read(path, "develop"))
            commit = self.team.push(chapter.branch, "develop", files, push.message)
            number = number or self.team.open(chapter.branch, "develop", chapter.title)
            self._verify(number, commit, passes=push.passes)
        if not chapter.tried:
            return self.team.approve_and_merge(number)
        name = self._try_out(number, chapter.tried)
        merged = self.team.approve_and_merge(number)
        self._take_down(name)
        return merged

    def _try_out(self, number: int, service: str) -> str:
        """Let a pull request come up in an environment on demand; return what that is called."""
        self.output.step(f"Pull request #{number} in an environment on demand")
        up: CameUp = self._run(ephemeral_up, pull_request=number, services=service, hours=1)
        self.on_demand = {
            "name": up.record.name,
            "address": up.record.address,
            "stacks": [released.stack.name for released in up.released.values()],
        }
        self.output.done(f"{up.record.name} answers at {up.record.address}")
        return up.record.name

    def _take_down(self, name: str) -> None:
        self.output.step(f"The pull request is merged: {name} goes")
        finished = run_flow(ephemeral_down, self.output, name=name)
        self.runs.append(finished.run_id)
        gone = [one.stack for one in finished.result.deleted if one.stack_id]
        self.on_demand["deleted"] = gone
        self.output.done(f"{name} is gone, with {', '.join(gone)}")

    def _to_preprod(self, commit: str) -> None:
        self.output.step(f"Publish {short_commit(commit)} and deploy it to Preprod")
        self.published.append(self._run(publish_artifact, commit=commit, then_deploy=False))
        self.live["preprod"] = self._run(deploy_to_preprod, commit=commit)

    def _to_prod(self, commit: str) -> None:
        self.output.step(f"Promote {short_commit(commit)} to Prod")
        self._become("prod")
        self.live["prod"] = self._run(promote_to_prod, commit=commit)
        self._become("preprod")

    def _release(self, chapter: Chapter) -> None:
        branch = _release_branch(chapter)
        self.output.step(f"{branch}: a pull request into main, reviewed and merged")
        commit = self.team.push(branch, "develop", {}, "")
        number = self.team.open(branch, "main", f"Release {chapter.version}")
        self._verify(number, commit, passes=True)
        self._to_prod(self.team.approve_and_merge(number))

    def _verify(self, number: int, commit: str, *, passes: bool) -> None:
        checks: list[Status] = self._run(verify_pull_request, number=number, commit=commit)
        for check in checks:
            self.output.line(f"        {check.context}: {check.state}: {check.short}")
        if (checks[-1].state is StatusState.SUCCESS) is not passes:
            raise TiercelError(
                "demo.unexpected",
                f"the demo expected pull request #{number} to {'pass' if passes else 'fail'}",
                why=checks[-1].details or checks[-1].description,
            )

    def _become(self, environment: str) -> None:
        """Each environment has its own operator, as it would have its own worker."""
        use_sandbox(self.state, self.config, environment)
        forget_clients()

    def _run(self, flow: Callable[..., Coroutine[Any, Any, _R]], **parameters: Any) -> _R:
        finished = run_flow(flow, self.output, repository=self.repository, **parameters)
        self.runs.append(finished.run_id)
        return finished.result


def _release_branch(chapter: Chapter) -> str:
    return f"release/{chapter.version}"
