"""Row: releases whose traffic shifts are killed, restarted, raced, and invoked meanwhile."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tests.chaos.frame import Case, Row, Size
from tests.chaos.kills import killed
from tests.chaos.operation import HARMS, Harm
from tests.chaos.service import Versions, published
from tests.chaos.victims import Victims, victims
from tests.chaos.wire import Wire, is_mutating, nothing, operation_of
from tests.chaos.world import World, difference, digest
from tests.support.aws import root_client
from tests.support.commands import ROOT
from tests.support.one_machine import DEPLOY, OneMachine, one_machine
from tests.support.one_machine import published as publish_on
from tests.support.repositories import RepositoryMaker
from tests.support.templates import answering, services, template
from tests.tasks.faults import Question, interceptor
from tiercel.cli.terminal.session import leave_the_world
from tiercel.domain.configuration.parsing import parse_topology

_PATIENCE_SECONDS = 60.0
_TRIES = 3
_LOOKS = 6
"""So often the first run looks at a shift before it is killed, at most."""
_INVOCATIONS, _AT_ONCE = 1_000, 6
_POINTS, _POINTS_OF_A_THIRD = 5.0, 12.0
_CANARY, _LINEAR = "chaos-half-for-three-minutes", "chaos-tenth-every-two-minutes"
_CONFIGS: dict[str, Any] = {
    _CANARY: {
        "type": "TimeBasedCanary",
        "timeBasedCanary": {"canaryPercentage": 50, "canaryInterval": 3},
    },
    _LINEAR: {
        "type": "TimeBasedLinear",
        "timeBasedLinear": {"linearPercentage": 10, "linearInterval": 2},
    },
}


def files(config: str, service: str, answer: str, delay: int = 1) -> dict[str, str]:
    """What a commit has; the delay changes nothing here, since the function does by itself."""
    function = {
        "FunctionName": f"acme-preprod-{service}",
        "CodeUri": "src/",
        "Handler": "app.handler",
        "Runtime": "python3.11",
        "AutoPublishAlias": "live",
        "DeploymentPreference": {"Type": config},
        "Description": str(delay),
    }
    resources = {"Function": {"Type": "AWS::Serverless::Function", "Properties": function}}
    return {
        "tiercel.toml": services(**{service: ""}),
        f"{service}/template.json": template(resources, Transform="AWS::Serverless-2016-10-31"),
        f"{service}/src/app.py": answering(answer),
    }


def _with_configs(codedeploy: Any) -> None:
    for name, routing in _CONFIGS.items():
        with suppress(ClientError):  # an earlier test made it
            codedeploy.create_deployment_config(
                deploymentConfigName=name, computePlatform="Lambda", trafficRoutingConfig=routing
            )


@dataclass(frozen=True)
class Shifting:
    """A published service whose second commit shifts the traffic of the first."""

    versions: Versions
    clean: dict[str, Any]
    operations: list[str]
    changes: int

    @classmethod
    def measured(cls, world: World) -> Shifting:
        """Shift once, and see which calls change something from the execution on."""
        versions = published(world, "moved", partial(files, _CANARY))
        versions.first_is_live()
        wire = Wire(nothing, 0, since_execution())
        with interceptor(wire) as url, world.through(url):
            assert world.deploy(versions.subject, versions.second)
        state, operations = seen(world, versions), world.operations(versions.subject)
        return cls(versions, state, operations, len(wire.seen))

    @property
    def world(self) -> World:
        return self.versions.world

    def kills(self, running: Victims) -> list[Case]:
        """Before and after each changing call, and at each look while the traffic shifts."""
        found = [
            Case(
                f"killed {'before' if before else 'after'} changing call {number} of "
                f"{self.changes}, counted from the execution",
                partial(self._killed, running, number, since_execution, before=before),
            )
            for number in range(1, self.changes + 1)
            for before in (True, False)
        ]
        looks = [
            Case(
                f"killed at look {number} at what shifts",
                partial(self._killed, running, number, lambda: is_look, before=False),
            )
            for number in range(1, _LOOKS + 1)
        ]
        return [*looks, *found]

    def _killed(
        self,
        running: Victims,
        number: int,
        counts: Callable[[], Callable[[Question], bool]],
        *,
        before: bool,
    ) -> None:
        """Kill a deploy, run it again, and find one deployment and what a clean run leaves."""
        given = {"repository": self.versions.subject.name, "commit": self.versions.second}
        for _ in range(_TRIES):
            known = self.prepare()
            if killed(running, number, "deploy", given, before=before, counts=counts()):
                break
        else:
            raise AssertionError("it was never killed: it makes fewer calls than a clean run")
        self.world.deploy(self.versions.subject, self.versions.second)
        self.check(known)

    def prepare(self) -> set[str]:
        """Bring the first commit up; return the deployments that there have been until now."""
        self.versions.first_is_live()
        return deployments(self.world.root("runtime", "codedeploy"))

    def check(self, known: set[str]) -> None:
        """One deployment, weights whole, and a ledger that says both."""
        world, subject = self.world, self.versions.subject
        (made,) = deployments(world.root("runtime", "codedeploy")) - known
        whole(world.root("runtime", "lambda"), f"acme-preprod-{subject.service}", "2")
        state = seen(world, self.versions)
        assert digest(state) == digest(self.clean), difference(state, self.clean)
        told = [one["deployment"] for one in newest_traffic(world.ledger(subject))]
        assert told == [made], f"the ledger has {told}"
        assert world.operations(subject) == self.operations, "an operation was started twice"

    def several(self, running: Victims, commits: Callable[[Versions], list[str]]) -> None:
        """Runs of these commits begin while the traffic of the second shifts."""
        known = self.prepare()
        first = self._begin(running, self.versions.second)
        until(lambda: self._share() > 0)
        others = [self._begin(running, one) for one in commits(self.versions)]
        for one in (first, *others):
            code, said = running.end(one)
            assert code == 0 or "error" in said, said
        self.check(known)

    def _begin(self, running: Victims, commit: str) -> int:
        return running.start("deploy", "", repository=self.versions.subject.name, commit=commit)

    def _share(self) -> float:
        return share(self.world.root("runtime", "lambda"), "acme-preprod-moved")


def since_execution() -> Callable[[Question], bool]:
    """Return what counts the calls that change something, from the change set's execution on."""
    begun: list[bool] = []

    def counts(question: Question) -> bool:
        if operation_of(question) == "ExecuteChangeSet":
            begun.append(True)
        # How often a lease is renewed depends on how long all takes.
        return bool(begun) and is_mutating(question) and "/leases/" not in question.path

    return counts


def is_look(question: Question) -> bool:
    return operation_of(question) == "BatchGetDeploymentTargets"


def deployments(codedeploy: Any) -> set[str]:
    pages = codedeploy.get_paginator("list_deployments").paginate()
    return {one for page in pages for one in page["deployments"]}


def share(functions: Any, function: str) -> float:
    """What the second version has of the alias's traffic, from 0 to 1."""
    alias = functions.get_alias(FunctionName=function, Name="live")
    if alias["FunctionVersion"] != "1":
        return 1.0
    weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    return float(sum(weights.values()))


def whole(functions: Any, function: str, version: str) -> None:
    alias = functions.get_alias(FunctionName=function, Name="live")
    assert alias["FunctionVersion"] == version, alias
    assert "RoutingConfig" not in alias, "two versions share the alias"


def newest_traffic(ledger: dict[str, Any]) -> list[dict[str, Any]]:
    outcomes = sorted(key for key in ledger if key.endswith("outcome.json"))
    return list(ledger[outcomes[-1]]["traffic"])


def seen(world: World, versions: Versions) -> dict[str, Any]:
    """What a deploy leaves; of a shift what does not differ from one to the next."""
    state = world.state(versions.subject)
    for key, entry in state["ledger"].items():
        if key.endswith("outcome.json"):
            kept = ("status", "percent", "old_version", "new_version", "configuration")
            entry["traffic"] = [{name: one[name] for name in kept} for one in entry["traffic"]]
    return state


def until(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not found():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


# Invocations while weights move


@dataclass(frozen=True)
class Answered:
    """What one invocation got, and which share the second version had just before and after."""

    is_second: bool
    share: float


def _invoked(world: World, running: Victims) -> None:
    """Invoke the alias a thousand times while it shifts in ten steps."""
    versions = published(world, "asked", partial(files, _LINEAR))
    versions.first_is_live()
    name = "acme-preprod-asked"
    run = running.start("deploy", "", repository=versions.subject.name, commit=versions.second)
    shares = root_client(world.sandbox, "preprod-runtime-root", "lambda")
    until(lambda: share(shares, name) > 0)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        parts = [pool.submit(_ask, world, name) for _ in range(_AT_ONCE)]
        answers = [one for part in parts for one in part.result()]
    code, said = running.end(run)
    assert code == 0, said
    assert len(answers) >= _INVOCATIONS, f"only {len(answers)} invocations came into the shift"
    _matches(answers, _POINTS)
    ordered = sorted(answers, key=lambda one: one.share)
    size = len(ordered) // 3
    for third in (ordered[:size], ordered[size:-size], ordered[-size:]):
        _matches(third, _POINTS_OF_A_THIRD)
    whole(shares, name, "2")


def _ask(world: World, name: str) -> list[Answered]:
    """Ask until all traffic has gone over; what a step of the weights fell into does not count."""
    functions = root_client(world.sandbox, "preprod-runtime-root", "lambda")
    found: list[Answered] = []
    before = share(functions, name)
    while before < 1:
        told = functions.invoke(FunctionName=f"{name}:live")
        is_second = json.loads(told["Payload"].read())["answer"] == "second"
        after = share(functions, name)
        if before == after:
            found.append(Answered(is_second, before))
        before = after
    return found


def _matches(answers: list[Answered], points: float) -> None:
    """Compare what the second version got with what its weights say that it gets."""
    got = 100 * sum(one.is_second for one in answers) / len(answers)
    wanted = 100 * sum(one.share for one in answers) / len(answers)
    assert abs(got - wanted) <= points, f"{got:.1f} % of {len(answers)} instead of {wanted:.1f} %"


# A machine whose worker and server are restarted


def _survives(machine: OneMachine, harm: Harm, name: str) -> None:
    codedeploy, functions = (
        root_client(machine.sandbox, "preprod-runtime-root", one)
        for one in ("codedeploy", "lambda")
    )
    _with_configs(codedeploy)
    maker = RepositoryMaker(machine.sandbox.state, machine.folder / "repositories")
    repository = maker.make(name)
    worker = machine.start_worker(name)
    try:
        first = repository.commit(files(_CANARY, name, "first"))
        publish_on(machine, repository.name, first)
        run = machine.api.start(DEPLOY, repository=repository.name, commit=first)
        assert machine.api.await_state(run, {"Completed"}) == "Completed"
        second = repository.commit(files(_CANARY, name, "second", delay=2))
        publish_on(machine, repository.name, second)
        known = deployments(codedeploy)
        run = machine.api.start(DEPLOY, repository=repository.name, commit=second)
        until(lambda: share(functions, f"acme-preprod-{name}") > 0)
        last = harm(machine, worker, run)
        assert machine.api.await_state(last, {"Completed"}) == "Completed"
        assert len(deployments(codedeploy) - known) == 1
        whole(functions, f"acme-preprod-{name}", "2")
        assert machine.releases()[f"acme-preprod-{name}"] == "succeeded"
    finally:
        for service in machine.services:
            if service is not machine.server:
                service.kill()


def _on_a_machine(world: World) -> Iterator[Case]:
    topology = parse_topology((ROOT / "tiercel.toml").read_text())
    leave_the_world()  # the machine has a sandbox of its own
    try:
        with (
            tempfile.TemporaryDirectory(prefix="tiercel-machine-") as folder,
            one_machine(Path(folder), topology) as machine,
        ):
            for number, (what, harm) in enumerate(HARMS.items()):
                name = f"restart-{number}"
                yield Case(f"{what} while traffic shifts", partial(_survives, machine, harm, name))
    finally:
        world.work()


def _cases(world: World, size: Size) -> Iterator[Case]:
    _with_configs(world.root("runtime", "codedeploy"))
    shifting = Shifting.measured(world)
    with victims(world) as running:
        yield from size.few(shifting.kills(running), 1)
        if not size.full:
            return
        others: dict[str, Callable[[Versions], list[str]]] = {
            "a second run of the same commit": lambda of: [of.second],
            "three more runs of the same commit": lambda of: [of.second] * 3,
            "an older commit": lambda of: [of.first],
            "an older commit and a second run": lambda of: [of.first, of.second],
        }
        for what, commits in others.items():
            yield Case(f"{what} meanwhile", partial(shifting.several, running, commits))
        yield Case("1,000 invocations while weights move", partial(_invoked, world, running))
    yield from _on_a_machine(world)


ROW = Row(
    key="traffic",
    title="Traffic that shifts: killed at every changing call and look, restarted, raced, and "
    "invoked 1,000 times",
    target="one deployment, weights whole, the ledger true; counts within 5 points of the weights",
    measured="A function's second version is released by canary. A deploy in a process of its own "
    "is killed with SIGKILL before and after each call that changes something, from the execution "
    "of the change set to the end of the release, and at each of its first looks at what shifts; "
    "then it is run again. Further runs of the same commit and of an older one begin while traffic "
    "shifts. On a machine with the shipped units the server is restarted, the worker gets SIGTERM, "
    "the worker and all that it started get SIGKILL, each while traffic shifts. After each there "
    "has been one deployment of CodeDeploy, the alias has the second version alone, and the "
    "release is recorded once, with that deployment, as a clean run records it. Then an alias that "
    "shifts in ten steps is invoked at least 1,000 times: the share that the second version "
    "answered is compared with the mean of its weights, within 5 points, and within 12 in each "
    "third of the steps.",
    not_shown="Deaths while the lease is renewed or given back, which the row `kills` has. "
    "CodeDeploy itself, for which the sandbox has a stand-in that runs 60 times as fast. "
    "Functions with several aliases that shift side by side.",
    cases=_cases,
)
