"""Builds in CodeBuild: the same packages as here, found again after a crash, stopped, refused."""

from __future__ import annotations

import contextvars
import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.patience import PATIENCE_SECONDS
from tests.support.place import Place
from tests.support.repositories import Repository, RepositoryMaker
from tests.support.templates import services
from tiercel.domain.artifact.source_tree import source_paths, source_tree
from tiercel.domain.base.errors import BuildFailedError, InterruptedRunError
from tiercel.domain.organization.access import BuildProject, Target
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import BuildPlace, Builds
from tiercel.domain.review.statuses import StatusState
from tiercel.tasks.aws.clients import client, forget_clients
from tiercel.tasks.engine.pace import stoppable
from tiercel.tasks.packaging.builder import Built, build_service
from tiercel.tasks.source.fetch import fetch_commit
from tiercel.tasks.source.repository import find_objects

ROOT = Path(__file__).parents[2]
CODE = {"Handler": "app.handler", "Runtime": "python3.12", "CodeUri": "made"}
TEMPLATE = json.dumps(
    {"Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": CODE}}}
)
MAKE = "mkdir -p made && cp app.py made && ln -s app.py made/main.py && chmod +x made/app.py"

pytestmark = pytest.mark.usefixtures("operator")


@pytest.fixture
def repository(repositories: RepositoryMaker, request: pytest.FixtureRequest) -> Repository:
    made = repositories.make(f"built-{abs(hash(request.node.nodeid)) % 10**8}")
    made.commit({"orders/template.json": TEMPLATE, "orders/app.py": "def handler(): ...\n"})
    return made


def project(preprod: Names, run: str) -> BuildProject:
    return Target(preprod, run).builder


def built(repository: Repository, where: BuildProject | None, folder: Path, *command: str) -> Built:
    """What a service's build gives, in CodeBuild or, without a project, here."""
    service = Service(name="orders", path="orders", template="template.json", build=command)
    commit = fetch_commit.fn(repository.name, "develop", "develop")
    objects = find_objects.fn(commit, source_paths(service))
    tree = source_tree(service, {path: found.id for path, found in objects.items()})
    place = BuildPlace.CODEBUILD if where else BuildPlace.HERE
    return build_service.fn(commit, service, tree, Builds(where=place), folder, where)


def builds_of(where: BuildProject) -> list[dict[str, Any]]:
    codebuild = client("codebuild", where.access)
    ids = codebuild.list_builds_for_project(projectName=where.name)["ids"]
    return list(codebuild.batch_get_builds(ids=ids)["builds"]) if ids else []


def until(happened: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := happened()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_the_packages_are_those_that_a_build_here_makes_byte_by_byte(
    repository: Repository, preprod: Names, tmp_path: Path
) -> None:
    where = project(preprod, "same-bytes")
    before = len(builds_of(where))
    there = built(repository, where, tmp_path / "there", "sh", "-c", MAKE)
    here = built(repository, None, tmp_path / "here", "sh", "-c", MAKE)

    assert len(builds_of(where)) == before + 1
    assert [one.sha256 for one in there.manifest.objects] == [
        one.sha256 for one in here.manifest.objects
    ]
    assert there.manifest.digest == here.manifest.digest
    assert (there.place, here.place) == ("codebuild", "here")
    assert there.image == "aws/codebuild/amazonlinux-x86_64-standard:5.0"


def test_a_build_sees_neither_the_workers_variables_nor_any_credentials(
    repository: Repository,
    preprod: Names,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_secret")
    show = "mkdir made; env | sort > made/app.py"
    made = built(repository, project(preprod, "sees"), tmp_path / "work", "sh", "-c", show)
    seen = (tmp_path / "work" / "root" / "source" / "orders" / "made" / "app.py").read_text()

    assert made.manifest.objects
    names = {line.partition("=")[0] for line in seen.splitlines()}
    assert not {name for name in names if name.startswith(("AWS_", "GITHUB_", "TIERCEL_"))}
    assert {"HOME", "PATH", "TMPDIR", "CI"} <= names


def test_a_command_that_fails_is_told_with_its_last_lines(
    repository: Repository, preprod: Names, tmp_path: Path
) -> None:
    with pytest.raises(BuildFailedError) as failed:
        built(
            repository, project(preprod, "fails"), tmp_path, "sh", "-c", "echo the reason; exit 3"
        )
    assert failed.value.code == "codebuild.command_failed"
    assert "exit status 3" in failed.value.why
    assert "the reason" in failed.value.why


def test_a_run_that_was_killed_goes_on_with_the_build_that_it_had_started(
    repository: Repository, preprod: Names, tmp_path: Path
) -> None:
    where = project(preprod, "killed")
    slow = ("sh", "-c", f"sleep 2; {MAKE}")
    before = len(builds_of(where))
    child = os.fork()
    if not child:
        forget_clients()  # its connections are its own
        built(repository, where, tmp_path / "killed", *slow)
        os._exit(0)
    until(lambda: [one for one in builds_of(where) if one["currentPhase"] == "BUILD"])
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

    made = built(repository, where, tmp_path / "again", *slow)

    assert made.manifest.objects
    assert len(builds_of(where)) == before + 1


def test_a_build_of_a_run_that_is_cancelled_is_stopped(
    repository: Repository, preprod: Names, tmp_path: Path
) -> None:
    where = project(preprod, "cancelled")
    raised: list[BaseException] = []

    def work() -> None:
        try:
            built(repository, where, tmp_path, "sleep", "60")
        except BaseException as error:  # noqa: BLE001 - looked at below
            raised.append(error)

    with stoppable() as stop:
        thread = threading.Thread(target=contextvars.copy_context().run, args=(work,))
        thread.start()
        running = until(lambda: [one for one in builds_of(where) if one["currentPhase"] == "BUILD"])
        stop.set()
        thread.join(30)

    assert isinstance(raised[0], InterruptedRunError)
    (found,) = client("codebuild", where.access).batch_get_builds(ids=[running[0]["id"]])["builds"]
    assert found["buildStatus"] == "STOPPED"


def test_a_pull_request_is_built_and_tested_in_codebuild(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    text = re.sub(
        r'(?m)^where = "\w+"$', 'where = "codebuild"', (ROOT / "tiercel.toml").read_text()
    )
    (tmp_path / "tiercel.toml").write_text(text)
    monkeypatch.setenv("TIERCEL_CONFIG", str(tmp_path / "tiercel.toml"))
    tested = 'test = ["sh", "-c", "echo tested in $PWD; exit $(cat code)"]'
    files = {"tiercel.toml": services(inbox=tested), "inbox/code": "0"}
    number, commit = place.opened("feature/tested", files)

    checks = place.verified(number, commit)

    assert checks["tiercel/preprod"].state is StatusState.SUCCESS, checks

    broken = place.pushed("feature/tested", {"inbox/code": "7"})
    assert place.verified(number, broken)["tiercel/preprod/inbox"].state is StatusState.FAILURE
