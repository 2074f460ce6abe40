"""The wheel in an environment of its own, standing in a folder full of packages of its old names.

What `tiercel demo` does from there is told in test_demo.
"""

from __future__ import annotations

import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.commands import ROOT
from tests.support.patience import PATIENCE_SECONDS
from tests.support.wheel import Installed, build_wheel, install_wheel
from tiercel.domain.base.errors import ExitCode
from tiercel.sandbox.machine import processes
from tiercel.sandbox.machine.layout import Layout
from tiercel.sandbox.machine.prefect_server import (
    api_url,
    await_prefect,
    client_environ,
    start_prefect,
)

CONFIG = str(ROOT / "tiercel.toml")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    found = install_wheel(wheel, tmp_path_factory.mktemp("installed"))
    yield found
    assert found.imported() == ""


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A Prefect server, as the variables that lead there."""
    folder = tmp_path_factory.mktemp("prefect")
    layout = Layout(folder)
    layout.create()
    server = start_prefect(layout, 0)
    try:
        await_prefect(layout, server, lambda _: None)
        yield client_environ(api_url(server.port)) | {
            "PREFECT_HOME": str(folder / "home"),
            "PREFECT_WORKER_QUERY_SECONDS": "1",
        }
    finally:
        processes.stop([server.process])


def test_the_wheel_claims_one_name_and_has_everything_that_is_read(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"tiercel"}
    for name in ("py.typed", "prefect.yaml", "tiercel.toml", "examples/shop/tiercel.toml"):
        assert f"tiercel/{name}" in names
    assert any(name.startswith("tiercel/terraform/") for name in names)


def test_an_installation_adds_one_package(installed: Installed) -> None:
    added = {one.name for one in installed.packages.iterdir()} - {"dependencies.pth"}
    assert {name.partition("-")[0] for name in added} == {"tiercel"}


@pytest.mark.parametrize("words", [("--version",), ("--help",), ("config", "check", CONFIG)])
def test_a_command_imports_nothing_from_the_folder_it_stands_in(
    installed: Installed, words: tuple[str, ...]
) -> None:
    code, _, errors = installed.run(*words)
    assert (code, errors) == (ExitCode.OK, "")
    assert installed.imported() == ""


def test_deployments_come_from_the_wheel_and_a_run_of_them_too(
    installed: Installed, prefect: dict[str, str]
) -> None:
    code, output, errors = installed.run("up", **prefect)
    assert code == ExitCode.OK, errors
    assert "evil" not in output
    worker = installed.start("worker", "preprod", **prefect, TIERCEL_CONFIG=CONFIG)
    try:
        # It is the flow that refuses this repository, before it calls anybody.
        code, _, errors = installed.run("publish", "somebody/elses", "main", **prefect)
    finally:
        worker.send_signal(signal.SIGTERM)
        _, log = worker.communicate(timeout=PATIENCE_SECONDS)
    assert code == ExitCode.REFUSED, errors + log
    assert "is not a repository of this organization" in errors
    assert installed.imported() == ""


def test_a_worker_refuses_deployments_of_other_code(
    installed: Installed, prefect: dict[str, str]
) -> None:
    with httpx.Client(base_url=prefect["PREFECT_API_URL"]) as api:
        api.post("/work_pools/", json={"name": "prod", "type": "process"})  # or it is there
        flow = api.post("/flows/", json={"name": "evil"}).json()["id"]
        deployment = {"name": "evil", "flow_id": flow, "work_pool_name": "prod"}
        api.post(
            "/deployments/", json=deployment | {"entrypoint": "flows.publish.publish_artifact"}
        ).raise_for_status()
    code, _, errors = installed.run("worker", "prod", **prefect)
    assert code == ExitCode.CONFIGURATION
    assert "flows.publish.publish_artifact" in errors
    assert installed.imported() == ""


def test_a_worker_refuses_to_be_another_tiercel_than_the_installed_one(
    installed: Installed, prefect: dict[str, str]
) -> None:
    """As `PYTHONPATH` makes it: a checkout, or whatever has the name."""
    code, _, errors = installed.run("worker", "preprod", **prefect, PYTHONPATH=str(ROOT / "src"))
    assert code == ExitCode.CONFIGURATION
    assert str(ROOT / "src" / "tiercel") in errors
