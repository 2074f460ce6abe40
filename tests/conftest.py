"""The sandbox that every test with AWS shares, and repositories to release from."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.leavings import remove_leavings
from tests.support.pace import botocore_at_pace, hurry
from tests.support.repositories import RepositoryMaker
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.sandbox import lifecycle
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.engine.pace import PACE_VARIABLE

# What is said of the GitHub stand-in is added up over all workers of a session.
pytest_plugins = ["tests.sandbox.github.tally", "tests.support.tiers"]
ROOT = Path(__file__).parent.parent


def pytest_configure() -> None:
    # Python would look for garbage among what thousands of tests are made of, again and again.
    gc.set_threshold(20_000, 20, 20)
    # A shell has what it puts into the background ignore this, and so would what tests interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    hurry()


def pytest_collection_finish() -> None:
    gc.freeze()


@pytest.fixture(autouse=True)
def pace(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are short, unless the marker says that they are what the test is about."""
    if request.node.get_closest_marker("real_time"):
        monkeypatch.delenv(PACE_VARIABLE)


@pytest.fixture(scope="session")
def topology() -> Topology:
    return parse_topology((ROOT / "tiercel.toml").read_text())


@pytest.fixture(scope="session")
def preprod(topology: Topology) -> Names:
    return Names.of(topology, "preprod")


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory, topology: Topology) -> Iterator[Sandbox]:
    state = tmp_path_factory.mktemp("sandbox")
    with botocore_at_pace():
        yield lifecycle.up(state, topology, prefect=False)
    lifecycle.down(state)


@pytest.fixture(scope="module")
def emptied(sandbox: Sandbox) -> Iterator[None]:
    """The next file of tests finds no stack and no object of this one."""
    yield
    remove_leavings(sandbox)


@pytest.fixture
def operator(sandbox: Sandbox, emptied: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    assert emptied is None
    from tiercel.tasks.aws.clients import forget_clients

    for name, value in sandbox.environ("preprod").items():
        monkeypatch.setenv(name, value)
    # git reads the repositories as files, and nobody speaks to GitHub.
    monkeypatch.setenv("GITHUB_SERVER_URL", (sandbox.state / "repositories").as_uri())
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.setenv("TIERCEL_CACHE_DIR", str(sandbox.state / "cache"))
    monkeypatch.setenv("TIERCEL_CONFIG", str(ROOT / "tiercel.toml"))
    forget_clients()
    yield sandbox
    forget_clients()


@pytest.fixture
def repositories(sandbox: Sandbox, tmp_path: Path) -> RepositoryMaker:
    return RepositoryMaker(sandbox.state, tmp_path / "repositories")
