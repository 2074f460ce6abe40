"""From an event to a release, by the workflows that people copy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.actions.act import ActedJob, act
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

    def job(self, environment: str, event: str, payload: dict[str, Any], workflow: str) -> ActedJob:
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
            acted = act(self.folder, workflow, event, told, address | giver)
        assert token not in acted.text
        assert "tiercel:word" not in acted.text
        return acted

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


def test_a_push_to_develop_is_released_to_preprod_once(stage: Stage) -> None:
    for _ in range(2):
        job = stage.job("preprod", "push", push("develop", stage.commit), "preprod.yml")
        assert (job.code, job.output("result")) == (0, "succeeded"), job.text
    assert stage.runs("publish-artifact/preprod") == ["Completed"]
    assert stage.runs("deploy-to-preprod/preprod") == ["Completed"]


def test_a_push_to_main_is_promoted_and_what_a_form_asks_is_done(stage: Stage) -> None:
    job = stage.job("prod", "push", push("main", stage.commit), "prod.yml")
    assert (job.code, job.output("result")) == (0, "succeeded"), job.text
    assert stage.runs("promote-to-prod/prod") == ["Completed"]

    inputs = {"action": "rollback", "stack": "acme-prod-inbox", "release": "", "commit": ""}
    form = {"ref": "refs/heads/main", "inputs": inputs | {"environment": "prod"}}
    job = stage.job("prod", "workflow_dispatch", form, "prod.yml")
    assert job.code != 0
    assert job.output("result") == "rollback.nothing_before"
    assert stage.runs("roll-back/prod") == ["Failed"]


def test_a_pull_request_is_verified_and_its_merge_into_prod_is_not_for_preprod_s_job(
    stage: Stage,
) -> None:
    head = stage.team.push("feature/x", "develop", {"inbox/README": "x"}, "::error::evil")
    number = stage.team.open("feature/x", "develop", "`$(reboot)` ::set-output name=result::evil")
    payload = {
        "action": "opened",
        "number": number,
        "pull_request": {
            "number": number,
            "title": "`$(reboot)` ::set-output name=result::evil",
            "head": {"ref": "feature/x", "sha": head},
            "base": {"ref": "develop", "sha": stage.commit},
        },
    }
    job = stage.job("preprod", "pull_request_target", payload, "pull-requests.yml")
    assert (job.code, job.output("result")) == (0, "succeeded"), job.text
    assert stage.runs("verify-pull-request/preprod") == ["Completed"]

    job = stage.job("preprod", "push", push("main", stage.commit), "preprod.yml")
    assert (job.code, job.output("result")) == (0, "nothing"), job.text
