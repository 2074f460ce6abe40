"""A whole shadow drill: in a sandbox of its own, as everything that Prod has live is rebuilt."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.flows.conftest import Become
from tests.flows.test_killed_and_raced_releases import impatient, kill_after, server
from tests.flows.test_rebuild_from_scratch import shop, stacks
from tests.support.aws import root_client
from tests.support.codes import because
from tests.support.commands import fork, fork_json
from tests.support.drills import begun
from tests.support.flow_runs import release
from tests.support.repositories import RepositoryMaker
from tests.support.templates import queue
from tiercel.domain.artifact.manifest import manifest_key
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.drill.plan import DrillPlan, PlannedStack
from tiercel.domain.drill.record import ApprovalKind
from tiercel.domain.drill.shadow import SHADOW_OWNER
from tiercel.domain.ephemeral.environments import EphemeralState, OriginKind
from tiercel.domain.ephemeral.origins import Origin
from tiercel.domain.organization.access import Records, orchestrator
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.flows.promote import promote_to_prod
from tiercel.flows.shadow_drill import shadow_drill
from tiercel.sandbox import lifecycle
from tiercel.sandbox.aws.journal import journal_size, read_journal
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.records.ephemeral import read_environments
from tiercel.tasks.records.ledger import newest_release
from tiercel.tasks.teardown.drill_records import begin_drill, open_drill, read_open_drill

pytestmark = pytest.mark.usefixtures("operator")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, topology: Topology) -> Iterator[Sandbox]:
    state = tmp_path_factory.mktemp("shadowed")
    yield lifecycle.up(state, topology, prefect=False)
    lifecycle.down(state)


def with_a_fixed_name() -> dict[str, str]:
    files = shop()
    described = '[services.pinned]\npath = "pinned"\ntemplate = "template.json"\n'
    described += '[services.after]\npath = "after"\ntemplate = "template.json"\n'
    described += 'depends_on = ["pinned"]\n'
    return {
        **files,
        "tiercel.toml": files["tiercel.toml"] + described,
        "pinned/template.json": queue(QueueName="pinned"),
        "after/template.json": queue(),
    }


def test_what_prod_has_live_is_rebuilt_beside_and_goes_also_after_a_kill(
    sandbox: Sandbox,
    topology: Topology,
    preprod: Names,
    become: Become,
    repositories: RepositoryMaker,
) -> None:
    with pytest.raises(RefusedInputError, check=because("live.not_told")):
        asyncio.run(shadow_drill())
    with pytest.raises(RefusedInputError, check=because("drill.no_production")):
        asyncio.run(shadow_drill("preprod"))
    repository = repositories.make("shadowed")
    before = release(repository, repository.commit(with_a_fixed_name()))
    repository.merge_into_main()
    become("prod")
    asyncio.run(promote_to_prod(repository.name, "main"))
    become("preprod")
    there, offset = stacks(sandbox), journal_size(sandbox.journal)

    plan = asyncio.run(shadow_drill(plan_only=True))

    assert isinstance(plan, DrillPlan)
    assert [one.service for one in plan.stacks] == ["desk", "store"]
    assert {one.service: one.why.split(":")[0] for one in plan.left_out}.keys() == {
        "after",
        "pinned",
    }
    records = Records(orchestrator(preprod, "test"), preprod.artifact_bucket)
    with damaged(sandbox, preprod, plan.stacks[0]):
        assert_no_drill_stays_open(records)
        opened = begun(plan, approval=ApprovalKind.NOT_NEEDED)
        assert begin_drill.fn(records, opened)
        name = Origin(OriginKind.DRILL, "prod").name("")
        prefix = Names.ephemeral(topology, name).stack_prefix
        open_drill.fn(records, opened.marker(prefix))
        assert_no_drill_stays_open(records)
    where = ["--local", "--sandbox", "--state", str(sandbox.state)]
    where += ["--config", str(impatient(sandbox))]
    drill = ["rebuild", "--shadow", "prod", *where]
    kill_after(fork(*drill, **server()), sandbox.journal, offset, "ExecuteChangeSet")
    assert read_open_drill.fn(records)
    report = fork_json(*drill, **server())

    assert not report["failures"]
    assert not report["differences"]
    assert list(report["phases"]) == ["rebuild", "verify", "delete", "prove-empty"]
    assert report["seconds"] < sum(report["phases"].values())
    assert stacks(sandbox) == there
    [record] = [
        one for one in read_environments.fn(records).readable if one.origin is OriginKind.DRILL
    ]
    assert (record.state, record.owner) == (EphemeralState.GONE, SHADOW_OWNER)
    assert record.seeded == ("desk",)
    names = Names.ephemeral(topology, record.name)
    for service in ("store", "desk"):
        now = newest_release.fn(records, names.stack(service))
        assert now
        assert now.intent.artifact_digest == before[service].release.intent.artifact_digest
    assert read_open_drill.fn(records) is None
    listed: list[dict[str, Any]] = fork_json("drills", "--shadow", "prod", *where[1:], **server())
    assert [one["number"] for one in listed] == [report["number"]]
    assert_nothing_reached_prod(sandbox, topology, offset)


@contextmanager
def damaged(sandbox: Sandbox, preprod: Names, planned: PlannedStack) -> Iterator[None]:
    """An artifact's manifest is another one for a while."""
    s3 = root_client(sandbox, "preprod-infrastructure-root", "s3")
    key = manifest_key(planned.service, planned.artifact_id)
    put = s3.put_object(Bucket=preprod.artifact_bucket, Key=key, Body=b"{}")
    yield
    s3.delete_object(Bucket=preprod.artifact_bucket, Key=key, VersionId=put["VersionId"])


def assert_no_drill_stays_open(records: Records) -> None:
    with pytest.raises(RefusedInputError, check=because("artifact.manifest_damaged")):
        asyncio.run(shadow_drill())
    assert read_open_drill.fn(records) is None


def assert_nothing_reached_prod(sandbox: Sandbox, topology: Topology, offset: int) -> None:
    """Of all calls since, none was about anything of Prod's accounts."""
    prod = topology.environment("prod")
    accounts = (prod.infrastructure_account, prod.runtime_account)
    calls = [one for one in read_journal(sandbox.journal, offset) if ":root" not in one.principal]
    assert calls
    assert not [
        one
        for one in calls
        if any(f":{account}:" in one.resource for account in accounts)
        or "acme-prod-" in one.resource
        or any(f":{account}:" in one.principal for account in accounts)
    ]
