"""Half of all events get lost, the others come in any order: in the end the same runs are there.

The flows that are started do not run: no worker takes them. One round is in the suite; `make lost`
makes five.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId

from tests.support.place import Place
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.organization.names import deployment_of
from tiercel.domain.organization.topology import Topology
from tiercel.domain.triggers.rules import action_for
from tiercel.domain.triggers.triggered_runs import WantedRun, wanted_run
from tiercel.domain.triggers.webhooks import read_events
from tiercel.flows.engine.wanted_runs import joined_or_started
from tiercel.flows.follow import follow_github

ROUNDS = int(os.environ.get("LOST_ROUNDS", "1"))
DEPLOYMENTS = tuple(
    deployment_of(flow, environment)
    for flow, environment in (
        ("verify-pull-request", "preprod"),
        ("verify-candidate", "preprod"),
        ("publish-artifact", "preprod"),
        ("ephemeral-up", "preprod"),
        ("ephemeral-down", "preprod"),
        ("promote-to-prod", "prod"),
        ("verify-merge-group", "preprod"),
    )
)
LABEL = "tiercel:preview"
Told = tuple[str, dict[str, Any]]


async def _deployed() -> list[Any]:
    async with get_client() as client:
        return [
            await client.create_deployment(
                await client.create_flow_from_name(flow), name, enforce_parameter_schema=False
            )
            for flow, name in (one.split("/") for one in DEPLOYMENTS)
        ]


async def _removed(made: list[Any]) -> None:
    async with get_client() as client:
        for one in made:
            await client.delete_deployment(one)


@pytest.fixture
def followed(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Topology:
    """A configuration that names the one repository."""
    text = (Path(__file__).parents[2] / "tiercel.toml").read_text()
    named = json.dumps([place.repository.name])
    text = text.replace('["acme/*"]', named).replace('"acme/tea-store"', named[1:-1])
    (tmp_path / "tiercel.toml").write_text(text)
    monkeypatch.setenv("TIERCEL_CONFIG", str(tmp_path / "tiercel.toml"))
    return parse_topology(text)


@pytest.fixture
def deployments(place: Place) -> Iterator[list[Any]]:
    assert place
    made = asyncio.run(_deployed())
    yield made
    asyncio.run(_removed(made))


def push(name: str, branch: str, commit: str) -> Told:
    told = {"ref": f"refs/heads/{branch}", "before": "0" * 40, "after": commit, "deleted": False}
    return "push", told | {"repository": {"full_name": name}}


def pull(place: Place, number: int, action: str) -> Told:
    found, home = place.remote.get_pull(number), {"full_name": place.repository.name}
    told = {
        "action": action,
        "repository": home,
        "label": {"name": LABEL},
        "pull_request": {
            "number": number,
            "state": found.state,
            "labels": [{"name": one.name} for one in found.labels],
            "head": {"ref": found.head.ref, "sha": found.head.sha, "repo": home},
            "base": {"ref": found.base.ref, "sha": found.base.sha, "repo": home},
        },
    }
    return "pull_request_target", told


def happened(place: Place) -> Iterator[Told]:
    """What people do, and each time what GitHub tells of it; the last of each subject counts."""
    name = place.repository.name
    for number in range(2):
        yield push(name, "develop", place.pushed("develop", {"inbox/README": f"{number}"}))
    yield push(name, "main", place.remote.get_branch("main").commit.sha)
    yield push(name, "hotfix/1.0.1", place.pushed_anew("hotfix/1.0.1", {"inbox/README": "fix"}))
    first, _ = place.opened("feature/one", {"inbox/README": "one"})
    yield pull(place, first, "opened")
    place.remote.get_issue(first).add_to_labels(LABEL)
    yield pull(place, first, "labeled")
    place.pushed("feature/one", {"inbox/README": "one more"})
    yield pull(place, first, "synchronize")
    second, _ = place.opened("feature/two", {"inbox/README": "two"})
    yield pull(place, second, "opened")
    base = place.remote.get_branch("develop").commit.sha
    queue = f"gh-readonly-queue/develop/pr-{second}-{base}"
    merge = place.remote.get_git_ref(f"pull/{second}/merge").object.sha
    place.remote.create_git_ref(f"refs/heads/{queue}", merge)
    group = {"head_ref": f"refs/heads/{queue}", "head_sha": merge, "base_sha": base}
    yield (
        "merge_group",
        {
            "action": "checks_requested",
            "repository": {"full_name": name},
            "merge_group": group | {"base_ref": "refs/heads/develop"},
        },
    )


def runs_of(told: Told, topology: Topology) -> list[WantedRun]:
    read = read_events(*told)
    assert isinstance(read, list)
    found = [wanted_run(action_for(one, topology), topology) for one in read]
    return [one for one in found if isinstance(one, WantedRun)]


async def _arrive(wanted: list[WantedRun]) -> None:
    async with get_client() as client:
        for one in wanted:
            await joined_or_started(client, one, 1)


async def _keys(deployments: list[Any]) -> Counter[str]:
    own = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=deployments))
    async with get_client() as client:
        found = await client.read_flow_runs(flow_run_filter=own)
    return Counter(str(one.idempotency_key) for one in found)


def follow(deployments: list[Any]) -> Counter[str]:
    for environment in ("preprod", "prod"):
        asyncio.run(follow_github(environment))
    return asyncio.run(_keys(deployments))


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_whatever_half_of_the_events_arrives_the_same_runs_are_there_once(
    seed: int, place: Place, followed: Topology, deployments: list[Any]
) -> None:
    chance = random.Random(seed)  # noqa: S311 - which events get lost is no secret
    told = list(happened(place))
    arrived = chance.sample(told, len(told) // 2)
    early = [run for one in arrived for run in runs_of(one, followed)]
    asyncio.run(_arrive(early))

    keys = follow(deployments)

    # Of the first push to develop, and of the first head of the pull request, nothing is left.
    last = [one for place, one in enumerate(told) if place not in {0, 4, 5}]
    wanted = {run.key(0) for one in last for run in runs_of(one, followed)}
    assert keys.keys() == wanted | {run.key(0) for run in early}
    assert set(keys.values()) == {1}
    assert follow(deployments) == keys
