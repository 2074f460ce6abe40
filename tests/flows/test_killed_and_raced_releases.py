from __future__ import annotations

import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL

from tests.support.commands import ROOT, fork, fork_json, invoke_json
from tests.support.forks import Forked
from tests.support.patience import PATIENCE_SECONDS
from tests.support.repositories import Repository, RepositoryMaker
from tests.support.templates import answering, function, services
from tiercel.domain.organization.names import Names
from tiercel.sandbox.aws.journal import JournalEntry, journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.machine.prefect_server import client_environ

pytestmark = pytest.mark.usefixtures("operator")


LEASE_SECONDS = 3


def command(verb: str, sandbox: Sandbox, repository: Repository, commit: str) -> list[str]:
    return [
        *(verb, repository.name, commit, "--local"),
        *("--sandbox", "--state", str(sandbox.state), "--config", str(impatient(sandbox))),
    ]


def impatient(sandbox: Sandbox) -> Path:
    """A configuration with which a killed run keeps others waiting for three seconds."""
    path = sandbox.state / "impatient.toml"
    usual = (ROOT / "tiercel.toml").read_text()
    text, count = re.subn(r"(?m)^seconds = \d+$", f"seconds = {LEASE_SECONDS}", usual)
    assert count == 1
    path.write_text(text)
    return path


def server() -> dict[str, str]:
    return client_environ(str(PREFECT_API_URL.value()))


def executed(journal: Path, offset: int, stack: str) -> Counter[str]:
    return Counter(
        entry.operation
        for entry in read_journal(journal, offset)
        if stack in entry.resource and entry.status == 200
    )


def committed(repositories: RepositoryMaker, name: str) -> tuple[Repository, str]:
    repository = repositories.make(name)
    commit = repository.commit(
        {
            "tiercel.toml": services(
                **{name: f'[services.{name}.smoke_test]\ninvoke = "Function"\n'}
            ),
            f"{name}/template.json": function(),
            f"{name}/src/app.py": answering(name),
        }
    )
    return repository, commit


def kill_after(process: Forked, journal: Path, offset: int, operation: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if any(entry.operation == operation for entry in read_journal(journal, offset)):
            process.kill()
            process.communicate()
            assert process.returncode == -9, "it ended before it could be killed"
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    raise AssertionError(f"{operation} was never called")


@pytest.mark.walks("run-waits-for-lease", "stack-is-empty")
@pytest.mark.parametrize(
    "operation", ["ListObjectsV2", "CreateChangeSet", "ExecuteChangeSet", "Invoke"]
)
def test_a_deploy_killed_at_any_point_and_started_again_ends_as_one_release(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker, operation: str
) -> None:
    name = f"killed-{operation.lower()}"
    repository, commit = committed(repositories, name)
    fork_json(*command("publish", sandbox, repository, commit), **server())
    offset = journal_size(sandbox.journal)

    victim = fork(*command("deploy", sandbox, repository, commit), **server())
    kill_after(victim, sandbox.journal, offset, operation)
    result = fork_json(*command("deploy", sandbox, repository, commit), **server())

    assert result[name]["release"] == 1
    assert result[name]["smoke_test"] == f'{{"answer": "{name}"}}'
    calls = executed(sandbox.journal, offset, preprod.stack(name))
    assert calls["ExecuteChangeSet"] == 1


def test_a_writer_that_was_asleep_does_no_harm_when_it_wakes(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker
) -> None:
    repository, first = committed(repositories, "asleep")
    fork_json(*command("publish", sandbox, repository, first), **server())
    offset = journal_size(sandbox.journal)
    sleeper = fork(*command("deploy", sandbox, repository, first), **server())
    lease = f"leases/{preprod.stack('asleep')}.json"
    wait_for(sandbox.journal, offset, lambda entry: wrote(entry, lease))
    sleeper.send_signal(signal.SIGSTOP)
    second = repository.commit({"asleep/src/app.py": answering("awake")})
    fork_json(*command("publish", sandbox, repository, second), **server())

    result = fork_json(*command("deploy", sandbox, repository, second), **server())
    sleeper.send_signal(signal.SIGCONT)
    output, errors = sleeper.communicate(timeout=PATIENCE_SECONDS)

    assert result["asleep"]["smoke_test"] == '{"answer": "awake"}'
    history = invoke_json("releases", "preprod", "--sandbox", "--state", str(sandbox.state))
    ours = [entry for entry in history if entry["service"] == "asleep"]
    assert ours[0]["commit"] == second, (output, errors)
    assert [entry["commit"] for entry in ours if entry["status"] == "succeeded"] == [second]
    again = fork_json(*command("deploy", sandbox, repository, second), **server())
    assert not again["asleep"]["changed"], "the sleeper has changed the stack"


def wrote(entry: JournalEntry, key: str) -> bool:
    return entry.operation == "PutObject" and entry.resource.endswith(key) and entry.status == 200


def wait_for(journal: Path, offset: int, happened: Callable[[JournalEntry], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not any(happened(entry) for entry in read_journal(journal, offset)):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_two_deploys_of_one_commit_at_once_end_as_one_release(
    sandbox: Sandbox, preprod: Names, repositories: RepositoryMaker
) -> None:
    repository, commit = committed(repositories, "raced")
    fork_json(*command("publish", sandbox, repository, commit), **server())
    offset = journal_size(sandbox.journal)

    racers = [
        fork(*command("deploy", sandbox, repository, commit), "--json", **server())
        for _ in range(2)
    ]
    outputs = [racer.communicate(timeout=PATIENCE_SECONDS) for racer in racers]

    assert [racer.returncode for racer in racers] == [0, 0], "\n".join(map(str, outputs))
    calls = executed(sandbox.journal, offset, preprod.stack("raced"))
    assert calls["ExecuteChangeSet"] == 1
    history = invoke_json("releases", "preprod", "--sandbox", "--state", str(sandbox.state))
    numbers = [entry["release"] for entry in history if entry["service"] == "raced"]
    assert numbers == [1]


def test_two_builds_of_one_commit_at_once_publish_one_artifact(
    sandbox: Sandbox, repositories: RepositoryMaker
) -> None:
    repository, commit = committed(repositories, "twice")

    racers = [
        fork(*command("publish", sandbox, repository, commit), "--json", **server())
        for _ in range(2)
    ]
    outputs = [racer.communicate(timeout=PATIENCE_SECONDS) for racer in racers]

    assert [racer.returncode for racer in racers] == [0, 0], "\n".join(map(str, outputs))
    third = fork_json(*command("publish", sandbox, repository, commit), **server())
    assert not third["twice"]["built"]
