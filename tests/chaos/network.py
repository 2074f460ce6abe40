"""Row: throttle, 500, 503, reset, hang, truncated body, on every operation that is used."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.chaos.frame import Case, Row, Size
from tests.chaos.service import Versions, files, published
from tests.chaos.victims import Victims, victims
from tests.chaos.wire import Ask, Wire, break_off, nothing, operation_of
from tests.chaos.world import Subject, World, difference, digest
from tests.tasks.faults import Faults, Question, Rule, error, interceptor, microburst

_TIMES = 3
_HANG_SECONDS = 61.0
"""One second more than the product waits for an answer."""


def _effect(fault: str, operation: str) -> dict[str, Any]:
    """What each service answers: HEAD of S3 has no body, and then the status has to tell."""
    throttle = {
        "kms": ("ThrottlingException", 400),
        "lambda": ("TooManyRequestsException", 429),
        "s3": ("SlowDown", 503),
    }
    return {
        "throttle": error(*throttle.get(service_of(operation), ("Throttling", 400))),
        "500": error("InternalError" if "Object" in operation else "InternalFailure", 500),
        "503": error("ServiceUnavailable", 503),
        "reset": {"reset": True},
    }[fault]


def service_of(operation: str) -> str:
    if operation == "Invoke":
        return "lambda"
    if operation in ("AssumeRole", "GetCallerIdentity"):
        return "sts"
    if operation in ("GetPublicKey", "Sign"):
        return "kms"
    return "s3" if "Object" in operation else "cloudformation"


@dataclass(frozen=True)
class Network:
    """A service that is created from nothing, over a network that does harm."""

    world: World
    versions: Versions
    faults: Faults
    clean: dict[str, Any]

    def cases(self, operations: list[str]) -> Iterator[Case]:
        for operation in operations:
            for fault in ("throttle", "500", "503", "reset"):
                name = f"{fault} on the first {_TIMES} of {operation}"
                yield Case(name, partial(self._injected, fault, operation))
            name = f"the first answer of {operation} breaks off"
            yield Case(name, partial(self._broken_off, operation))

    def _injected(self, fault: str, operation: str) -> None:
        """microburst says what it has met: a rule that never fires would prove nothing."""
        rule: Rule = {
            "service": service_of(operation),
            "operation": operation,
            "times": _TIMES,
            **_effect(fault, operation),
        }
        self.faults.inject(rule)
        try:
            with self.world.through(self.faults.url):
                self._deploys()
            assert self.faults.fired() == [operation] * _TIMES
        finally:
            self.faults.inject()

    def _broken_off(self, operation: str) -> None:
        wire = Wire(break_off, 1, lambda question: operation_of(question) == operation)
        with interceptor(wire) as url, self.world.through(url):
            self._deploys()
        assert wire.met

    def _deploys(self) -> None:
        self.versions.nothing_is_live()
        self.world.deploy(self.versions.subject, self.versions.second)
        state = self.world.state(self.versions.subject)
        assert digest(state) == digest(self.clean), difference(state, self.clean)


@dataclass(frozen=True)
class Patient:
    """A deploy in a process of its own that meets something that takes a minute or more."""

    name: str
    subject: Subject
    commit: str
    wire: Wire

    def begin(self, running: Victims, url: str) -> int:
        return running.start("deploy", url, repository=self.subject.name, commit=self.commit)


def _hang(_: Question, _ask: Ask) -> None:
    time.sleep(_HANG_SECONDS)


def _is(operation: str) -> Callable[[Question], bool]:
    return lambda question: operation_of(question) == operation


def _patients(world: World, operations: list[str]) -> Iterator[Patient]:
    for operation in operations:
        name = f"{operation} hangs once"
        yield _patient(world, name, f"hang-{operation.lower()}", Wire(_hang, 1, _is(operation)))


def _patient(world: World, name: str, service: str, wire: Wire) -> Patient:
    subject = world.subject(service)
    commit = subject.repository.commit(files(service, service))
    world.publish(subject, commit)
    return Patient(name, subject, commit, wire)


def _all_at_once(running: Victims, patients: list[Patient]) -> list[Case]:
    """Let them wait side by side, because each waits a minute; then a case for each."""
    with ExitStack() as proxies:
        begun = [
            (one, one.begin(running, proxies.enter_context(interceptor(one.wire))))
            for one in patients
        ]
        ended = [(one, running.end(victim)) for one, victim in begun]
    return [Case(one.name, partial(_recovered, one, *end)) for one, end in ended]


def _recovered(patient: Patient, code: int, said: dict[str, Any]) -> None:
    assert patient.wire.met, "the fault never fired"
    assert code == 0, said
    assert said["changed"] == {patient.subject.service: True}


def _cases(world: World, size: Size) -> Iterator[Case]:
    versions = published(world, "stormy")
    versions.nothing_is_live()
    wire = Wire(nothing, 0)
    with interceptor(wire) as url, world.through(url):
        world.deploy(versions.subject, versions.second)
    clean = world.state(versions.subject)
    operations = sorted({call.partition(" ")[0] for call in wire.seen})
    with microburst(world.sandbox.aws_endpoint) as faults:
        network = Network(world, versions, faults, clean)
        yield from size.few(list(network.cases(operations)), 3)
    if size.full:
        with victims(world) as running:
            yield from _all_at_once(running, list(_patients(world, operations)))


ROW = Row(
    key="network",
    title="throttle, 500, 503, reset, hang, truncated body on every operation used",
    target="99 % recover, the rest fail cleanly with a message",
    measured="For each operation that a creation uses: AWS's own throttling answer, 500, 503 and a "
    f"closed connection, each {_TIMES} times in a row, from microburst, which tells what fired; "
    "an answer that ends in the middle; and an answer that does not come for "
    f"{_HANG_SECONDS:g} seconds. The deploy has to end in the state of a clean run by itself.",
    not_shown="Outages longer than all retries together: the unit tests of each task show how "
    "those are reported. One call is harmed at a time, never two operations at once.",
    cases=_cases,
    least_share=0.99,
)
