"""Where the demo is played: the repository, its team, and what flows have done so far."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tiercel.cli.demo.worker_file import worker_file
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.releases import released_table
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.cli.terminal.session import typed, use_sandbox
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.organization.topology import PREPROD, PROD
from tiercel.domain.review.statuses import Status, StatusState
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.publish import publish_artifact
from tiercel.flows.release.results import Published, Released
from tiercel.flows.verify import verify_pull_request
from tiercel.sandbox import lifecycle
from tiercel.sandbox.people import Team
from tiercel.tasks.aws.clients import forget_clients
from tiercel.tasks.source.topology_file import read_topology

_R = TypeVar("_R")


@dataclass(frozen=True)
class PlayedRun:
    """A run of the demo, and which flow it was of."""

    run_id: str
    flow: str


@dataclass
class Stage:
    """One repository, its team, and what the flows have done so far."""

    output: Output
    state: Path
    config: Path
    repository: str
    team: Team
    develop: str
    main: str
    """The branches that feed Preprod and Prod."""
    own: bool = False
    """Whether the repository is somebody's own, who is told what to type to do it by hand."""
    runs: list[PlayedRun] = field(default_factory=list)
    published: list[dict[str, Published]] = field(default_factory=list)
    live: dict[str, dict[str, Released]] = field(default_factory=dict)
    on_demand: dict[str, Any] = field(default_factory=dict)
    refused: list[dict[str, Any]] = field(default_factory=list)
    approved: list[dict[str, Any]] = field(default_factory=list)
    """Whose words on plans of Prod did not count, and whose did."""
    taken_back: list[dict[str, Any]] = field(default_factory=list)
    """The failures of deploys whose traffic went back."""

    @classmethod
    def of(
        cls, output: Output, state: Path, config: Path, repository: str, *, own: bool = False
    ) -> Stage:
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
        topology = read_topology(config)
        develop, main = (topology.environment(name).branch for name in (PREPROD, PROD))
        return cls(output, state, config, repository, team, develop, main, own)

    def show_what_is_live(self) -> None:
        """Print the releases and the answers of both environments."""
        for environment, released in self.live.items():
            released_table(self.output, released, environment.capitalize())
            for service, result in released.items():
                if result.answer:
                    self.output.short_line(f"{service} answers: {result.answer}", before="  ")

    def document(self) -> dict[str, Any]:
        """Return what was done, for machines."""
        return {
            "repository": self.repository,
            "on_demand": self.on_demand,
            "refused": self.refused,
            "approved": self.approved,
            "taken_back": self.taken_back,
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

    def publish_and_deploy(self, commit: str) -> None:
        """Publish a commit of develop and deploy it to Preprod."""
        self.output.step(f"Publish {short_commit(commit)} and deploy it to Preprod")
        self.published.append(self.run(publish_artifact, commit=commit, then_deploy=False))
        self.by_hand("publish", self.repository, commit)
        self.live["preprod"] = self.run(deploy_to_preprod, commit=commit)
        self.by_hand("deploy", self.repository, commit)

    def verify(self, number: int, commit: str, *, passes: bool) -> None:
        """Verify a pull request and show what GitHub shows of it."""
        checks: list[Status] = self.run(verify_pull_request, number=number, commit=commit)
        for check in checks:
            told = f"{check.context}: {check.short}"
            if check.state is StatusState.SUCCESS:
                self.output.done(told)
            else:
                self.output.line(f"{told} ({check.state})", before="✗ ")
        self.by_hand("verify", self.repository, str(number), commit)
        passed = checks[-1].state is StatusState.SUCCESS
        if passed and not passes:
            raise self.unexpected(f"pull request #{number} to fail")
        if passes and not passed:
            raise self._not_passed(number, checks)

    def _not_passed(self, number: int, checks: Sequence[Status]) -> TiercelError:
        """Return the error of a pull request that fails, with all that was found wrong in it."""
        wrong = [one for one in checks if one.state not in {StatusState.SUCCESS}]
        found = [one.details or one.description for one in wrong if one.subject or one.details]
        return TiercelError(
            "demo.not_passed",
            f"pull request #{number} does not pass",
            where=self.repository,
            why="\n".join(found) or checks[-1].description,
            state="nothing was merged or deployed",
            remedy="mend it, commit, and repeat the command: it goes on from here. What the "
            f"worker's tiercel.toml has to say, say in {self._file_to_change()}",
        )

    def _file_to_change(self) -> str:
        """Return where the worker's own settings are changed: the demo writes its file anew."""
        if self.config != worker_file(self.state.absolute()):
            return str(self.config)
        return f"a copy of {self.config}, which you give the command with --config"

    def by_hand(self, *words: str) -> None:
        """Say what would do the step that was just done, to somebody whose repository it is."""
        if not self.own:
            return
        self.output.line(f"        by hand: {self.command(*words, '--local')}")

    def command(self, *words: str) -> str:
        """Return what to type for a command in this sandbox, with the same worker's file."""
        own = ("--config", str(self.config)) if self.own else ()
        return typed(*words, "--sandbox", *own, state=self.state)

    def become(self, profile: str) -> None:
        """Be an environment's operator, as it would have its own worker, or another user of it."""
        use_sandbox(self.state, self.config, profile)
        forget_clients()

    def run(self, flow: Callable[..., Coroutine[Any, Any, _R]], **parameters: Any) -> _R:
        """Run a flow for the repository to its end; raises what it fails with."""
        return self.run_alone(flow, repository=self.repository, **parameters)

    def run_alone(self, flow: Callable[..., Coroutine[Any, Any, _R]], **parameters: Any) -> _R:
        """Run a flow that is not told the repository."""
        finished = run_flow(flow, self.output, **parameters)
        name = getattr(flow, "name", flow.__name__)
        self.runs.append(PlayedRun(finished.run_id, name))
        return finished.result

    def unexpected(self, what: str, why: str = "") -> TiercelError:
        """Return the error for a story that goes another way than it is told."""
        return TiercelError("demo.unexpected", f"the demo expected {what}", why=why)
