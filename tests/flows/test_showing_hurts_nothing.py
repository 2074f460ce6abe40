"""Whoever looks at a release goes away, or cannot be shown anything: the release goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL

from tests.support.commands import ROOT, fork_shown_to, invoke_json
from tests.support.forks import Forked
from tests.support.patience import PATIENCE_SECONDS
from tests.support.place import Place
from tests.support.templates import queue, services
from tiercel.domain.base.errors import ExitCode
from tiercel.flows.publish import publish_artifact
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.machine.prefect_server import client_environ


def in_sandbox(sandbox: Sandbox) -> tuple[str, ...]:
    return ("--sandbox", "--state", str(sandbox.state), "--config", str(ROOT / "tiercel.toml"))


def environment() -> Mapping[str, str]:
    return client_environ(str(PREFECT_API_URL.value()))


def start(shown_to: int, *arguments: str) -> Forked:
    """The command as `tiercel ... 2>&1 | reader` starts it, or with a log in place of the pipe."""
    return fork_shown_to(shown_to, *arguments, **environment())


def code_of_one_whose_reader_goes_away(*arguments: str) -> int:
    reads, writes = os.pipe()
    process = start(writes, *arguments)
    os.close(writes)
    with os.fdopen(reads, "rb") as lines:
        assert lines.readline()
    return process.wait(PATIENCE_SECONDS)


def released(sandbox: Sandbox, environment_name: str, stack: str) -> list[tuple[int, str]]:
    history = invoke_json("releases", environment_name, *in_sandbox(sandbox))
    return [(one["release"], one["status"]) for one in history if one["stack"] == stack]


def published(place: Place, seconds: int) -> str:
    """A commit whose queue keeps messages so long, and its artifact."""
    commit = place.repository.commit(
        {
            "tiercel.toml": services(unwatched=""),
            "unwatched/template.json": queue(MessageRetentionPeriod=seconds),
        }
    )
    asyncio.run(publish_artifact(place.repository.name, commit))
    return commit


def test_a_release_goes_on_when_nobody_reads_on_when_a_log_is_full_and_at_a_hangup(
    place: Place, operator: Sandbox
) -> None:
    def local(verb: str, commit: str) -> tuple[str, ...]:
        return (verb, place.repository.name, commit, "--local", *in_sandbox(operator))

    first = published(place, 60)
    assert code_of_one_whose_reader_goes_away(*local("deploy", first)) == ExitCode.OK
    assert released(operator, "preprod", "acme-preprod-unwatched")[0][1] == "succeeded"
    place.repository.merge_into_main()
    assert code_of_one_whose_reader_goes_away(*local("promote", "main")) == ExitCode.OK
    assert released(operator, "prod", "acme-prod-unwatched")[0][1] == "succeeded"

    number, _ = released(operator, "preprod", "acme-preprod-unwatched")[0]
    second = published(place, 61)
    with Path("/dev/full").open("wb") as full:
        begun = journal_size(operator.journal)
        process = start(full.fileno(), *local("deploy", second))
        await_operation(operator.journal, begun, "CreateChangeSet")
        process.send_signal(signal.SIGHUP)
        assert process.wait(PATIENCE_SECONDS) == ExitCode.OK
    assert released(operator, "preprod", "acme-preprod-unwatched")[0] == (number + 1, "succeeded")


@pytest.mark.parametrize("place_of_words", ["/dev/full", "a pipe"])
def test_a_release_that_fails_ends_with_its_own_code_whoever_looks(
    operator: Sandbox, place: Place, place_of_words: str
) -> None:
    unpublished = place.repository.commit({"inbox/template.json": queue(MessageRetentionPeriod=77)})
    arguments = ("deploy", place.repository.name, unpublished, "--local", *in_sandbox(operator))
    if place_of_words == "a pipe":
        assert code_of_one_whose_reader_goes_away(*arguments) == ExitCode.REFUSED
        return
    with Path(place_of_words).open("wb") as full:
        assert start(full.fileno(), *arguments).wait(PATIENCE_SECONDS) == ExitCode.REFUSED


def await_operation(journal: Path, offset: int, operation: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if any(entry.operation == operation for entry in read_journal(journal, offset)):
            return
        time.sleep(0.05)
    pytest.fail(f"{operation} was never called")
