"""Row: whole drills, each refused a permission at first and killed at a random call then."""

from __future__ import annotations

import json
import random
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.chaos.frame import Case, Row, Size
from tests.chaos.world import World
from tests.support.aws import root_client
from tests.support.commands import ROOT, data_in, run, start
from tests.support.repositories import RepositoryMaker
from tests.support.templates import answering, function, queue, services
from tiercel.cli.terminal.session import leave_the_world
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.organization.names import Names, Role
from tiercel.sandbox import lifecycle
from tiercel.sandbox.aws.journal import journal_size
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.machine.prefect_server import client_environ

_DRILLS = 10
_LEASE_SECONDS = 3
_PATIENCE_SECONDS = 120.0
_LATEST_CALL = 120
"""A drill of these two stacks makes some more calls than that."""
_ROLES = (Role.DESTROYER, Role.DEPLOYER, Role.AUDITOR)


@dataclass(frozen=True)
class Ground:
    """A sandbox of its own, because everything in it is deleted."""

    sandbox: Sandbox
    names: Names
    config: Path
    server: dict[str, str]
    """Where Prefect is."""

    def command(self, *arguments: str) -> list[str]:
        where = ("--sandbox", "--state", str(self.sandbox.state), "--config", str(self.config))
        return [*arguments, *where]

    def told(self, *arguments: str) -> Any:
        """What a command says that has to succeed."""
        code, output, errors = run(*self.command(*arguments), "--json", **self.server)
        assert code == 0, output + errors
        return data_in(output)

    def live(self) -> dict[str, str]:
        """The artifact of each stack, as the ledger has it."""
        live: dict[str, str] = {}
        for one in self.told("releases", "preprod", "--newest", "1"):
            live[one["stack"]] = one["artifact_digest"]
        return live

    def stacks(self) -> dict[str, str]:
        formation = root_client(self.sandbox, "preprod-runtime-root", "cloudformation")
        found = formation.describe_stacks()["Stacks"]
        return {one["StackName"]: one["StackStatus"] for one in found}

    @contextmanager
    def without(self, role: Role) -> Iterator[None]:
        """Meanwhile a role may do nothing."""
        iam = root_client(self.sandbox, "preprod-runtime-root", "iam")
        name = self.names.role(role)
        kept = {
            policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        }
        for policy in kept:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        try:
            yield
        finally:
            for policy, document in kept.items():
                iam.put_role_policy(
                    RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document)
                )


def _drilled(ground: Ground, role: Role, call: int) -> None:
    before, digests = ground.stacks(), ground.live()
    plan = ground.told("rebuild", "preprod", "--plan-only", "--local")
    alias = plan["plan"]["alias"]
    drill = ("rebuild", "preprod", "--local", "--approve", plan["digest"], "--account", alias)
    with ground.without(role):
        code, output, errors = run(*ground.command(*drill), **ground.server)
        assert code, f"it ended well without what {role} may do: {output}{errors}"
    _killed(ground, drill, call)
    report = ground.told(*drill)
    assert not report["failures"], report["failures"]
    assert not report["differences"], report["differences"]
    assert ground.stacks().keys() == before.keys()
    assert ground.live() == digests
    drills = ground.told("drills", "preprod")
    assert drills[0]["number"] == report["number"], "the drill is not reported"


def _killed(ground: Ground, drill: tuple[str, ...], call: int) -> None:
    since = journal_size(ground.sandbox.journal)
    victim = start(*ground.command(*drill), **ground.server)
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until and victim.poll() is None:
        with ground.sandbox.journal.open("rb") as journal:
            journal.seek(since)
            if journal.read().count(b"\n") >= call:
                break
        time.sleep(0.005)
    assert victim.poll() is None, f"it ended before call {call}: {victim.communicate()}"
    victim.kill()
    victim.communicate()


@contextmanager
def _ground(server: str) -> Iterator[Ground]:
    text = (ROOT / "tiercel.toml").read_text()
    topology = parse_topology(text)
    with tempfile.TemporaryDirectory(prefix="tiercel-drills-") as folder:
        state = Path(folder, "sandbox")
        sandbox = lifecycle.up(state, topology, prefect=False)
        try:
            config = Path(folder, "tiercel.toml")
            config.write_text(
                re.sub(r"(?m)^seconds = \d+$", f"seconds = {_LEASE_SECONDS}", text, count=1)
            )
            ground = Ground(sandbox, Names.of(topology, "preprod"), config, client_environ(server))
            made = RepositoryMaker(state, Path(folder, "repositories")).make("drills")
            commit = made.commit(
                {
                    "tiercel.toml": services(
                        store="",
                        desk='depends_on = ["store"]\n'
                        '[services.desk.smoke_test]\ninvoke = "Function"\n',
                    ),
                    "store/template.json": queue(),
                    "desk/template.json": function(Parameters={"QueueName": {"Type": "String"}}),
                    "desk/src/app.py": answering("desk"),
                }
            )
            for verb in ("publish", "deploy"):
                ground.told(verb, made.name, commit, "--local")
            yield ground
        finally:
            lifecycle.down(state)


def _cases(world: World, size: Size) -> Iterator[Case]:
    dice = random.Random(size.seed)  # noqa: S311 - which call, and nothing secret
    leave_the_world()
    try:
        with _ground(world.server) as ground:
            for number in range(size.number(_DRILLS, 1)):
                role, call = _ROLES[number % len(_ROLES)], dice.randint(1, _LATEST_CALL)
                name = f"drill {number + 1}: {role} denied, then killed at call {call}"
                yield Case(name, partial(_drilled, ground, role, call))
    finally:
        world.work()


ROW = Row(
    key="drills",
    title="Whole drills, each refused a permission and then killed at a random call",
    target="the same final state, nothing left unreported",
    measured="Ten drills of two stacks in a sandbox of their own. Each is first run while one of "
    "the roles destroyer, deployer and auditor may do nothing, and has to fail; then it is killed "
    "with SIGKILL at a random call, and run once more. After that both stacks are there, with the "
    "same artifacts, and the drill's report has no failure and no difference.",
    not_shown="AWS's own failures in the middle of a deletion.",
    cases=_cases,
    sampled=False,
)
