"""Row: SIGKILL at every call of an environment's coming up and going down."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count

from prefect import flow

from tests.chaos.frame import Case, Row, Size
from tests.chaos.kills import killed
from tests.chaos.victims import Victims, victims
from tests.chaos.wire import Wire, nothing
from tests.chaos.world import World
from tests.support.templates import answering, function, services
from tests.tasks.faults import interceptor
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.domain.ephemeral.environments import EphemeralRecord, EphemeralState
from tiercel.domain.organization.access import Target
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.domain.teardown.leftovers import Fate
from tiercel.domain.teardown.reaper import ReapReport
from tiercel.flows.ephemeral_down import ephemeral_down
from tiercel.flows.ephemeral_up import ephemeral_up
from tiercel.flows.reaping.reaper import reap_once
from tiercel.tasks.records.ephemeral import read_environment
from tiercel.tasks.source.topology_file import read_topology

_NAME, _SERVICE = "doomed", "stall"
_LATER, _BETWEEN = timedelta(days=30), timedelta(hours=2)
"""No environment on demand lives that long; at the next look the reaper knows what it has seen."""
_TRIES = 3
_SEED = 'seed = { invoke = "Function", expect = { answer = "stall" } }\n'


@flow(persist_result=False)
async def _reap(topology: Topology, now: datetime) -> ReapReport:
    return await reap_once(topology, "preprod", dry_run=False, now=now)


@dataclass(frozen=True)
class OnDemand:
    """One environment on demand of one service, which comes up and goes down again and again."""

    world: World
    topology: Topology
    given: Mapping[str, str]
    looks: Iterator[int] = field(default_factory=count)

    @classmethod
    def published(cls, world: World) -> OnDemand:
        subject = world.subject(_SERVICE)
        test = f'[services.{_SERVICE}.smoke_test]\ninvoke = "Function"\n'
        commit = subject.repository.commit(
            {
                "tiercel.toml": services(**{_SERVICE: _SEED + test}),
                f"{_SERVICE}/template.json": function(),
                f"{_SERVICE}/src/app.py": answering(_SERVICE),
            }
        )
        world.publish(subject, commit)
        given = {"repository": subject.name, "commit": commit, "name": _NAME}
        return cls(world, read_topology(world.config), given)

    @property
    def names(self) -> Names:
        return Names.ephemeral(self.topology, _NAME)

    def up(self) -> None:
        run_flow(ephemeral_up, Output(quiet=True), **self.given)

    def down(self) -> None:
        run_flow(ephemeral_down, Output(quiet=True), name=_NAME)

    def record(self) -> EphemeralRecord | None:
        return read_environment.fn(Target(self.world.names, "chaos").records, _NAME)

    def there(self) -> set[str]:
        """Everything in the account that has the environment's name, whoever made it."""
        prefix, root = self.names.stack_prefix, self.world.root
        stacks = root("runtime", "cloudformation").describe_stacks()["Stacks"]
        functions = root("runtime", "lambda").list_functions()["Functions"]
        roles = root("runtime", "iam").list_roles()["Roles"]
        groups = root("runtime", "logs").describe_log_groups(logGroupNamePattern=prefix)
        names = {
            *(one["StackName"] for one in stacks),
            *(one["FunctionName"] for one in functions),
            *(one["RoleName"] for one in roles),
            *(one["logGroupName"] for one in groups["logGroups"]),
        }
        return {one for one in names if prefix in one}

    def nothing_is_there(self) -> None:
        found = self.record()
        if found and found.is_active:
            self.down()

    def calls(self) -> tuple[int, int]:
        """How many calls of AWS it takes to come up, and to go down."""
        self.nothing_is_there()
        counted = []
        for deed in (self.up, self.down):
            wire = Wire(nothing, 0)
            with interceptor(wire) as url, self.world.through(url):
                deed()
            counted.append(len(wire.seen))
        return counted[0], counted[1]

    def check(self, running: Victims, deed: str, number: int) -> None:
        """What a killed run leaves, the reaper finds: it is gone then, or it is told."""
        assert any(self._killed(running, deed, number) for _ in range(_TRIES)), (
            "it was never killed: it makes fewer calls than a clean run"
        )
        report = self._reaped()
        if self.there():
            report = self._reaped()
        told = {one.name for one in report.leftovers if one.fate is not Fate.KEEP}
        orphaned = self.there() - told
        assert not orphaned, f"nobody knows of {sorted(orphaned)}: {report.summary()}"
        found = self.record()
        assert found is None or found.state is EphemeralState.GONE, found

    def _reaped(self) -> ReapReport:
        now = datetime.now(UTC) + _LATER + next(self.looks) * _BETWEEN
        report: ReapReport = asyncio.run(_reap(self.topology, now))
        return report

    def _killed(self, running: Victims, deed: str, number: int) -> bool:
        if deed == "up":
            self.nothing_is_there()
            return killed(running, number, "up", self.given, before=False)
        self.up()
        return killed(running, number, "down", {"name": _NAME}, before=False)


def _cases(world: World, size: Size) -> Iterator[Case]:
    one = OnDemand.published(world)
    with victims(world) as running:
        cases = [
            Case(
                f"{deed}: killed at call {number} of {calls}",
                partial(one.check, running, deed, number),
            )
            for deed, calls in zip(("up", "down"), one.calls(), strict=True)
            for number in range(1, calls + 1)
        ]
        yield from size.few(cases, 1)


ROW = Row(
    key="on-demand",
    title="SIGKILL at every call of an environment's coming up and going down",
    target="nothing is orphaned that the reaper does not find",
    measured="An environment on demand with one service (a function that is filled with data and "
    "smoke-tested) comes up and goes down through a proxy that counts the calls of AWS. Then, for "
    "each call, `ephemeral up` and `ephemeral down` in processes of their own are killed with "
    "SIGKILL after AWS has carried the call out and before the answer is back, which leaves in AWS "
    "what a kill before the next call leaves. The reaper then "
    "comes, later than any environment's end, and once more if anything is left: a log group is "
    "nobody's only after its function is gone. Then no stack, function, role or log "
    "group of that name is left but what its report names, and no record says that there is such "
    "an environment.",
    not_shown="Deployments on GitHub, which the world of this row has not. The reaper is not "
    "killed itself: what it has not done its next look finds.",
    cases=_cases,
)
