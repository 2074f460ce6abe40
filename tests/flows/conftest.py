"""Flows run in this process, against the sandbox and a Prefect server of their own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from github import Auth, Github
from prefect.logging.configuration import setup_logging
from prefect.settings import PREFECT_API_URL

from tests.support.aws import root_client
from tests.support.place import Place
from tests.support.prefect_server import prefect_server as server_of_the_flows
from tests.support.repositories import RepositoryMaker
from tests.support.templates import queue, services
from tests.tasks.faults import Interception, interceptor
from tiercel.domain.base.digests import sha256_hex
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.people import Team
from tiercel.tasks.aws.clients import forget_clients
from tiercel.tasks.github.transport.client import forget_github

Become = Callable[[str], None]
Watched = Callable[[Interception], AbstractContextManager[None]]
RUN_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with server_of_the_flows(tmp_path_factory.mktemp("prefect")):
        yield


@pytest.fixture
def operator(prefect_server: None, operator: Sandbox) -> Sandbox:
    """Whoever works here has flows to run; a test without AWS asks for the server itself."""
    assert prefect_server is None
    return operator


@pytest.fixture
def run_log(prefect_server: None) -> Iterator[list[logging.LogRecord]]:
    """What runs log, whatever becomes of it in Prefect's own handlers.

    A server that was made in this process forgets the handlers that Prefect knows by name, and
    then Prefect's next run would set up logging anew, without the handler that is added here.
    """
    assert prefect_server is None
    setup_logging(incremental=False)
    records: list[logging.LogRecord] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    keeper = Keeper()
    loggers = [logging.getLogger(name) for name in RUN_LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.INFO)
        logger.addHandler(keeper)
    yield records
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
        logger.removeHandler(keeper)


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Iterator[Become]:
    """Each environment's operator has credentials of its own, as its own worker would."""

    def change(environment: str) -> None:
        monkeypatch.setenv("AWS_PROFILE", environment)
        forget_clients()

    yield change
    forget_clients()


@pytest.fixture
def watched() -> Watched:
    """Inside `with watched(hook):` each call of AWS is seen by a function on its way."""

    @contextmanager
    def watching(hook: Interception) -> Iterator[None]:
        with interceptor(hook) as url, pytest.MonkeyPatch.context() as patch:
            patch.setenv("http_proxy", url)
            patch.setenv("no_proxy", urlsplit(str(PREFECT_API_URL.value())).netloc)
            forget_clients()
            try:
                yield
            finally:
                forget_clients()

    return watching


@pytest.fixture
def place(
    operator: Sandbox,
    repositories: RepositoryMaker,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> Iterator[Place]:
    """A repository of its own on GitHub, whose develop and main have the service `inbox`."""
    assert operator.github
    for name, value in operator.environ("preprod").items():
        monkeypatch.setenv(name, value)
    forget_github()
    repository = repositories.make(f"place-{sha256_hex(request.node.nodeid.encode())[:8]}")
    repository.commit({"tiercel.toml": services(inbox=""), "inbox/template.json": queue()})
    repository.merge_into_main()
    owner, _, name = repository.name.partition("/")
    operator.github.control("POST", "/repositories", owner=owner, name=name)
    team = Team(operator.github, repository.name, tmp_path / "team")
    team.clone()
    token = Auth.Token(operator.github.token("author"))
    with Github(auth=token, base_url=operator.github.api_url) as github:
        yield Place(repository, team, github)
    forget_github()
    for environment in ("preprod", "prod"):
        _remove_inbox(operator, environment)


def _remove_inbox(sandbox: Sandbox, environment: str) -> None:
    """The next place has a service of this name too, and another repository."""
    formation = root_client(sandbox, f"{environment}-runtime-root", "cloudformation")
    stack = f"acme-{environment}-inbox"
    with suppress(ClientError):  # most tests release nothing
        formation.update_termination_protection(StackName=stack, EnableTerminationProtection=False)
        formation.delete_stack(StackName=stack)
        waiter = formation.get_waiter("stack_delete_complete")
        waiter.wait(StackName=stack, WaiterConfig={"Delay": 1})
