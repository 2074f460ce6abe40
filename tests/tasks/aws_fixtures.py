"""What the tests of the AWS tasks share. A module takes a fixture by assigning its name."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from threading import Barrier
from typing import Any, TypeVar

import pytest

from tests.support.aws import profile_client
from tests.tasks.faults import Alteration, Faults, go_between, microburst
from tiercel.domain.organization.access import Access, deployer, destroyer, orchestrator
from tiercel.domain.organization.names import Names
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.aws.clients import forget_clients

R = TypeVar("R")

RUN = "tests-of-tasks"
_RUNNING = pytest.StashKey[Faults]()

Between = Callable[[Alteration], AbstractContextManager[None]]


@pytest.fixture(scope="session")
def infrastructure(preprod: Names) -> Access:
    return orchestrator(preprod, RUN)


@pytest.fixture(scope="session")
def runtime(preprod: Names) -> Access:
    return deployer(preprod, RUN)


@pytest.fixture(scope="session")
def remover(preprod: Names) -> Access:
    return destroyer(preprod, RUN)


@pytest.fixture(scope="module")
def aws(sandbox: Sandbox, emptied: None, pytestconfig: pytest.Config) -> Iterator[Faults]:
    """Every call of a module's tasks reaches the sandbox through microburst.

    The clients live as long as the module, because to make them takes longer than most tests.
    """
    assert emptied is None
    running = _one_microburst(pytestconfig, sandbox.aws_endpoint)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in sandbox.environ("preprod").items():
            patch.setenv(name, value)
        _pass_through(running.url, patch)
        try:
            yield running
        finally:
            forget_clients()


def _one_microburst(config: pytest.Config, upstream: str) -> Faults:
    """Start one for all modules: its first answer takes it three seconds."""
    if _RUNNING not in config.stash:
        stack = ExitStack()
        config.add_cleanup(stack.close)
        config.stash[_RUNNING] = stack.enter_context(microburst(upstream))
    return config.stash[_RUNNING]


@pytest.fixture
def faults(aws: Faults) -> Iterator[Faults]:
    """The microburst that all calls pass through, without a rule at first."""
    aws.inject()
    yield aws
    aws.inject()


@pytest.fixture
def between(aws: Faults) -> Between:
    """Inside `with between(alter):` all calls of the tasks pass through a go-between instead."""

    @contextmanager
    def running(alter: Alteration) -> Iterator[None]:
        with go_between(alter) as url, pytest.MonkeyPatch.context() as patch:
            _pass_through(url, patch)
            try:
                yield
            finally:
                forget_clients()

    assert aws.is_up()
    return running


def _pass_through(proxy: str, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("http_proxy", proxy)
    patch.setenv("no_proxy", "")
    forget_clients()


def root(account: str, service: str) -> Any:
    """A client that may do everything in an account of Preprod: infrastructure or runtime."""
    return profile_client(f"preprod-{account}-root", service)


def unique(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}"


def at_once(count: int, action: Callable[[int], R]) -> list[R | BaseException]:
    """What the action gives when it runs in so many threads that all start together."""
    start = Barrier(count)

    def run(index: int) -> R:
        start.wait()
        return action(index)

    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(run, index) for index in range(count)]
        return [future.exception() or future.result() for future in futures]
