"""A promotion passes gates: before anything is planned, and again before it is executed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from prefect import flow

from tests.flows.conftest import Become
from tests.support.codes import because
from tests.support.commands import invoke_json
from tests.support.flow_runs import release
from tests.support.releases import outcome
from tests.support.repositories import RepositoryMaker
from tests.support.templates import queue, services
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.access import Target
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import PREPROD, Topology
from tiercel.domain.release.ledger import Release, ReleaseStatus
from tiercel.domain.release.rollback import restoring
from tiercel.domain.stack.plan import Plan
from tiercel.flows.promote import promote_to_prod
from tiercel.flows.publish import publish_artifact
from tiercel.flows.release.preparation import prepare
from tiercel.flows.release.services import _published, release_all
from tiercel.flows.rollback import roll_back
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.records.ledger import newest_release, record_intent, record_outcome

pytestmark = pytest.mark.usefixtures("operator")


def service(name: str) -> dict[str, str]:
    return {"tiercel.toml": services(**{name: ""}), f"{name}/template.json": queue()}


def operations(sandbox: Sandbox, before: int) -> set[str]:
    return {entry.operation for entry in read_journal(sandbox.journal, before)}


@pytest.fixture
def line(sandbox: Sandbox) -> Iterator[tuple[str, ...]]:
    """Where the commands work; whatever was held goes on afterwards."""
    place = ("--sandbox", "--state", str(sandbox.state))
    yield place
    invoke_json("resume", "prod", "--reason", "the test is over", *place)


def cut_off(live: Release, prod: Names) -> Callable[[], Release | None]:
    """Leave Prod's ledger as a run that died on its way back; return how to read its newest entry.

    The version that failed is but an entry: what is to come back is still there.
    """
    records, good = Target(prod, "test").records, live.intent
    failed = good.model_copy(update={"number": good.number + 1, "artifact_digest": "f" * 64})
    back = restoring(live).model_copy(update={"number": good.number + 2})
    assert record_intent.fn(records, failed)
    unwell = outcome(status=ReleaseStatus.FAILED, stack_token="")
    record_outcome.fn(records, failed, unwell)
    assert record_intent.fn(records, back)
    return lambda: newest_release.fn(records, good.stack)


def test_a_held_line_is_passed_by_nothing_but_a_way_back_that_was_cut_off(
    sandbox: Sandbox,
    topology: Topology,
    become: Become,
    repositories: RepositoryMaker,
    line: tuple[str, ...],
) -> None:
    repository = repositories.make("held")
    release(repository, repository.commit(service("held")))
    repository.merge_into_main()
    said = invoke_json("hold", "prod", "--all", "--reason", "errors \u202e rise", *line)
    assert (said["holds"], said["everything"], said["reason"]) == (True, True, "errors rise")
    become("prod")
    before = journal_size(sandbox.journal)

    with pytest.raises(RefusedInputError, check=because("promotion.gate_closed")) as refused:
        asyncio.run(promote_to_prod(repository.name, "main"))
    with pytest.raises(RefusedInputError, check=because("rollback.held")):
        asyncio.run(roll_back("prod", "acme-prod-held"))

    assert "errors rise" in refused.value.why
    assert not operations(sandbox, before) & {"CreateChangeSet", "ExecuteChangeSet"}
    held = invoke_json("status", *line)["holds"]
    assert {name: one["reason"] for name, one in held.items()} == {"prod": "errors rise"}

    invoke_json("resume", "prod", "--reason", "mended", *line)
    become("prod")
    promoted = asyncio.run(promote_to_prod(repository.name, "main"))["held"]
    assert promoted.changed
    assert "holds" not in invoke_json("status", *line)

    become("prod")
    newest = cut_off(promoted.release, Names.of(topology, "prod"))
    for everything, status in (("--all", ReleaseStatus.OPEN), ("", ReleaseStatus.SUCCEEDED)):
        invoke_json("hold", "prod", *filter(None, [everything]), "--reason", "errors rise", *line)
        become("prod")
        with pytest.raises(RefusedInputError, check=because("promotion.gate_closed")) as closed:
            asyncio.run(promote_to_prod(repository.name, "main"))
        back = newest()
        went_back = "acme-prod-held went back to release" in closed.value.state
        assert went_back is (status is ReleaseStatus.SUCCEEDED)
        assert back
        assert (back.intent.restores, back.status) == (promoted.release.intent.number, status)


def test_a_gate_that_closes_after_the_plan_keeps_the_stack_as_it_is(
    sandbox: Sandbox, repositories: RepositoryMaker
) -> None:
    repository = repositories.make("toolate")
    commit = repository.commit(service("toolate"))
    asyncio.run(publish_artifact(repository.name, commit, then_deploy=False))
    before = journal_size(sandbox.journal)

    async def closed(plan: Plan) -> None:
        assert plan.stack == "acme-preprod-toolate"
        raise RefusedInputError("promotion.gate_closed", "closed", state="", remedy="wait")

    @flow
    async def late() -> None:
        prepared = await prepare(repository.name, commit, PREPROD)
        await release_all(replace(prepared, gate=closed), await _published(prepared))

    with pytest.raises(RefusedInputError, check=because("promotion.gate_closed")):
        asyncio.run(late())

    called = operations(sandbox, before)
    assert "CreateChangeSet" in called
    assert "ExecuteChangeSet" not in called
