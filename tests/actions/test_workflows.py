"""From an event to a release, by the workflows that people copy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from github import Auth, Github

from tests.actions.act import ActedJob, act
from tests.actions.comparison import compare
from tests.sandbox.github.support import client
from tests.support.aws import root_client
from tests.support.commands import run_json
from tests.support.job_tokens import token_giver
from tests.support.prefect_api import PrefectApi
from tests.support.repositories import RepositoryMaker
from tests.support.templates import queue, services
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.sandbox import lifecycle
from tiercel.sandbox.accounts.github_tokens import Job, TokenIssuer
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.machine.layout import Layout
from tiercel.sandbox.people import Team

pytestmark = [pytest.mark.process, pytest.mark.timeout(900)]

REPOSITORY = "acme/acted"
NOBODY = "0" * 40


@dataclass
class Stage:
    """A sandbox with workers, a repository with one commit, and the folder of the jobs."""

    sandbox: Sandbox
    topology: Topology
    api: PrefectApi
    team: Team
    commit: str
    folder: Path

    def job(
        self,
        environment: str,
        event: str,
        payload: dict[str, Any],
        workflow: str,
        *,
        installs: bool = False,
    ) -> ActedJob:
        """Run the job that names a GitHub environment, with a token that says so."""
        names = Names.of(self.topology, environment)
        job = Job(REPOSITORY, 101, "refs/heads/develop", environment=environment)
        token = TokenIssuer.of(Layout(self.sandbox.state)).token(job)
        aws = root_client(self.sandbox, f"{environment}-infrastructure-root", "secretsmanager")
        if not aws.list_secrets()["SecretList"]:
            aws.create_secret(Name=names.prefect_secret, SecretString="tiercel:word")
        address = {
            "AWS_ENDPOINT_URL": str(self.sandbox.aws_endpoint),
            "PREFECT_API_URL": self.api.url,
            "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
        }
        told = payload | {"repository": {"full_name": REPOSITORY}}
        with token_giver(f'{{"value": "{token}"}}'.encode()) as (giver, _):
            acted = act(self.folder, workflow, event, told, address | giver, installs=installs)
        assert token not in acted.text
        assert "tiercel:word" not in acted.text
        return acted

    def opened(self) -> Pull:
        """A pull request whose texts mean harm."""
        head = self.team.push("feature/x", "develop", {"inbox/README": "x"}, HOSTILE)
        return Pull(self, self.team.open("feature/x", "develop", HOSTILE), head)

    def labeled(self, number: int) -> None:
        """Set the label as the author."""
        with self._github() as github:
            issue = github.get_repo(REPOSITORY).get_issue(number)
            issue.add_to_labels("tiercel:preview")

    def queued(self, number: int) -> tuple[str, str]:
        """Put a pull request into a merge queue; its branch there, and the commit."""
        with self._github() as github:
            repository = github.get_repo(REPOSITORY)
            base = repository.get_branch("develop").commit.sha
            merge = repository.get_git_ref(f"pull/{number}/merge").object.sha
            branch = f"gh-readonly-queue/develop/pr-{number}-{base}"
            repository.create_git_ref(f"refs/heads/{branch}", merge)
            return branch, merge

    def _github(self) -> Github:
        assert self.sandbox.github
        token = self.sandbox.github.token("author")
        return client(self.sandbox.github.api_url, Auth.Token(token))

    def runs(self, deployment: str) -> list[str]:
        """The states of a deployment's runs."""
        found = self.api.call("GET", f"deployments/name/{deployment}")["id"]
        wanted = {"flow_runs": {"deployment_id": {"any_": [found]}}}
        return [run["state"]["name"] for run in self.api.call("POST", "flow_runs/filter", wanted)]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, topology: Topology) -> Iterator[Stage]:
    state = tmp_path_factory.mktemp("actions") / "state"
    try:
        shown = run_json("sandbox", "up", "--workers", "--state", str(state))
        sandbox = lifecycle.status(state)
        assert sandbox
        assert sandbox.github
        folder = tmp_path_factory.mktemp("jobs")
        owner, _, name = REPOSITORY.partition("/")
        repository = RepositoryMaker(state, folder / "repositories").make(name)
        commit = repository.commit(
            {"tiercel.toml": services(inbox=""), "inbox/template.json": queue()}
        )
        repository.merge_into_main()
        sandbox.github.control("POST", "/repositories", owner=owner, name=name)
        team = Team(sandbox.github, REPOSITORY, folder / "team")
        team.clone()
        api = PrefectApi(shown["environment"]["PREFECT_API_URL"])
        yield Stage(sandbox, topology, api, team, commit, folder)
    finally:
        lifecycle.down(state)


def push(branch: str, commit: str) -> dict[str, Any]:
    return {"ref": f"refs/heads/{branch}", "before": NOBODY, "after": commit, "deleted": False}


def form(action: str, **inputs: str) -> dict[str, Any]:
    return {"ref": "refs/heads/main", "inputs": {"action": action} | inputs}


HOSTILE = "`$(reboot)` ::set-output name=result::evil\n::error::evil ${{ secrets.TOKEN }} <b>"


@dataclass
class Pull:
    """A pull request of the stage, as GitHub's events tell of it."""

    stage: Stage
    number: int
    head: str

    def job(self, action: str, labels: tuple[str, ...] = (), **more: Any) -> ActedJob:
        end = {"repo": {"full_name": REPOSITORY}}
        payload = {
            "action": action,
            "number": self.number,
            "pull_request": {
                "number": self.number,
                "title": HOSTILE,
                "body": HOSTILE,
                "state": "closed" if action == "closed" else "open",
                "merged": more.pop("merged", False),
                "labels": [{"name": name} for name in labels],
                "head": end | {"ref": "feature/x", "sha": self.head},
                "base": end | {"ref": "develop", "sha": self.stage.commit},
            },
            **more,
        }
        return self.stage.job("preprod", "pull_request_target", payload, "pull-requests.yml")


def test_a_push_to_develop_is_released_to_preprod_once(stage: Stage) -> None:
    for installs in (True, False):
        job = stage.job(
            "preprod", "push", push("develop", stage.commit), "preprod.yml", installs=installs
        )
        compare(job, "push-develop")
    assert stage.runs("publish-artifact/publish-artifact-preprod") == ["Completed"]
    assert stage.runs("deploy-to-preprod/deploy-to-preprod") == ["Completed"]


def test_a_push_to_main_is_promoted_and_what_a_form_asks_is_done(stage: Stage) -> None:
    compare(stage.job("prod", "push", push("main", stage.commit), "prod.yml"), "push-main")
    assert stage.runs("promote-to-prod/promote-to-prod") == ["Completed"]

    asked = form("rollback", stack="acme-prod-inbox", release="", environment="prod")
    job = stage.job("prod", "workflow_dispatch", asked, "rollback.yml")
    compare(job, "rollback")
    assert stage.runs("roll-back/roll-back-prod") == ["Failed"]


def test_a_pull_request_is_verified_at_each_event_and_once(stage: Stage) -> None:
    pull = stage.opened()
    compare(pull.job("opened"), "pull-opened")
    pull.head = stage.team.push("feature/x", "develop", {"inbox/README": "y"}, HOSTILE)
    compare(pull.job("synchronize"), "pull-updated")
    assert stage.runs("verify-pull-request/verify-pull-request-preprod") == ["Completed"] * 2

    stage.labeled(pull.number)
    label = {"name": "tiercel:preview"}
    compare(pull.job("labeled", ("tiercel:preview", HOSTILE), label=label), "pull-labelled")
    compare(pull.job("closed", ("tiercel:preview",)), "pull-closed")
    assert stage.runs("ephemeral-up/ephemeral-up-preprod") == ["Completed"]
    assert stage.runs("ephemeral-down/ephemeral-down-preprod") == ["Completed"]
    assert stage.runs("verify-pull-request/verify-pull-request-preprod") == ["Completed"] * 2

    compare(pull.job("closed", merged=True), "pull-merged")
    job = stage.job("preprod", "push", push("main", stage.commit), "preprod.yml")
    assert (job.code, job.output("result")) == (0, "nothing"), job.text


def test_what_a_merge_queue_would_merge_is_verified(stage: Stage) -> None:
    stage.team.push("feature/queued", "develop", {"inbox/README": "queued"}, "Queue")
    number = stage.team.open("feature/queued", "develop", "Queue")
    branch, head = stage.queued(number)
    group = {"head_ref": f"refs/heads/{branch}", "head_sha": head, "base_sha": stage.commit}
    payload = {
        "action": "checks_requested",
        "merge_group": group | {"base_ref": "refs/heads/develop"},
    }
    compare(stage.job("preprod", "merge_group", payload, "merge-queue.yml"), "merge-group")
    assert stage.runs("verify-merge-group/verify-merge-group-preprod") == ["Completed"]


def test_the_drill_and_what_follows_github_come_at_their_times(stage: Stage) -> None:
    time = {"schedule": "0 9 * * 2"}
    compare(stage.job("preprod", "schedule", time, "drill.yml"), "drill")
    plan = form("rebuild", environment="preprod", approve="", account="")
    compare(stage.job("preprod", "workflow_dispatch", plan, "drill.yml"), "drill-plan")
    assert sorted(stage.runs("rebuild-from-scratch/rebuild-from-scratch-preprod")) == [
        "Completed",
        "Failed",
    ]
    compare(stage.job("preprod", "schedule", time, "follow.yml"), "schedule")
    assert stage.runs("follow-github/follow-github-preprod") == ["Completed"]
