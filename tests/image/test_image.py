"""The image of deployments/container, built by podman and started as tasks and pods are.

Containers have a read-only root, the user without rights, no capability and no network but
loopback. Servers have PostgreSQL and Redis of this machine.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.image.base import made_base, why_none
from tests.image.definitions import (
    API_URL,
    HEALTH_PORT,
    Container,
    filled,
    of_pod,
    of_task,
    settings,
    variables,
)
from tests.image.engine import TAG, Engine, confined, why_impossible
from tests.image.loopback import loopback_alone
from tests.image.registries import machines_own, secrets
from tests.support import templates
from tests.support.databases import postgresql, postgresql_programs, redis, redis_program
from tests.support.plain_http import ask
from tests.support.prefect_api import PrefectApi
from tests.support.repositories import RepositoryMaker
from tiercel.domain.base.errors import ExitCode
from tiercel.domain.base.failure_document import KEY
from tiercel.domain.organization.topology import Topology
from tiercel.sandbox import lifecycle
from tiercel.sandbox.aws.journal import read_journal
from tiercel.sandbox.lifecycle import Sandbox

pytestmark = [pytest.mark.process, pytest.mark.timeout(2400)]

ROOT = Path(__file__).parents[2]
PACKAGE = "opt/tiercel/lib/python3.11/site-packages/tiercel"
PUBLISH = "publish-artifact/publish-artifact-preprod"
DEPLOY = "deploy-to-preprod/deploy-to-preprod"
REAP = "reap/reap-preprod"
CREDENTIAL = ("tiercel", "secret")
STOPPED_WITHIN = 30
"""Seconds that ECS and Kubernetes give what they stop."""
KILLED = 137


@pytest.fixture(scope="module")
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """An engine that has built the image; what is started by it reaches loopback alone."""
    given = request.config.getoption("--base")
    if why := why_impossible() or why_none(given):
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("image")
    engine = Engine(folder / "engine")
    try:
        base = given or made_base(engine, folder / "base")
        engine.build(ROOT, base, secrets(folder))
        with loopback_alone():
            yield engine
    finally:
        engine.remove_everything()


@pytest.fixture(scope="module")
def files(engine: Engine) -> Path:
    """The files of the image; they go with the engine."""
    return Path(engine.call("image", "mount", TAG).strip())


@dataclass(frozen=True)
class Place:
    """A Prefect server of containers, and what they are told."""

    engine: Engine
    api: PrefectApi
    secrets: dict[str, str]
    client: tuple[str, ...]

    def start(self, name: str, container: Container) -> None:
        self.engine.call(
            *("run", "--detach", "--name", name, *confined(), *container.flags),
            *(TAG, *container.command),
        )

    def stop(self, name: str) -> int:
        """Stop a container as its platform would, and return its exit code."""
        self.engine.call("stop", "--time", str(STOPPED_WITHIN), name)
        return int(self.engine.call("inspect", "--format", "{{.State.ExitCode}}", name))

    def execute(self, run: str, *flags: str, **told: str) -> str:
        """Execute a run as a task of its own and return its log."""
        told |= {"PREFECT_API_URL": API_URL, "PREFECT__FLOW_RUN_ID": run}
        container = of_task("run", self.secrets, **told)
        done = self.engine.tried(
            *("run", "--rm", *confined(), *container.flags, *flags, TAG, *container.command),
            seconds=240,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def place(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    programs, program = postgresql_programs(), redis_program()
    if not programs or not program:
        pytest.skip("PostgreSQL 15 or newer, or Redis, is not installed")
    with postgresql(programs) as database, redis(program) as broker:
        credential = ":".join(CREDENTIAL)
        told = {
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
            "PREFECT_REDIS_MESSAGING_URL": broker,
            "PREFECT_REDIS_WORKER_CLEANUP_QUEUE_URL": broker,
            "PREFECT_SERVER_DOCKET_URL": broker,
            "PREFECT_SERVER_API_AUTH_STRING": credential,
            "PREFECT_API_AUTH_STRING": credential,
            "GITHUB_TOKEN": "none",
        }
        client = {"PREFECT_API_URL": API_URL, "PREFECT_API_AUTH_STRING": credential}
        place = Place(engine, PrefectApi(API_URL, CREDENTIAL), told, tuple(variables(client)))
        migration = of_task("server-migration", told)
        engine.call("run", "--rm", *confined(), *migration.flags, TAG, *migration.command)
        try:
            place.start("services", of_task("server-services", told))
            place.start("api", of_task("server-api", told))
            place.api.await_answer()
            install(place, tmp_path_factory.mktemp("installation"))
            yield place
        finally:
            engine.remove_containers()


def install(place: Place, folder: Path) -> None:
    """What running.md has an administrator do: the work pool, then `tiercel up`."""
    template = folder / "work-pool.json"
    template.write_text(filled("ecs/work-pool.json"))
    template.chmod(0o644)
    given = f"--volume={template}:/work-pool.json:ro"
    words = ("work-pool", "create", "--type", "ecs", "--base-job-template", "/work-pool.json")
    code, _, errors = place.engine.once("prefect", *words, "preprod", flags=(given, *place.client))
    assert code == 0, errors
    code, output, errors = place.engine.once(
        "tiercel", "up", "--environment", "preprod", flags=place.client
    )
    assert code == ExitCode.OK, output + errors


def test_the_image_has_all_files_of_the_package_and_no_others(files: Path) -> None:
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True)
    linked = {path.name for path in (ROOT / "src" / "tiercel").iterdir() if path.is_symlink()}
    wanted = {
        name.removeprefix("src/tiercel/")
        for name in names.stdout.split("\0")
        if name.startswith("src/tiercel/") or name.partition("/")[0] in linked
    } - linked | {name for name in linked if (ROOT / name).is_file()}
    package = files / PACKAGE
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert found == wanted


def test_the_image_holds_no_cache_and_nothing_of_the_machine_that_built_it(
    engine: Engine, files: Path
) -> None:
    for name in ("etc/pip.conf", "etc/uv", "root/.cache", "root/.config", "source", "builder"):
        assert not (files / name).exists()
    for name in ("tmp", "var/cache/apt", "var/lib/apt/lists"):
        assert [path for path in (files / name).rglob("*") if path.is_file()] == []
    told = json.dumps(engine.described()) + engine.call("history", "--no-trunc", TAG)
    searched = [files / name for name in ("etc", "home", "opt", "root", "var")]
    for text in (*machines_own(), str(ROOT)):
        assert text not in told
        found = ["grep", "--recursive", "--files-with-matches", "--fixed-strings", "--", text]
        done = subprocess.run([*found, *searched], check=False, capture_output=True, text=True)
        assert done.stdout == ""


def test_the_image_is_compiled_for_who_cannot_write_down_what_is_compiled(files: Path) -> None:
    package = files / PACKAGE
    sources = [path for path in package.rglob("*.py") if "examples" not in path.parts]
    assert sources
    assert [
        path
        for path in sources
        if not [*(path.parent / "__pycache__").glob(f"{path.stem}.cpython-*.pyc")]
    ] == []


def test_commands_run_as_a_user_without_rights_on_a_read_only_root(engine: Engine) -> None:
    code, output, errors = engine.once("tiercel", "--version")
    assert (code, errors) == (ExitCode.OK, "")
    assert output.startswith("tiercel ")
    code, output, errors = engine.once("tiercel", "config", "check")
    assert code == ExitCode.OK, output + errors
    code, output, _ = engine.once("/bin/sh", "-c", "id -u; touch /x ~/x /tmp/x; ls ~/x /tmp/x")
    assert output.split() == ["10001", "/home/tiercel/x", "/tmp/x"]


def test_the_programs_that_runs_call_are_there(engine: Engine) -> None:
    for words in (("git", "--version"), ("unshare", "--version"), ("uv", "--version")):
        code, _, errors = engine.once(words[0], *words[1:])
        assert code == 0, errors


def test_the_image_executes_a_run_and_nothing_else(engine: Engine) -> None:
    code, output, errors = engine.once("", "tiercel", "--version")
    assert (code, output) == (ExitCode.CONFIGURATION, "")
    assert "PREFECT__FLOW_RUN_ID" in errors


def test_the_server_serves_its_ui(place: Place) -> None:
    page, address = place.api.ui()
    assert "<title>Prefect" in page
    assert address == API_URL


def test_a_run_is_executed_by_the_flow_of_the_image(place: Place) -> None:
    """The flow refuses the repository before it calls anybody."""
    run = place.api.start(PUBLISH, repository="somebody/elses", commit="main")
    log = place.execute(run, PYTHONPATH="/tmp", PATH="/tmp")
    assert place.api.state(run) == "Failed", log
    assert "is not a repository of this organization" in place.api.run(run)["state"]["message"]


def test_a_commit_is_released_by_runs_in_containers_of_their_own(
    place: Place, files: Path, topology: Topology, tmp_path: Path
) -> None:
    with sandbox_of(topology, tmp_path / "sandbox") as sandbox:
        repository = RepositoryMaker(sandbox.state, tmp_path / "repositories").make("shop")
        commit = repository.commit(
            {
                "tiercel.toml": templates.services(queue=""),
                "queue/template.json": templates.queue(DelaySeconds=1),
            }
        )
        flags = leading_to(sandbox, files, tmp_path)
        told: dict[str, Any] = {"repository": repository.name, "commit": commit}
        for deployment, more in ((PUBLISH, {"then_deploy": False}), (DEPLOY, {})):
            run = place.api.start(deployment, **(told | more))
            log = place.execute(run, *flags)
            assert place.api.state(run) == "Completed", log
        executed = [
            entry.resource.split("/")[1]
            for entry in read_journal(sandbox.journal)
            if entry.operation == "ExecuteChangeSet" and entry.error_code is None
        ]
    assert executed == ["acme-preprod-queue"]


@contextmanager
def sandbox_of(topology: Topology, state: Path) -> Iterator[Sandbox]:
    """AWS and GitHub on the loopback of the containers."""
    try:
        yield lifecycle.up(state, topology, prefect=False)
    finally:
        lifecycle.down(state)


def leading_to(sandbox: Sandbox, files: Path, folder: Path) -> list[str]:
    """An image's own variables that lead to a sandbox, as running.md says where they belong."""
    environ = sandbox.environ("preprod")
    flags = []
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        copy = folder / name
        copy.write_bytes(Path(environ[name]).read_bytes())
        environ[name] = f"/etc/tiercel/{name}"
        flags.append(f"--volume={copy}:{environ[name]}:ro")
    own = folder / "image.env"
    shipped = (files / "etc" / "tiercel" / "image.env").read_text()
    own.write_text(shipped + "".join(f"{name}={value}\n" for name, value in environ.items()))
    return [*flags, f"--volume={own}:/etc/tiercel/image.env:ro"]


def test_a_run_of_another_deployment_than_the_installed_one_is_refused(place: Place) -> None:
    found = place.api.call("GET", f"deployments/name/{REAP}")
    body = {"entrypoint": "/tmp/evil.py:flow"}
    url = f"{API_URL}/deployments/{found['id']}"
    ask("PATCH", url, json=body, auth=CREDENTIAL).raise_for_status()
    run = place.api.start(REAP)
    place.execute(run)
    wanted = {"flow_run_id": {"any_": [run]}, "key": {"any_": [KEY]}}
    (told,) = place.api.call("POST", "artifacts/filter", {"artifacts": wanted})
    assert told["description"] == "worker.changed_deployment"


def test_the_worker_says_that_it_is_well_and_stops_when_it_is_told(place: Place) -> None:
    # Prefect's worker signs its calls of AWS before anybody has asked for a run.
    keys = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
    region = {"AWS_DEFAULT_REGION": "eu-central-1"}
    place.start("worker", of_task("worker", place.secrets, **keys, **region))
    await_health()
    assert place.stop("worker") != KILLED


def test_services_stop_when_they_are_told_by_either_platform(place: Place) -> None:
    place.start("pod", Container(("--entrypoint=sleep",), ("infinity",)))
    of_kubernetes = of_pod(
        "kubernetes/server.yaml", "prefect-services", settings() | place.secrets, "pod"
    )
    place.start("services-of-pod", of_kubernetes)
    for name in ("services", "services-of-pod"):
        assert place.stop(name) != KILLED


def await_health() -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            ask("GET", f"http://127.0.0.1:{HEALTH_PORT}/health").raise_for_status()
        except httpx.HTTPError:
            assert time.monotonic() < deadline, "the worker does not say that it is well"
            time.sleep(0.2)
        else:
            return
