from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from tests.support.codes import because
from tests.support.patience import PATIENCE_SECONDS
from tests.support.topology import topology_of
from tests.tasks.conftest import Origin
from tiercel.domain.artifact.source_tree import source_paths, source_tree
from tiercel.domain.base.errors import BuildFailedError, ConfigurationError
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import BuildPlace, Builds
from tiercel.tasks.build.here import Here
from tiercel.tasks.build.isolated import Isolated
from tiercel.tasks.build.isolation.availability import bubblewrap, can_isolate
from tiercel.tasks.build.isolation.namespace import WORK
from tiercel.tasks.build.isolation.system_calls import KNOWN_MACHINES, system_call_filter
from tiercel.tasks.build.job import BuildJob, BuildStep
from tiercel.tasks.build.places import place_of
from tiercel.tasks.packaging.builder import build_service
from tiercel.tasks.source.repository import find_objects
from tiercel.tasks.verification.verifier import verify_service

pytestmark = pytest.mark.process
needs_isolation = pytest.mark.skipif(not can_isolate(), reason="this machine cannot isolate")

ORDERS = Service(name="orders", path="orders", template="template.json")
FUNCTION = {
    "Type": "AWS::Serverless::Function",
    "Properties": {"CodeUri": "src", "Handler": "app.handler", "Runtime": "python3.12"},
}
TEMPLATE = json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": {"F": FUNCTION}})


def job_of(folder: Path, *command: str, **settings: Any) -> BuildJob:
    (folder / "root" / "source").mkdir(parents=True, exist_ok=True)
    (folder / "scratch").mkdir(exist_ok=True)
    step = BuildStep(command, PurePosixPath("source"))
    builds = Builds.model_construct(**Builds().model_dump() | settings)
    return BuildJob(ORDERS, builds, folder / "root", folder / "scratch", (step,), step)


def failure_of(job: BuildJob) -> BuildFailedError:
    with pytest.raises(BuildFailedError) as failure:
        Isolated().build(job)
    return failure.value


@needs_isolation
def test_a_build_works_on_its_source_and_finds_it_at_one_path(tmp_path: Path) -> None:
    Isolated().build(job_of(tmp_path, "sh", "-c", "pwd > where; id -u >> where; touch ~/x /tmp/y"))
    assert (tmp_path / "root/source/where").read_text() == f"{WORK}/source\n1000\n"
    assert (tmp_path / "root/source/where").stat().st_uid == os.getuid()


@needs_isolation
def test_a_build_has_no_capability_and_gets_none(tmp_path: Path) -> None:
    Isolated().build(job_of(tmp_path, "cp", "/proc/self/status", "status"))
    lines = (tmp_path / "root/source/status").read_text().splitlines()
    seen = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert {seen[name] for name in ("CapEff", "CapPrm", "CapInh", "CapBnd")} == {"0" * 16}
    assert (seen["NoNewPrivs"], seen["Seccomp"]) == ("1", "2")


@needs_isolation
@pytest.mark.parametrize("phase", ["build", "test"])
def test_a_build_sees_these_variables_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("PASSED", "on")
    job = job_of(tmp_path, "sh", "-c", "env -0 > seen", pass_environment=("PASSED",))
    getattr(Isolated(), phase)(job)
    seen = {
        one.partition("=")[0] for one in (tmp_path / "root/source/seen").read_text().split("\0")
    }
    proxies = (
        {"http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"} if phase == "build" else set()
    )
    assert seen - {"", "PWD", "OLDPWD", "SHLVL", "_"} == proxies | {
        "CI", "HOME", "LANG", "NO_PROXY", "PASSED", "PATH", "PYTHONDONTWRITEBYTECODE",
        "PYTHONHASHSEED", "SOURCE_DATE_EPOCH", "TMPDIR", "UV_CACHE_DIR", "no_proxy",
    }  # fmt: skip


@needs_isolation
def test_a_build_may_serve_and_ask_itself(tmp_path: Path) -> None:
    script = (
        "import socket; server = socket.create_server(('127.0.0.1', 0));"
        "socket.create_connection(server.getsockname(), 5)"
    )
    Isolated().test(job_of(tmp_path, "/usr/bin/env", "python3", "-c", script))


@needs_isolation
@pytest.mark.parametrize(
    ("script", "settings", "reason"),
    [
        ("exit 3", {}, "it ended with exit code 3"),
        ("kill -9 $$", {}, "137"),
        ("sleep 30", {"timeout_seconds": 1}, "it did not end within 1 seconds"),
        ("for n in $(seq 60); do sleep 30 & done; wait", {"processes": 20}, "20 processes"),
    ],
)
def test_a_build_that_fails_says_why(
    tmp_path: Path, script: str, settings: dict[str, Any], reason: str
) -> None:
    error = failure_of(job_of(tmp_path, "sh", "-c", script, **settings))
    assert error.code == "build.command_failed"
    # A user's own limit is the kernel's to keep, which refuses forks before anybody looks.
    assert reason in error.why or "fork" in error.why


@needs_isolation
@pytest.mark.parametrize("command", ["no-such-program", "./missing", "."])
def test_a_command_that_cannot_be_started_is_a_failed_build(tmp_path: Path, command: str) -> None:
    assert "it cannot be started" in failure_of(job_of(tmp_path, command)).why


@needs_isolation
def test_nothing_is_open_when_builds_are_done(tmp_path: Path) -> None:
    Isolated().build(job_of(tmp_path, "true"))
    before = _open_files()
    for _ in range(3):
        Isolated().build(job_of(tmp_path, "true"))
        failure_of(job_of(tmp_path, "false"))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _open_files() > before + 1:  # the proxies' threads end by themselves
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def built(origin: Origin, folder: Path, where: BuildPlace, service: Service) -> dict[str, bytes]:
    commit = origin.fetch()
    objects = find_objects.fn(commit, source_paths(service))
    tree = source_tree(service, {path: found.id for path, found in objects.items()})
    made = build_service.fn(commit, service, tree, Builds(where=where), folder)
    return {sha256: path.read_bytes() for sha256, path in made.files.items()}


@needs_isolation
@pytest.mark.parametrize("build", [(), ("sh", "-c", "echo 'BUILT = 1' > src/built.py")])
def test_every_place_gives_the_same_bytes(
    origin: Origin, tmp_path: Path, build: tuple[str, ...]
) -> None:
    origin.commit(
        {
            "orders/template.json": TEMPLATE,
            "orders/src/app.py": "handler = print\n",
            "orders/src/requirements.txt": "# nothing from an index\n",
            "orders/src/.npmrc": "git=./evil\n",
        }
    )
    service = ORDERS.model_copy(update={"build": build})
    here = built(origin, tmp_path / "here", BuildPlace.HERE, service)
    assert built(origin, tmp_path / "isolated", BuildPlace.ISOLATED, service) == here


@needs_isolation
@pytest.mark.parametrize(
    ("files", "runtime"),
    [
        ({"orders/src/requirements.txt": "tea==1.0\n"}, "python3.12"),
        ({"orders/src/package.json": '{"dependencies": {"tea": "1.0"}}'}, "nodejs22.x"),
    ],
)
def test_packages_without_an_index_are_refused_before_anything_runs(
    origin: Origin, tmp_path: Path, files: dict[str, str], runtime: str
) -> None:
    template = TEMPLATE.replace("python3.12", runtime)
    origin.commit({"orders/template.json": template, "orders/src/app.py": "x = 1\n"} | files)
    with pytest.raises(ConfigurationError, check=because("builds.no_index")):
        built(origin, tmp_path, BuildPlace.ISOLATED, ORDERS)
    assert not list(tmp_path.rglob("build.log"))


@needs_isolation
def test_a_build_that_asks_another_host_says_which_line_is_missing(tmp_path: Path) -> None:
    ask = "import urllib.request as u; u.urlopen('http://packages.example:8080/')"
    error = failure_of(job_of(tmp_path, "/usr/bin/env", "python3", "-c", ask))
    assert 'indexes = ["packages.example:8080"]' in error.why


@needs_isolation
def test_a_pull_request_is_verified_in_isolation(origin: Origin, tmp_path: Path) -> None:
    origin.commit({"orders/template.json": TEMPLATE, "orders/src/app.py": "handler = print\n"})
    service = ORDERS.model_copy(update={"test": ("sh", "-c", "test $(id -u) = 1000")})
    commit = origin.fetch()
    objects = find_objects.fn(commit, source_paths(service))
    tree = source_tree(service, {path: found.id for path, found in objects.items()})
    verified = verify_service.fn(commit, service, tree, topology_of(), tmp_path / "build")
    assert "F" in verified.template["Resources"]


def test_a_machine_without_bubblewrap_refuses_and_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(ConfigurationError) as refusal:
        place_of(Builds())
    assert refusal.value.code == "builds.not_isolated"
    assert "bubblewrap" in refusal.value.remedy


def test_a_bubblewrap_that_is_not_allowed_refuses_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'setting up uid map: Permission denied' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ConfigurationError) as refusal:
        bubblewrap()
    assert refusal.value.code == "builds.not_isolated"
    assert "uid map" in refusal.value.why


def test_beside_the_sandbox_alone_here_stands_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert isinstance(place_of(Builds()), Here)


@pytest.mark.parametrize("machine", KNOWN_MACHINES)
def test_the_list_of_system_calls_is_a_program_that_jumps_forward_and_ends(machine: str) -> None:
    program = system_call_filter(machine)
    steps = [program[at : at + 8] for at in range(0, len(program), 8)]
    assert len(program) % 8 == 0
    assert len(steps) < 4096
    assert steps[-1][0] == 0x06
    for at, step in enumerate(steps):
        assert at + 1 + max(step[2], step[3]) < len(steps) or step[0] == 0x06


@pytest.mark.skipif(not Path("/usr/include/asm-generic/unistd.h").exists(), reason="no headers")
def test_the_numbers_of_system_calls_are_those_of_the_kernels_headers() -> None:
    from tiercel.tasks.build.isolation import system_calls

    headers = {
        0: f"/usr/include/{platform.machine()}-linux-gnu/asm/unistd_64.h",
        1: "/usr/include/asm-generic/unistd.h",
    }
    for column, file in headers.items():
        if not Path(file).exists():
            continue
        known = {}
        for line in Path(file).read_text().splitlines():
            words = line.split()
            if len(words) == 3 and words[0] == "#define" and words[2].isdigit():
                name = words[1].removeprefix("__NR_").removeprefix("__NR3264_")
                known[name] = int(words[2])
        for table in (system_calls._DENIED, system_calls._UNKNOWN, system_calls._CHECKED):
            for name, numbers in table.items():
                assert known.get(name, numbers[column]) == numbers[column], name
