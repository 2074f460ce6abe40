"""One record that cannot be read hides none of the others, and whatever needs it is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prefect import flow

from tests.flows.conftest import Become
from tests.flows.test_check import latest_artifact
from tests.support.approvals import demanding_approval
from tests.support.aws import root_client
from tests.support.codes import because
from tests.support.commands import document_in, invoke
from tests.support.flow_runs import release
from tests.support.promotion_plans import plan, waiting
from tests.support.releases import intent, outcome
from tests.support.repositories import RepositoryMaker
from tests.support.templates import queue, services
from tiercel.domain.approvals.plans import promotion_plan_key
from tiercel.domain.approvals.waiting import wait_key
from tiercel.domain.base.errors import ExitCode, RefusedInputError, TiercelError
from tiercel.domain.base.record import StoredRecord
from tiercel.domain.drift.report import DRIFT_KEY, DriftKind
from tiercel.domain.gates.holds import hold_key
from tiercel.domain.organization.access import Records, orchestrator
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.domain.release.ledger import intent_key, outcome_key, stack_prefix
from tiercel.domain.triggers.triggered_runs import WantedRun
from tiercel.flows.engine.concurrency import call
from tiercel.flows.promotion.due_promotions import due_promotions
from tiercel.flows.release.pages import report_board
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.flows.watch.stacks import look_at_live_stacks
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.aws.objects import create_object, list_keys
from tiercel.tasks.records.drift import read_drift
from tiercel.tasks.records.ledger import record_intent, record_outcome
from tiercel.tasks.source.services import load_topology
from tiercel.tasks.source.topology_file import config_path

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
    assert drifts(preprod) == {preprod.stack(name): DriftKind.UNSEEN for name in (CUT, NEWER)}

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


def drifts(names: Names) -> dict[str, DriftKind]:
    """Return what a look for drift says of the stacks that cannot be read."""
    ours = [names.stack(name) for name in (CUT, NEWER)]

    @flow
    async def look() -> dict[str, DriftKind]:
        topology = await call(load_topology, config_path())
        target = ReleaseTarget.of(topology, names.environment.name)
        _, found = await look_at_live_stacks(target, await call(read_drift, target.records))
        return {one.where: one.kind for one in found if one.where in ours}

    return asyncio.run(look())


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


def body(record: StoredRecord, **changes: Any) -> bytes:
    return json.dumps(record.model_dump(mode="json") | changes).encode()


@pytest.fixture
def prod(sandbox: Sandbox, topology: Topology) -> Iterator[Names]:
    """Prod runs a release, and nothing beside that can be read but one of three that wait."""
    names = Names.of(topology, "prod")
    stack = names.stack(WHOLE)
    shown_plans = {name: plan(repository=f"acme/{name}") for name in (WHOLE, CUT, NEWER)}
    past = datetime(2026, 3, 1, tzinfo=UTC)
    asked = {
        name: waiting(one, pull_request=None, at=past, expires_at=past)
        for name, one in shown_plans.items()
    }
    objects = {
        intent_key(stack, 1): body(intent(stack=stack, number=1)),
        outcome_key(stack, 1): body(outcome()),
        hold_key(99): b"{",
        DRIFT_KEY: b'{"format": 99}',
    }
    for name, one in shown_plans.items():
        objects[wait_key(one.repository, 1, "asked")] = body(asked[name])
        objects[promotion_plan_key(one.digest)] = body(one)
    objects[wait_key(f"acme/{CUT}", 1, "asked")] = body(asked[CUT])[:40]
    objects[promotion_plan_key(shown_plans[NEWER].digest)] = body(shown_plans[NEWER], format=99)
    s3 = root_client(sandbox, "prod-infrastructure-root", "s3")
    for key, content in objects.items():
        s3.put_object(Bucket=names.artifact_bucket, Key=key, Body=content)
    yield names
    for key in objects:
        s3.delete_object(Bucket=names.artifact_bucket, Key=key)


def test_what_cannot_be_read_beside_the_ledger_hides_no_stacks_and_the_exit_code_tells(
    sandbox: Sandbox, prod: Names
) -> None:
    code, document, _ = shown(sandbox, "status")
    assert [row["stack"] for row in document["prod"]] == [prod.stack(WHOLE)]
    assert document["holds"]["prod"]["error"]["code"] == "gates.hold_damaged"
    assert document["drift"]["prod"]["error"]["code"] == "record.newer_format"
    of = {one["repository"]: one for one in document["waiting"]["prod"]}
    assert of[f"acme/{WHOLE}"]["plan_digest"] == plan(repository=f"acme/{WHOLE}").digest
    assert of[f"acme/{CUT}"]["error"]["code"] == "promotion.wait_damaged"
    assert of[f"acme/{NEWER}"]["error"]["code"] == "record.newer_format"
    assert code == ExitCode.REFUSED

    code, output, errors = invoke("status", "--sandbox", "--state", str(sandbox.state))
    assert code == ExitCode.REFUSED
    assert prod.stack(WHOLE) in output
    assert f"acme/{CUT}" in output
    told = ("gates.hold_damaged", "promotion.wait_damaged", "record.newer_format")
    assert [one for one in told if one not in output] == []
    assert [one for one in told if one not in errors] == []


@pytest.fixture
def demanding(
    operator: Sandbox,
    prod: Names,
    become: Become,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """Flows are Prod's own, which demands approvals."""
    assert operator
    assert prod
    monkeypatch.setenv("TIERCEL_CONFIG", str(demanding_approval(tmp_path)))
    become("prod")
    yield
    become("preprod")


@pytest.mark.usefixtures("demanding")
def test_what_cannot_be_read_keeps_nothing_else_back_that_waits() -> None:
    @flow
    async def look() -> tuple[list[WantedRun], list[TiercelError]]:
        return await due_promotions(await call(load_topology, config_path()), "prod")

    found, errors = asyncio.run(look())
    assert [one.parameters["repository"] for one in found] == [f"acme/{WHOLE}"]
    codes = ["promotion.wait_damaged", "record.newer_format"]
    assert sorted(one.code for one in errors) == codes


@pytest.mark.usefixtures("demanding")
def test_the_board_is_brought_up_to_date_and_tells_what_cannot_be_read(prod: Names) -> None:
    @flow
    async def look() -> None:
        topology = await call(load_topology, config_path())
        await report_board(ReleaseTarget.of(topology, "prod"))

    asyncio.run(look())
    page = latest_artifact(f"live-{prod.page}")
    assert plan(repository=f"acme/{WHOLE}").digest in page
    assert "promotion.wait_damaged" in page
    assert "record.newer_format" in page
