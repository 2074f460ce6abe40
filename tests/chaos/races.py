"""Row: many writers want one lease, and whole processes want one stack."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus

from tests.chaos.frame import Case, Row, Size
from tests.chaos.service import Versions, published
from tests.chaos.world import Subject, World
from tests.support.commands import start
from tiercel.domain.base.errors import ExitCode, InterruptedRunError, LeaseLostError
from tiercel.domain.organization.access import Records, orchestrator
from tiercel.domain.release.lease import Lease, lease_key
from tiercel.sandbox.machine.prefect_server import client_environ
from tiercel.tasks.engine.pace import stoppable
from tiercel.tasks.records.lease import HeldLease, give_back_lease, renew_lease, take_lease

RACERS = 20
_SHORT_SECONDS = 1.0
_LONG_SECONDS = 600.0
_PATIENCE_SECONDS = 120.0
_STRAGGLERS_SECONDS = 0.3
"""In this time whoever else believes to have the lease shows up."""


@dataclass
class Race:
    """Twenty threads that want one lease at the same moment, until one of them has it."""

    world: World
    stack: str
    winners: list[HeldLease] = field(default_factory=list)

    def run(self) -> HeldLease:
        """Let them race; return the winner's lease. All others are told to stop."""
        line = threading.Barrier(RACERS)
        with stoppable() as stop, ThreadPoolExecutor(RACERS) as pool:
            racers = [
                pool.submit(copy_context().run, self._race, index, line) for index in range(RACERS)
            ]
            while not self.winners and not all(one.done() for one in racers):
                time.sleep(0.01)
            time.sleep(_STRAGGLERS_SECONDS)
            stop.set()
            for one in racers:
                one.result(_PATIENCE_SECONDS)
        assert len(self.winners) == 1, f"{len(self.winners)} writers at once"
        return self.winners[0]

    def _race(self, index: int, line: threading.Barrier) -> None:
        wanted = Lease(stack=self.stack, holder=f"racer {index}", fencing=1, seconds=_LONG_SECONDS)
        names = self.world.names
        line.wait()
        with suppress(InterruptedRunError):
            held = take_lease.fn(
                Records(orchestrator(names, "race"), names.artifact_bucket), wanted
            )
            self.winners.append(held)


def stored(world: World, stack: str) -> Lease:
    body = world.read("infrastructure", world.names.artifact_bucket, lease_key(stack))
    return Lease.model_validate_json(body)


def _free(world: World, stack: str) -> None:
    """Nobody ever had the lease, and then it is given back and raced for once more."""
    first = Race(world, stack).run()
    assert stored(world, stack) == first.lease
    give_back_lease(first)
    second = Race(world, stack).run()
    assert stored(world, stack) == second.lease
    assert second.lease.fencing == first.lease.fencing + 1


def _silent(world: World, stack: str) -> None:
    """The holder has gone silent: one takes over, and the holder writes nothing when it wakes."""
    wanted = Lease(stack=stack, holder="asleep", fencing=1, seconds=_SHORT_SECONDS)
    access = orchestrator(world.names, "race")
    asleep = take_lease.fn(Records(access, world.names.artifact_bucket), wanted)
    time.sleep(_SHORT_SECONDS + 1.2)  # S3 tells the time in whole seconds
    awake = Race(world, stack).run()
    assert awake.lease.fencing == asleep.lease.fencing + 1
    try:
        renew_lease(asleep)
    except LeaseLostError:
        give_back_lease(asleep)
    else:
        raise AssertionError("a stale writer has renewed its lease")
    assert stored(world, stack) == awake.lease, "a stale write"


def _processes(world: World, versions: Versions, number: int) -> None:
    """Five processes want two different things of one stack at the same time."""
    subject = versions.subject
    place = ("--sandbox", "--state", str(world.sandbox.state), "--config", str(world.config))
    back = ("rollback", subject.stack, "--to", "1", "--local", *place)
    forth = ("rollback", subject.stack, "--to", "2", "--local", *place)
    deploy = ("deploy", subject.name, versions.second, "--local", *place)
    since, before = world.mark(), len(world.operations(subject))
    running = [
        start(*command, **client_environ(world.server))
        for command in (back, forth, deploy, forth, back)[: 4 + number % 2]
    ]
    ended = [(one.communicate(timeout=_PATIENCE_SECONDS), one.returncode) for one in running]
    assert {code for _, code in ended} <= {ExitCode.OK, ExitCode.REFUSED}, ended
    tokens = world.operations(subject)[before:]
    releases = [int(token.split("-")[1]) for token in tokens]
    assert releases == sorted(set(releases)), f"not one writer after the other: {tokens}"
    executed = [one for one in world.calls(since) if one.operation == "ExecuteChangeSet"]
    assert sum(one.status == HTTPStatus.OK for one in executed) == len(tokens)
    _is_the_newest(world, subject)


def _is_the_newest(world: World, subject: Subject) -> None:
    """What runs is the newest release that was carried out: nothing older came after it."""
    history = [
        json.loads(world.read("infrastructure", world.names.artifact_bucket, key))
        for key in world.keys(
            "infrastructure", world.names.artifact_bucket, f"ledger/{subject.stack}/"
        )
        if key.endswith("outcome.json")
    ]
    live = [outcome for outcome in history if outcome["deployed"]][-1]
    assert live["stack_token"] == world.operations(subject)[-1], "a stale write"


def _cases(world: World, size: Size) -> Iterator[Case]:
    for number in range(size.number(50, 2)):
        race = _silent if number % 2 else _free
        stack = f"acme-preprod-raced-{number}"
        yield Case(f"{RACERS} racers, round {number + 1}", partial(race, world, stack))
    if size.full:
        versions = published(world, "rivals")
        versions.first_is_live()
        world.deploy(versions.subject, versions.second)
        for number in range(3):
            name = f"processes, round {number + 1}"
            yield Case(name, partial(_processes, world, versions, number))


ROW = Row(
    key="races",
    title="20 racers for one lease, 50 rounds; whole processes racing, 3 rounds",
    target="1 writer each, 0 stale writes",
    measured=f"{RACERS} threads want one lease at the same moment. In every second round nobody "
    "has it, and it is raced for again when the winner has given it back; in the others its holder "
    "has gone silent, is taken over by one, and neither renews nor gives back anything when it "
    "wakes. Then four or five `tiercel` processes at once roll one stack back to two different "
    "releases and deploy to it: its operations have to come one after the other, in the order of "
    "the ledger, each once, and what runs at the end has to be the newest release.",
    not_shown="Clocks that differ: S3's own clock decides. A process that is stopped between its "
    "last look at the lease and its call meets CloudFormation as the last fence; decision 10 says "
    "what that means.",
    cases=_cases,
)
