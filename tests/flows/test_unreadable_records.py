"""One record that cannot be read hides none of the others, and whatever needs it is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.aws import root_client
from tests.support.codes import because
from tests.support.commands import document_in, invoke
from tests.support.flow_runs import release
from tests.support.releases import intent, outcome
from tests.support.repositories import RepositoryMaker
from tests.support.templates import queue, services
from tiercel.domain.base.errors import ExitCode, RefusedInputError
from tiercel.domain.organization.access import Records, orchestrator
from tiercel.domain.organization.names import Names
from tiercel.domain.release.ledger import intent_key, outcome_key, stack_prefix
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.aws.objects import create_object, list_keys
from tiercel.tasks.records.ledger import record_intent, record_outcome

pytestmark = pytest.mark.usefixtures("operator")

WHOLE, CUT, NEWER = "legible", "cut", "newer"
ON_DEMAND = "acme-ephemeral-trial-legible"


@pytest.fixture
def records(sandbox: Sandbox, preprod: Names) -> Iterator[Records]:
    """A ledger in which one stack is whole, one is cut short and one is of a newer Tiercel."""
    found = Records(orchestrator(preprod, "test"), preprod.artifact_bucket)
    for name in (WHOLE, CUT, NEWER):
        record_intent.fn(found, intent(stack=preprod.stack(name), number=1))
    record_outcome.fn(found, intent(stack=preprod.stack(WHOLE), number=1), outcome())
    record_intent.fn(found, intent(stack=ON_DEMAND, number=1))
    half = outcome().model_dump_json().encode()[:40]
    create_object(found.access, found.bucket, outcome_key(preprod.stack(CUT), 1), half)
    later = intent(stack=preprod.stack(NEWER), number=2).model_dump(mode="json") | {"format": 99}
    key = intent_key(preprod.stack(NEWER), 2)
    create_object(found.access, found.bucket, key, json.dumps(later).encode())
    yield found
    s3 = root_client(sandbox, "preprod-infrastructure-root", "s3")
    for stack in (*map(preprod.stack, (WHOLE, CUT, NEWER)), ON_DEMAND):
        for key in list_keys(found.access, found.bucket, stack_prefix(stack)):
            s3.delete_object(Bucket=found.bucket, Key=key)


def shown(sandbox: Sandbox, *words: str) -> tuple[int, Any, str]:
    place = ("--sandbox", "--state", str(sandbox.state))
    code, output, errors = invoke(*words, *place, "--json")
    document = document_in(output)
    return code, document.get("data", document), errors


def test_what_cannot_be_read_is_marked_beside_everything_else_and_the_exit_code_tells(
    sandbox: Sandbox, preprod: Names, records: Records
) -> None:
    assert records
    code, document, _ = shown(sandbox, "status")
    rows = {row["stack"]: row for row in document["preprod"]}
    now = {name: rows[preprod.stack(name)]["now"] for name in (WHOLE, CUT, NEWER)}
    assert code == ExitCode.REFUSED
    assert (now[CUT], now[NEWER]) == ("unreadable", "unreadable")
    assert now[WHOLE] != "unreadable"

    code, entries, _ = shown(sandbox, "releases", "preprod")
    of = {(one["stack"], one["release"]): one for one in entries}
    assert code == ExitCode.REFUSED
    assert of[preprod.stack(WHOLE), 1]["status"] == "succeeded"
    assert of[preprod.stack(NEWER), 1]["status"] == "open"
    assert of[preprod.stack(CUT), 1]["error"]["code"] == "ledger.entry_damaged"
    assert of[preprod.stack(NEWER), 2]["error"]["code"] == "record.newer_format"
    assert (ON_DEMAND, 1) not in of

    code, entries, _ = shown(sandbox, "releases", "preprod", "--on-demand")
    stacks = {one["stack"] for one in entries}
    assert code == ExitCode.OK
    assert ON_DEMAND in stacks
    assert preprod.stack(WHOLE) not in stacks


@pytest.mark.walks("entries-are-unreadable")
def test_people_see_the_table_and_below_it_what_is_missing(
    sandbox: Sandbox, preprod: Names, records: Records
) -> None:
    assert records
    code, output, errors = invoke("releases", "--sandbox", "--state", str(sandbox.state))
    assert code == ExitCode.REFUSED
    assert preprod.stack(WHOLE) in output
    assert "ledger.unreadable_entries" in errors


@pytest.mark.walks("entries-are-newer")
def test_a_deploy_that_needs_a_record_of_a_newer_tiercel_changes_nothing(
    preprod: Names, records: Records, repositories: RepositoryMaker
) -> None:
    repository = repositories.make(NEWER)
    files = {"tiercel.toml": services(**{NEWER: ""}), f"{NEWER}/template.json": queue()}
    before = list_keys(records.access, records.bucket, stack_prefix(preprod.stack(NEWER)))
    with pytest.raises(RefusedInputError, check=because("record.newer_format")):
        release(repository, repository.commit(files))
    after = list_keys(records.access, records.bucket, stack_prefix(preprod.stack(NEWER)))
    assert after == before
