"""What events that got lost would have started, and that it is started once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.objects import FlowRun
from prefect.states import Failed

from tests.support.codes import because
from tests.support.place import Place
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.ephemeral.environments import EphemeralRecord, EphemeralState, OriginKind
from tiercel.domain.organization.access import Records, orchestrator
from tiercel.domain.organization.names import Names, deployment_of
from tiercel.flows.follow import follow_github
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.records.ephemeral import change_environment

FLOWS = (
    "verify-pull-request",
    "publish-artifact",
    "verify-candidate",
    "ephemeral-up",
    "ephemeral-down",
)


async def _deployed() -> dict[str, Any]:
    async with get_client() as client:
        return {
            flow: await client.create_deployment(
                await client.create_flow_from_name(flow),
                deployment_of(flow, "preprod").rpartition("/")[2],
                enforce_parameter_schema=False,
            )
            for flow in FLOWS
        }


@pytest.fixture
def deployments(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Deployments without a worker, and a configuration that names the one repository."""
    config = Path(__file__).parents[2] / "tiercel.toml"
    named = json.dumps(["acme/tea-store", place.repository.name])
    text = config.read_text().replace('["acme/*"]', named).replace("acme/tea-store", "acme/away")
    (tmp_path / "tiercel.toml").write_text(text)
    monkeypatch.setenv("TIERCEL_CONFIG", str(tmp_path / "tiercel.toml"))
    found = asyncio.run(_deployed())
    yield found
    asyncio.run(_removed(found))


async def _removed(found: dict[str, Any]) -> None:
    async with get_client() as client:
        for one in found.values():
            await client.delete_deployment(one)


def follow(deployments: dict[str, Any]) -> int:
    """Look once, and return how many runs were made; the repository that is away is told."""
    before = len(asyncio.run(_runs(deployments)))
    with pytest.raises(RefusedInputError, check=because("source.not_fetched")):
        asyncio.run(follow_github("preprod"))
    return len(asyncio.run(_runs(deployments))) - before


async def _runs(deployments: dict[str, Any]) -> list[FlowRun]:
    own = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[*deployments.values()]))
    async with get_client() as client:
        return await client.read_flow_runs(flow_run_filter=own)


async def _fail(run: FlowRun) -> None:
    async with get_client() as client:
        await client.set_flow_run_state(run.id, Failed(), force=True)


def asked(sandbox: Sandbox, name: str) -> list[tuple[int, str]]:
    """What was asked of GitHub about a repository: status and operation."""
    lines = (sandbox.state / "github/journal.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    return [(one["status"], one["operation"]) for one in told if f"/{name}" in one["path"]]


@pytest.mark.walks("github-answers-nothing", "github-is-back")
def test_what_got_lost_is_started_once_and_once_more_after_a_failure(
    place: Place, sandbox: Sandbox, preprod: Names, deployments: dict[str, Any]
) -> None:
    number, head = place.opened("feature/x", {"inbox/README": "x"}, title="::error::evil")
    place.remote.get_issue(number).add_to_labels("tiercel:preview")
    place.pushed_anew("hotfix/1.0.1", {"inbox/README": "mended"})
    assert follow(deployments) == 4
    before = len(asked(sandbox, place.repository.name))
    assert follow(deployments) == 0
    unchanged = asked(sandbox, place.repository.name)[before:]
    assert len(unchanged) <= 3, unchanged
    assert (304, "/repos/{owner}/{repo}/pulls") in unchanged

    runs = asyncio.run(_runs(deployments))
    given = [run.parameters for run in runs if "number" in run.parameters]
    name = place.repository.name
    assert given == [{"repository": name, "number": number, "commit": head}]

    for again in (4, 0):
        for run in asyncio.run(_runs(deployments)):
            asyncio.run(_fail(run))
        assert follow(deployments) == again

    _has_environment(preprod, name, number, head)
    place.remote.get_pull(number).edit(state="closed")
    assert follow(deployments) == 1
    assert follow(deployments) == 0


def _has_environment(preprod: Names, repository: str, number: int, commit: str) -> None:
    """Let there be a record of an environment of the pull request, without a stack."""
    records = Records(orchestrator(preprod, "test"), preprod.artifact_bucket)
    now = datetime.now(UTC)
    made = EphemeralRecord(
        name=f"followed{number}", owner="author", purpose="", origin=OriginKind.PULL_REQUEST,
        origin_of=str(number), repository=repository, commit=commit, services=(), created=now,
        expires=now + timedelta(hours=1), state=EphemeralState.UP, label="tiercel:preview",
    )  # fmt: skip
    change_environment.fn(records, made.name, lambda _: made)
