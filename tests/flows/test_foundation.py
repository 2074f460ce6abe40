"""The account's own resources in drills that several runs take part in, with a fake Terraform.

These drills have no stack: what matters is which run decides about the resources, and when.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.codes import because
from tests.support.drills import begun, step
from tests.support.fake_terraform import FOUNDATION, FakeTerraform
from tiercel.domain.base.errors import DeployFailedError, RefusedInputError
from tiercel.domain.drill.plan import DrillPlan
from tiercel.domain.drill.record import Phase
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.flows.drill.course import drilled
from tiercel.flows.drill.foundation import Ground, leave_foundation, renew_foundation
from tiercel.flows.drill.under_way import Drill
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.accounts.administrators import Administrators

pytestmark = pytest.mark.usefixtures("operator")


class Runs:
    """Runs of one drill, each of which knows what was recorded when it began."""

    def __init__(self, topology: Topology, number: int) -> None:
        self._topology = topology
        names = Names.of(topology, "preprod")
        self._ground = Ground(topology, names, Administrators("one", "another"), _all_is_green)
        plan = DrillPlan(
            organization="acme",
            environment="preprod",
            account=names.environment.runtime_account,
            alias="acme-try",
            stacks=(),
            foundation=FOUNDATION,
        )
        self._begun = begun(plan, number=number)

    @property
    def _target(self) -> ReleaseTarget:
        return ReleaseTarget.of(self._topology, "preprod")

    async def begin(self) -> Drill:
        """Return what a run knows that begins now, when everything is proven gone."""
        drill = await Drill.taken_up(self._target, self._begun)
        await drill.record(step(Phase.PROVE_EMPTY))
        return drill

    async def renew(self, drill: Drill) -> None:
        """Go on with it as an administrator."""
        await renew_foundation(self._ground, drill)

    async def give_up(self) -> None:
        """Give the drill up as somebody else."""
        await drilled(self._target, self._begun, self._topology.drills, give_up=True)


async def _all_is_green() -> None: ...


@pytest.fixture
def terraform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTerraform:
    return FakeTerraform(tmp_path / "fake", monkeypatch)


def in_a_run(course: Callable[[], Awaitable[None]]) -> None:
    @lifecycle_flow("foundation", "foundation", "preprod")
    async def flow() -> None:
        await asyncio.wait_for(course(), 60)

    asyncio.run(flow())


def test_what_goes_while_a_drill_is_given_up_is_made_again_by_whoever_goes_on(
    topology: Topology, terraform: FakeTerraform
) -> None:
    runs = Runs(topology, 9001)

    async def course() -> None:
        terraform.stop_at("apply")
        terraform.fail_once()
        destroying = asyncio.create_task(runs.renew(await runs.begin()))
        await terraform.reached("apply", destroying)
        with pytest.raises(RefusedInputError, check=because("drill.foundation_needed")):
            await runs.give_up()
        terraform.go_on("apply")
        with pytest.raises(DeployFailedError):  # as good as killed
            await destroying
        assert not terraform.has_roles

        last = await runs.begin()
        await runs.renew(last)

        assert not [one for one in last.steps.values() if one.failure]
        assert last.done(Phase.APPLY_FOUNDATION)

    in_a_run(course)
    assert terraform.has_roles


def test_what_is_given_up_before_it_goes_stays(
    topology: Topology, terraform: FakeTerraform
) -> None:
    runs = Runs(topology, 9002)

    async def course() -> None:
        terraform.stop_at("show")
        planning = await runs.begin()
        renewing = asyncio.create_task(runs.renew(planning))
        await terraform.reached("show", renewing)
        await leave_foundation(await runs.begin())
        terraform.go_on("show")
        await renewing
        assert [one.failure for one in planning.steps.values() if one.failure]

    in_a_run(course)
    assert "apply" not in terraform.calls


def test_what_another_run_has_made_again_is_not_destroyed_once_more(
    topology: Topology, terraform: FakeTerraform
) -> None:
    runs = Runs(topology, 9003)

    async def course() -> None:
        terraform.stop_at("init")
        slower, faster = await runs.begin(), await runs.begin()
        renewing = asyncio.create_task(runs.renew(slower))
        await terraform.reached("init", renewing)
        for phase in (Phase.DESTROY_FOUNDATION, Phase.APPLY_FOUNDATION):
            await faster.record(step(phase))
        terraform.go_on("init")
        await renewing

    in_a_run(course)
    assert "apply" not in terraform.calls
