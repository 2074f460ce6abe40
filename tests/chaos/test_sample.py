"""A part of every row, chosen by a seed. The whole scoreboard is `make chaos`."""

from __future__ import annotations

import pytest
from prefect.settings import PREFECT_API_URL

from tests.chaos.frame import Row, Size, run
from tests.chaos.rows import ROWS
from tests.chaos.world import World
from tests.flows import conftest as flows
from tests.support.repositories import RepositoryMaker
from tiercel.domain.organization.names import Names
from tiercel.sandbox.lifecycle import Sandbox

prefect_server = flows.prefect_server
SEED = 1

pytestmark = pytest.mark.usefixtures("operator", "prefect_server")


@pytest.fixture
def world(
    sandbox: Sandbox,
    preprod: Names,
    repositories: RepositoryMaker,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    made = World(sandbox, preprod, repositories, server=str(PREFECT_API_URL.value()))
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)  # so that it is taken back afterwards
    made.work()
    return made


SAMPLED = [row for row in ROWS if row.sampled]


@pytest.mark.walks(
    "stack-rollback-failed",
    "stack-update-failed",
    "stack-create-failed",
    "stack-import-failed",
    "credential-of-worker",
)
@pytest.mark.parametrize("row", SAMPLED, ids=[row.key for row in SAMPLED])
def test_a_sample_of_the_row_holds(world: World, row: Row) -> None:
    score = run(row, world, Size(full=False, seed=SEED), lambda _: None)

    assert score.asked > 0
    assert score.faults == []
