"""What events that got lost would have started, and that it is started once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
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
from tiercel.flows.follow import follow_github

FLOWS = ("verify-pull-request", "publish-artifact")


async def _deployed() -> dict[str, Any]:
    async with get_client() as client:
        return {
            flow: await client.create_deployment(
                await client.create_flow_from_name(flow), "preprod", enforce_parameter_schema=False
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


def test_what_got_lost_is_started_once_and_once_more_after_a_failure(
    place: Place, deployments: dict[str, Any]
) -> None:
    number, head = place.opened("feature/x", {"inbox/README": "x"}, title="::error::evil")
    assert follow(deployments) == 2
    assert follow(deployments) == 0
    runs = asyncio.run(_runs(deployments))
    given = [run.parameters for run in runs if "number" in run.parameters]
    name = place.repository.name
    assert given == [{"repository": name, "number": number, "commit": head}]

    for again in (2, 0):
        for run in asyncio.run(_runs(deployments)):
            asyncio.run(_fail(run))
        assert follow(deployments) == again
